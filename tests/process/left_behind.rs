//! Deposits as a daemon that has gone away left them.

use std::path::Path;
use std::process::Command;

use hallporter::domain::{
    AccountKey, Caller, CardPart, DepositCard, DepositCause, Mailbox, MailboxName, Medium,
    MessageId,
};

use super::daemon::Home;

/// Until when links are good: far ahead, in seconds since 1970, and fitting into five bytes.
pub(crate) const UNTIL_S: i64 = 4_000_000_000;

/// A deposit with some sound in it, or one whose caller was sent a link.
pub(crate) fn left_behind(home: &Home, id: MessageId, sound: Option<&[u8]>) {
    let part = CardPart { number: 1, medium: Medium::Audio, dropped: false };
    let card = DepositCard {
        message: id,
        account: AccountKey(0),
        mailbox: Mailbox::new(MailboxName::parse("alice").unwrap()),
        caller: Caller { shown: "+15550100".into(), ..Caller::default() },
        call_id: "a@h".into(),
        cause: DepositCause::NoAnswer,
        switch: "fs1".into(),
        leg: None,
        began_ms: 5,
        urgent: false,
        link_until_s: sound.is_none().then_some(UNTIL_S),
        beside: None,
        parts: sound.map(|_| part).into_iter().collect(),
    };
    let dir = home.dir.join(format!("spool/deposits/{id}"));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("card.json"), serde_json::to_vec(&card).unwrap()).unwrap();
    if let Some(sound) = sound {
        std::fs::write(dir.join("1.wav"), sound).unwrap();
    }
}

/// Two seconds of picture and sound, as a telephone makes them; `None` without ffmpeg.
pub(crate) fn film(dir: &Path) -> Option<Vec<u8>> {
    let path = dir.join("film.mp4");
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=160x120:r=10:d=2"])
        .args(["-f", "lavfi", "-i", "sine=d=2", "-pix_fmt", "yuv420p", "-shortest"])
        .arg(&path)
        .status();
    made.is_ok_and(|status| status.success()).then(|| std::fs::read(path).unwrap())
}
