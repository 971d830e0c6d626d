//! `[messages]` and `[[freeswitch]]`, as meant.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::Language;

use super::token::Secret;

/// `[messages]`, where there is a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// Where messages are recorded and kept. Absolute; letters, digits, `/`, `.`, `_` and `-` only,
    /// so that it can stand in a command to a switch as it is.
    pub spool: PathBuf,
    /// Where the prompts lie, a directory for each language. Written like `spool`.
    pub prompts: PathBuf,
    /// The language of mailboxes that have none of their own.
    pub language: Language,
    /// A shorter message is not kept.
    pub min_length: Duration,
    /// So much silence ends a recording, in whole seconds; zero: none does.
    pub silence: Duration,
    /// So much of the disk is kept free, in MiB.
    pub disk_free_min_mib: u64,
    /// The ways to video in the order in which they are tried, each once; [`VideoWay::Link`] only
    /// where `links` is set.
    pub video: Vec<VideoWay>,
    /// The key that switches between audio and video: `*` or a digit.
    pub switch_key: char,
    /// The program that joins and converts; `None`: it is done without.
    pub ffmpeg: Option<String>,
    /// How long a device may ring that is called back, in whole seconds.
    pub ring: Duration,
    /// Links for uploads, if they are sent.
    pub links: Option<Links>,
    /// The largest upload, in MiB.
    pub upload_max_mib: u64,
    /// Who is told of messages.
    pub webhook: Option<Webhook>,
}

/// A way to a video message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoWay {
    /// The call carries video already.
    Inline,
    /// Video is offered in the call, by a re-INVITE.
    Reinvite,
    /// The caller is called back with video.
    Callback,
    /// The caller gets a link to upload one.
    Link,
}

impl VideoWay {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Inline, Self::Reinvite, Self::Callback, Self::Link];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Reinvite => "reinvite",
            Self::Callback => "callback",
            Self::Link => "link",
        }
    }
}

/// How links are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The URL before `/u/…`, without a slash at its end.
    pub base: String,
    /// How long one can be used.
    pub valid: Duration,
    /// What they are signed with.
    pub key: Secret,
}

/// Where notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The URL, `http://` or `https://`.
    pub url: String,
    /// What is sent as bearer token.
    pub token: Option<Secret>,
}

/// `[[freeswitch]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its name, written like a node's; unique.
    pub name: String,
    /// `host:port` of its Event Socket; unique.
    pub event_socket: String,
    /// The password of its Event Socket: printable ASCII without spaces.
    pub password: Secret,
    /// `host:port` to which proxies send deposits; safe inside a SIP URI.
    pub sip: String,
    /// The name of its SIP profile, written like a name.
    pub profile: String,
    /// Whether calls come to it without a proxy, and it asks who rings (`mod_xml_curl`).
    pub routes: bool,
}
