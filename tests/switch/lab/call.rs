//! What a test does with a call of a phone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clip::Video;
use super::leg::Leg;
use super::media::{Says, State};
use super::phone::{Manners, Shared};
use super::{g711, seconds};
use crate::live::sip::{Message, uri_of};

/// A handle to one call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(crate) id: String,
}

impl Call {
    fn once<T>(&self, within: Duration, look: impl Fn(&mut Leg) -> Option<T>) -> Option<T> {
        self.shared.once(within, |book| look(book.legs.get_mut(&self.id)?))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Leg) -> T) -> T {
        act(self.shared.book().legs.get_mut(&self.id).expect("the phone is there"))
    }

    /// Looks at the sound until it is as it should be.
    fn sound<T>(&self, within: Duration, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        loop {
            // Not under the book's lock: the phone has to go on.
            let found = self.with(|leg| leg.audio.now(&look));
            if found.is_some() || Instant::now() >= end {
                return found;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it rings at the other end.
    pub(crate) fn rings(&self, within: Duration) -> bool {
        self.once(within, |leg| leg.heard.iter().find(|m| m.code() == Some(180)).map(|_| ()))
            .is_some()
    }

    /// The code of the first reply that says more than 100; 0 if there is none in time.
    pub(crate) fn told(&self, within: Duration) -> u16 {
        let told = |leg: &mut Leg| leg.heard.iter().filter_map(Message::code).find(|c| *c > 100);
        self.once(within, told).unwrap_or_default()
    }

    /// The code of the final reply; 0 if there is none in time.
    pub(crate) fn code(&self, within: Duration) -> u16 {
        self.once(within, |leg| leg.settled.as_ref()?.code()).unwrap_or_default()
    }

    /// Must be answered.
    #[track_caller]
    pub(crate) fn is_answered(&self) {
        assert_eq!(self.code(seconds(10.0)), 200, "{} is not answered", self.id);
    }

    /// The final reply, as it came.
    pub(crate) fn reply(&self) -> Option<Message> {
        self.with(|leg| leg.settled.clone())
    }

    /// What it sends from now on.
    pub(crate) fn says(&self, says: Says) {
        self.with(|leg| leg.audio.says(says));
    }

    /// Presses keys, and waits until they have been sent.
    #[track_caller]
    pub(crate) fn presses(&self, keys: &str) {
        self.with(|leg| leg.audio.press(keys));
        let sent = |state: &State| state.pressed().then_some(());
        let limit = seconds(2.0 + f64::from(u32::try_from(keys.len()).unwrap()));
        assert!(self.sound(limit, sent).is_some(), "the keys are not sent");
    }

    /// Waits until so much tone was sent since this was said.
    pub(crate) fn has_said(&self, length: Duration) {
        let packets = u64::try_from(length.as_millis() / 20).unwrap();
        let before = self.with(|leg| leg.audio.now(|state| state.said));
        let done = |state: &State| (state.said >= before + packets).then_some(());
        assert!(self.sound(length + seconds(10.0), done).is_some(), "nothing is said");
    }

    /// When the first sound that is no silence came.
    pub(crate) fn first_sound(&self, within: Duration) -> Option<Instant> {
        self.sound(within, |state| state.first_loud)
    }

    /// Waits until so many packets that are no silence came, all in all.
    pub(crate) fn hears_loud(&self, packets: u64, within: Duration) -> bool {
        self.sound(within, |state| (state.loud >= packets).then_some(())).is_some()
    }

    /// Packets so far that were no silence.
    pub(crate) fn loud(&self) -> u64 {
        self.with(|leg| leg.audio.now(|state| state.loud))
    }

    /// When it was dialled, or came.
    pub(crate) fn began(&self) -> Instant {
        self.with(|leg| leg.began)
    }

    /// All that was heard, in µ-law.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.with(|leg| leg.audio.now(|state| state.heard.clone()))
    }

    /// Waits until this sound was heard: a quarter of a second out of its middle.
    pub(crate) fn hears(&self, sound: &[i16], within: Duration) -> bool {
        self.hears_from(0, sound, within)
    }

    /// The same, in what was heard behind so many samples.
    pub(crate) fn hears_from(&self, from: usize, sound: &[i16], within: Duration) -> bool {
        let middle = sound.len() / 2;
        let piece = &sound[middle.saturating_sub(1000)..(middle + 1000).min(sound.len())];
        let (end, mut seen) = (Instant::now() + within, from);
        loop {
            let heard = self.heard();
            // What was looked at already is not looked at again.
            if g711::is_in(piece, &heard[usize::min(seen, heard.len())..]) {
                return true;
            }
            seen = heard.len().saturating_sub(piece.len());
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until so many frames of the picture were sent, all in all.
    pub(crate) fn has_shown(&self, frames: u64, within: Duration) -> bool {
        let shown = |leg: &mut Leg| leg.video.as_ref().map_or(0, Video::frames);
        super::eventually(within, || self.with(shown) >= frames)
    }

    /// Packets of picture that came.
    pub(crate) fn picture(&self) -> u64 {
        self.with(|leg| leg.video.as_ref().map_or(0, Video::heard))
    }

    /// Whether no picture is sent though it was agreed upon.
    pub(crate) fn dark(&self, dark: bool) {
        self.with(|leg| leg.video.as_ref().expect("a call with video").dark(dark));
    }

    /// Sends a request within the call; the code of its reply.
    pub(crate) fn asks(&self, method: &str, kind: &str, body: &str) -> u16 {
        let rest = match body {
            "" => String::new(),
            _ => format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        };
        let me = self.shared.me;
        let (cseq, (text, to)) = self.with(|leg| {
            let packet = leg.request(method, &rest, me);
            (format!("{} {method}", leg.cseq), packet)
        });
        self.shared.send(&text, to);
        let replied = |leg: &mut Leg| {
            let of = leg.heard.iter().filter(|m| m.header("CSeq") == Some(&cseq));
            of.filter_map(Message::code).find(|code| *code >= 200)
        };
        self.once(seconds(5.0), replied).unwrap_or_default()
    }

    /// Hangs up.
    #[track_caller]
    pub(crate) fn bye(&self) {
        assert_eq!(self.asks("BYE", "", ""), 200, "BYE of {}", self.id);
    }

    /// Gives up before it is answered.
    pub(crate) fn cancel(&self) {
        let me = self.shared.me;
        let (text, to) = self.with(|leg| leg.cancel(me));
        self.shared.send(&text, to);
    }

    /// Picks up a call that rings here.
    pub(crate) fn answer(&self, manners: Manners) {
        let me = self.shared.me;
        let packet = self.with(|leg| {
            let invite = leg.open.take().expect("it rings here");
            let reply = leg.accept(&invite, me, manners);
            leg.replied = Some((invite.branch().to_owned(), reply.clone()));
            (reply, leg.peer)
        });
        self.shared.send(&packet.0, packet.1);
    }

    /// Refuses a call that rings here.
    pub(crate) fn refuse(&self, code: u16) {
        let (text, to) = self.with(|leg| {
            let invite = leg.open.take().expect("it rings here");
            let reply = invite.reply(&format!("{code} As Told"), &leg.tag(), "");
            leg.replied = Some((invite.branch().to_owned(), reply.clone()));
            (reply, leg.peer)
        });
        self.shared.send(&text, to);
    }

    /// Whether the other end has hung up.
    pub(crate) fn hung_up(&self, within: Duration) -> bool {
        self.once(within, |leg| {
            leg.asked.iter().find(|m| matches!(m.method(), "BYE" | "CANCEL")).map(|_| ())
        })
        .is_some()
    }

    /// Who the other end says to be.
    pub(crate) fn from(&self) -> String {
        self.with(|leg| uri_of(&leg.remote).unwrap_or_default().to_owned())
    }
}
