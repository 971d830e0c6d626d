//! What a switch (a FreeSWITCH) tells, and what it is asked to do.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CallRef, Medium, NodeId, SeenDialog, SipUri, call};

/// The number of a switch in this node's configuration, in the order written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SwitchId(pub u8);

/// One leg of a call at a switch: FreeSWITCH's own unique id of the channel. Letters, digits, `-`
/// and `_` only, at most 64: it goes into commands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LegId(Arc<str>);

impl LegId {
    /// Reads an id; `None` for one that could break a command.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same as two numbers, where a proxy would name its dialog (FNV-1a of the text): tells one
    /// channel from the next.
    #[must_use]
    pub fn as_dialog(&self) -> (u32, u32) {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.0.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        ((hash >> 32) as u32, hash as u32)
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LegId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no id of a leg"))
    }
}

/// Names one application that runs on a leg, so that its end is known as its own. Grows with
/// every start, like [`CallRef`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u64);

impl StepId {
    /// The `counter`-th step after the `boot`-th start of a node.
    #[must_use]
    pub fn new(node: NodeId, boot: u32, counter: u32) -> Self {
        Self(call::numbered(node, boot, counter))
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("hp-step-")?;
        u64::from_str_radix(digits, 16).ok().map(Self).filter(|step| step.to_string() == text)
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hp-step-{:x}", self.0)
    }
}

/// What a leg can do about video, as the switch knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// A video stream was negotiated and flows towards us, as far as the SDP says (variables
    /// `video_possible` and `remote_video_media_flow`).
    pub negotiated: bool,
    /// Video packets that have come; 0 if it was not asked for.
    pub packets: u64,
}

/// A leg that has come to us and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegFacts {
    /// The SIP Call-ID: the same as at the proxy, which only forwards.
    pub call_id: Arc<str>,
    /// What was dialled at the switch: a mailbox's name, or `callback-MESSAGE`.
    pub dialled: Arc<str>,
    /// `cause` of the request-URI (RFC 4458), if there was one.
    pub cause: Option<u16>,
    /// The header `X-Hallporter-Cause`, if it came.
    pub our_cause: Option<Arc<str>>,
    /// The header `X-Hallporter-Greeting`, if it came.
    pub greeting: Option<super::GreetingName>,
    /// The header `X-Hallporter-Call`, if it came.
    pub call: Option<CallRef>,
    /// The From URI.
    pub from_uri: Arc<str>,
    /// The From display name, without control characters.
    pub from_display: Arc<str>,
    /// The Contact of the calling device, if it can be used.
    pub contact: Option<SipUri>,
    /// Where the request came from, `host:port`; a call back to the device goes this way.
    pub via: Option<Arc<str>>,
    /// Whether it was answered already.
    pub answered: bool,
    /// What it can do about video.
    pub video: VideoFacts,
}

/// A leg as the switch's own list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegSeen {
    /// Which.
    pub leg: LegId,
    /// The application that runs: `park`, `record`, `playback`, ...
    pub application: Arc<str>,
    /// Its argument; a recording's path comes first in it.
    pub data: Arc<str>,
}

/// What a switch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchEvent {
    /// Its own list, complete: after every (re)connection and regularly. What is missing from it
    /// is gone. Legs that were parked unseen are told by [`LegEvent::Parked`] right before.
    Legs {
        /// It was started anew since the last time: none of its older legs is there any more.
        restarted: bool,
        /// All of them.
        legs: Vec<LegSeen>,
    },
    /// Its own list was asked for, and will say which of the calls that we have routed on it are
    /// there. Told only of switches that ask us who rings.
    CallsAsked {
        /// As of [`SwitchEvent::Legs`].
        restarted: bool,
    },
    /// Those calls, complete.
    Calls(Vec<SeenDialog>),
    /// The connection is lost; its legs go on by themselves until it is back.
    Lost,
    /// Something happened on a leg.
    Leg {
        /// Which.
        leg: LegId,
        /// What.
        event: LegEvent,
    },
}

/// What happens on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// It has come and waits for us.
    Parked(Box<LegFacts>),
    /// The answer to [`SwitchCommand::Claim`]: whether it is ours. If not, its guard has fired or
    /// somebody else has it: hands off.
    Claimed(bool),
    /// It was answered.
    Answered,
    /// An application has ended.
    Done {
        /// Which.
        step: StepId,
        /// The key that ended it, if one did.
        key: Option<char>,
        /// A file was not there, or could not be opened.
        failed: bool,
    },
    /// A key was pressed.
    Key(char),
    /// Recording has begun.
    RecordStarted {
        /// The file, as it was asked for.
        path: Arc<str>,
    },
    /// Recording has ended. Whether there is a recording says only the file.
    RecordStopped {
        /// The file, as it was asked for.
        path: Arc<str>,
        /// The key that ended it, if one did.
        key: Option<char>,
        /// Silence ended it.
        silence: bool,
    },
    /// It is connected with another leg.
    Bridged {
        /// The other one.
        other: LegId,
    },
    /// It is connected no more, and waits for us again.
    Unbridged,
    /// A command for it was refused (the word of the command, for the log).
    Refused {
        /// The command.
        command: &'static str,
    },
    /// The answer to [`SwitchCommand::AskVideo`].
    Video(VideoFacts),
    /// The device has sent a text in the call (SIP INFO or MESSAGE): `audio` or `video`.
    Wish(Medium),
    /// It is gone.
    HungUp {
        /// FreeSWITCH's word for the cause, such as `NORMAL_CLEARING`.
        cause: Arc<str>,
    },
    /// The answer to [`SwitchCommand::SendText`]: whether the device took it.
    TextSent(bool),
}

/// What is played: files of the prompts, of a deposit, of a mailbox; or silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A file, by its absolute path.
    File(Arc<str>),
    /// A short tone after which recording begins.
    Beep,
    /// Nothing, for so long; keys are taken meanwhile.
    Silence {
        /// Milliseconds.
        ms: u32,
    },
}

/// Which keys end an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None of them.
    None,
    /// Any of them.
    Any,
    /// `#`, and the key that switches between audio and video.
    EndOrSwitch {
        /// That key.
        switch: char,
    },
}

/// What a switch is asked to do. Applications run with the dead man's tail: should hallporter die,
/// the switch itself moves the leg to its fall-back 1.5 s after the application's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchCommand {
    /// Make a waiting leg ours, by taking its guard away. Answered by [`LegEvent::Claimed`].
    Claim {
        /// Which.
        leg: LegId,
    },
    /// Answer it. Told by [`LegEvent::Answered`].
    Answer {
        /// Which.
        leg: LegId,
    },
    /// Play one after the other. Told by [`LegEvent::Done`].
    Play {
        /// Where.
        leg: LegId,
        /// Under this name.
        step: StepId,
        /// What.
        sounds: Vec<Sound>,
        /// Which keys end it.
        keys: Keys,
    },
    /// Record what comes. Told by [`LegEvent::RecordStarted`], [`LegEvent::RecordStopped`] and
    /// [`LegEvent::Done`]. A file that can't be opened ends the leg (measured).
    Record {
        /// Where.
        leg: LegId,
        /// Under this name.
        step: StepId,
        /// The file, by its absolute path; its directory is there.
        path: Arc<str>,
        /// Sound or picture.
        medium: Medium,
        /// The longest, in seconds.
        limit_s: u16,
        /// The silence that ends it, in seconds; 0: none does.
        silence_s: u16,
        /// Which keys end it.
        keys: Keys,
    },
    /// End what runs, and forget what waits behind it (the tail).
    Break {
        /// Where.
        leg: LegId,
    },
    /// Play a file into what runs, without ending it; or end what is played so.
    Overlay {
        /// Where.
        leg: LegId,
        /// The file, by its absolute path; `None`: no more.
        path: Option<Arc<str>>,
    },
    /// Connect two legs. Told by [`LegEvent::Bridged`]; when the other one hangs up, `leg` waits
    /// again ([`LegEvent::Unbridged`]). Nothing may run on `leg`.
    Bridge {
        /// The leg that waits again afterwards.
        leg: LegId,
        /// The other one.
        other: LegId,
    },
    /// Hang up.
    HangUp {
        /// Which.
        leg: LegId,
        /// FreeSWITCH's word for the cause, such as `NORMAL_CLEARING`, `USER_BUSY`.
        cause: &'static str,
    },
    /// Ask what the leg can do about video. Answered by [`LegEvent::Video`].
    AskVideo {
        /// Which.
        leg: LegId,
    },
    /// Offer video in the call that is up (re-INVITE). Its outcome is asked for by
    /// [`SwitchCommand::AskVideo`] some time later: the switch does not tell it.
    OfferVideo {
        /// Which.
        leg: LegId,
    },
    /// Call a device. Told by [`LegEvent::Parked`] of the new leg when it answers, and by
    /// [`LegEvent::HungUp`] when it does not.
    Call {
        /// The name of the new leg.
        leg: LegId,
        /// Whom.
        uri: SipUri,
        /// By which way, `host:port`, if not directly.
        via: Option<Arc<str>>,
        /// What the caller is called, for the called device.
        from_user: Arc<str>,
        /// With picture.
        video: bool,
        /// How long it may ring, in seconds.
        ring_s: u16,
    },
    /// Take a waiting leg, and connect it with a device once whoever answers there has pressed a
    /// key. If nobody does, the leg is ended. Nothing is told.
    Confirm {
        /// The waiting leg.
        leg: LegId,
        /// Whom.
        uri: SipUri,
        /// By which way, `host:port`, if not directly.
        via: Option<Arc<str>>,
        /// The digit.
        key: char,
        /// The directory of the prompts, in the language in which he is asked.
        prompts: Arc<str>,
        /// How long it may take, in seconds: ringing, hearing, pressing.
        ring_s: u16,
    },
    /// Send a text to a device. Answered by [`LegEvent::TextSent`] under the given leg.
    SendText {
        /// The leg it belongs to; it need not be there any more.
        leg: LegId,
        /// Whom.
        uri: SipUri,
        /// By which way, `host:port`, if not directly.
        via: Option<Arc<str>>,
        /// What; one line, without `|`.
        text: Arc<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_cannot_break_a_command() {
        assert!(LegId::parse("5f2a-9b_X").is_some());
        for bad in ["", "a b", "a\nb", "a,b", "a;b", "ä", "a'", &"x".repeat(65)] {
            assert_eq!(LegId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn steps_come_back_as_they_went_out() {
        let step = StepId::new(NodeId(1), 3, 9);
        assert_eq!(StepId::parse(&step.to_string()), Some(step));
        for bad in ["hp-step-", "hp-step-01", "hp-step-x", "hp-step-F", "step-1"] {
            assert_eq!(StepId::parse(bad), None, "{bad}");
        }
    }
}
