//! What the machine is told once, at a start or a reload.

use std::sync::Arc;

use crate::domain::{CallbackPolicy, Language, NodeId, StepId};

/// A way to a video message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoWay {
    /// The call carries video already.
    Inline,
    /// Video is offered in the call that is up (re-INVITE).
    Reinvite,
    /// The call is ended and the calling device is called with video.
    CallBack,
    /// The call is ended and the calling device gets a link to upload a video.
    Link,
}

impl VideoWay {
    /// All of them, in the usual order.
    pub const ALL: [Self; 4] = [Self::Inline, Self::Reinvite, Self::CallBack, Self::Link];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Reinvite => "reinvite",
            Self::CallBack => "callback",
            Self::Link => "link",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// The machine's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node, and the number of this start: the numbers of messages and steps begin with them.
    pub node: NodeId,
    /// See `node`.
    pub boot: u32,
    /// The directory of deposits, absolute; a part's file is `SPOOL/deposits/MESSAGE/NUMBER.wav`.
    pub spool: Arc<str>,
    /// The directory of prompts, absolute; a prompt's file is `PROMPTS/LANGUAGE/NAME.wav`.
    pub prompts: Arc<str>,
    /// The language of mailboxes that have none of their own.
    pub language: Language,
    /// What is shorter is not kept, in milliseconds.
    pub min_ms: u64,
    /// The silence that ends a recording, in seconds; 0: none does.
    pub silence_s: u16,
    /// The ways to a video message, in the order in which they are tried.
    pub ways: Vec<VideoWay>,
    /// The key that switches between audio and video.
    pub switch_key: char,
    /// How long a call to a device may ring, in seconds.
    pub ring_s: u16,
    /// How long a link is good, in seconds.
    pub link_valid_s: u32,
    /// Whether links are told by webhook, too: then a device that takes no text is no failure.
    pub webhook: bool,
    /// The most deposits at one time. A leg beyond it is left to its guard: the switch tells the
    /// caller that nobody can take his message.
    pub deposits_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: NodeId(1),
            boot: 1,
            spool: "/var/spool/hallporter".into(),
            prompts: "/usr/share/hallporter/prompts".into(),
            language: default_language(),
            min_ms: 2_000,
            silence_s: 5,
            ways: VideoWay::ALL.into(),
            switch_key: '*',
            ring_s: 25,
            link_valid_s: 24 * 60 * 60,
            webhook: false,
            deposits_max: 10_000,
        }
    }
}

#[expect(clippy::expect_used, reason = "two letters are a name")]
fn default_language() -> Language {
    Language::parse("en").expect("two letters are a name")
}

/// What the desk wants done about a deposit because of a call-back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// It is done; the call may go on.
    Now,
    /// The recording is being stopped; [`super::Output::Managed`] tells when it is done.
    Soon,
    /// There is nothing to do.
    Nothing,
}

/// When a recording is managed that is ended because of a call-back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedWhen {
    /// When it has stopped.
    Stopped,
    /// When the depositing caller's leg is gone, too, and nothing is held for him any more.
    Gone,
}

/// Gives the numbers of steps.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    node: NodeId,
    boot: u32,
    counter: u32,
}

impl Steps {
    pub(super) fn new(node: NodeId, boot: u32) -> Self {
        Self { node, boot, counter: 0 }
    }

    pub(super) fn next(&mut self) -> StepId {
        self.counter = self.counter.wrapping_add(1);
        StepId::new(self.node, self.boot, self.counter)
    }
}

/// What a policy makes of a call-back; `Ignore` never comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallBackKind {
    Pause,
    Save,
    Discard,
}

impl CallBackKind {
    pub(super) fn of(policy: CallbackPolicy) -> Option<Self> {
        match policy {
            CallbackPolicy::Pause => Some(Self::Pause),
            CallbackPolicy::Save => Some(Self::Save),
            CallbackPolicy::Discard => Some(Self::Discard),
            CallbackPolicy::Ignore => None,
        }
    }
}
