//! The keeper of the files on a real disk, with a real ffmpeg where there is one.

mod content;
mod copied;
mod deposit;
mod full;
mod keep;
mod readers;
mod tools;
mod upload;
mod video;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::domain::{
    AccountKey, Caller, CardPart, ContentId, DepositCard, DepositCause, Mailbox, MailboxName,
    Medium, MessageId, Stored,
};

use super::*;

/// A spool in a directory of its own, which goes with it.
struct House {
    root: PathBuf,
    spool: Arc<Spool>,
}

impl House {
    fn new(tools: Tools) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hallporter-spool-{}-{count}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&root);
        let spool = Arc::new(Spool::open(&root, tools).unwrap());
        Self { root, spool }
    }

    /// As after a start.
    fn again(&mut self) {
        self.spool = Arc::new(Spool::open(&self.root, self.spool.tools.clone()).unwrap());
    }

    fn open(&self, parts: &[CardPart]) -> DepositCard {
        let card = card(parts);
        self.spool.open_deposit(&card, 1).unwrap();
        card
    }

    fn record(&self, card: &DepositCard, part: CardPart, bytes: &[u8]) {
        fs::write(self.spool.part_path(card.message, part), bytes).unwrap();
    }

    fn kept(&self, file: &Stored) -> Vec<u8> {
        let bytes = fs::read(self.spool.content_path(file.content)).unwrap();
        assert_eq!(bytes.len() as u64, file.bytes);
        bytes
    }

    /// Everything that is there, by path below the root.
    fn listing(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    found.push(path.strip_prefix(&self.root).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

const MESSAGE: MessageId = MessageId(0x7_0000_012c);

fn audio(number: u16) -> CardPart {
    CardPart { number, medium: Medium::Audio, dropped: false }
}

fn video(number: u16) -> CardPart {
    CardPart { number, medium: Medium::Video, dropped: false }
}

fn card(parts: &[CardPart]) -> DepositCard {
    DepositCard {
        message: MESSAGE,
        account: AccountKey(3),
        mailbox: Mailbox::new(MailboxName::parse("alice").unwrap()),
        caller: Caller { shown: "../../etc/passwd".into(), ..Caller::default() },
        call_id: "/../\u{0}|x".into(),
        cause: DepositCause::Busy,
        switch: "fs1".into(),
        leg: None,
        began_ms: 1,
        urgent: false,
        link_until_s: None,
        beside: None,
        parts: parts.to_vec(),
    }
}

/// So many milliseconds of a tone, as FreeSWITCH records them: 8 kHz, one channel, 16 bit.
fn wav(length_ms: u32, pitch: i16) -> Vec<u8> {
    let samples = (0..length_ms * 8).flat_map(|at| {
        let high = at / 8 % 2 == 0;
        (if high { pitch } else { -pitch }).to_le_bytes()
    });
    let samples: Vec<u8> = samples.collect();
    let mut bytes = WavFormat::pcm16(8_000, 1).head(samples.len() as u64);
    bytes.extend(samples);
    bytes
}

fn read(bytes: &[u8]) -> Option<Wav> {
    read_wav(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
}

/// The ffmpeg of this machine; `None`, after a line that says so, if there is none.
#[expect(clippy::print_stderr, reason = "what was skipped")]
fn ffmpeg() -> Option<Tools> {
    let tools = Tools::find("/usr/bin:/usr/local/bin:/bin");
    if tools.ffmpeg.is_none() || tools.ffprobe.is_none() {
        static SAID: OnceLock<()> = OnceLock::new();
        SAID.get_or_init(|| eprintln!("ffmpeg is not installed: video was not tested"));
        return None;
    }
    Some(tools)
}

/// What ffmpeg makes of these words, in a file with this ending.
fn film(tools: &Tools, words: &str, ending: &str) -> Vec<u8> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hallporter-film-{}-{count}.{ending}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut arguments = super::tools::arguments(["-nostdin", "-v", "error", "-y"]);
    arguments.extend(super::tools::arguments(words.split(' ')));
    arguments.push(path.clone().into());
    let within = std::time::Duration::from_secs(120);
    super::tools::run(tools.ffmpeg.as_deref(), &arguments, within).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    bytes
}

const PICTURE: &str = "-f lavfi -i testsrc=size=176x144:rate=15";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=44100";
const H264: &str = "-c:v libx264 -profile:v baseline -preset ultrafast -pix_fmt yuv420p -g 15";

/// 4 s as FreeSWITCH records a video: Constrained Baseline and Vorbis in Matroska.
fn recording(tools: &Tools) -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        film(tools, &format!("{PICTURE} {SOUND} -t 4 {H264} -b:v 400k -c:a libvorbis"), "mkv")
    })
}

/// The hash is the name.
fn named_by_content(path: &Path) -> bool {
    use sha2::Digest as _;
    let name = path.file_name().unwrap().to_str().unwrap();
    let hash = sha2::Sha256::digest(fs::read(path).unwrap());
    ContentId::parse(name) == Some(ContentId(hash.into()))
}
