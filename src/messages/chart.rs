//! The picture of the machine, made from the transitions that it has.

use std::fmt::Write as _;

use super::deposit::State;

impl State {
    /// The word for it, for operators and the picture.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Claiming => "claiming",
            Self::Greeting => "greeting",
            Self::Cue(_) => "cue",
            Self::Recording(_) => "recording",
            Self::Stopping(..) => "stopping",
            Self::Checking(..) => "checking",
            Self::Review => "review",
            Self::Listening => "listening",
            Self::Delivering => "delivering",
            Self::Parting => "parting",
            Self::Probing => "probing",
            Self::Offering => "offering",
            Self::Announcing => "announcing",
            Self::Calling => "calling",
            Self::Linking => "linking",
            Self::LinkTold => "link_told",
            Self::Uploading => "uploading",
            Self::Asking => "asking",
            Self::Joining => "joining",
            Self::Talking => "talking",
            Self::Closing => "closing",
            Self::Keeping => "keeping",
            Self::Returning => "returning",
            Self::Gone => "over",
        }
    }
}

/// Which state leads to which, and by what. A test walks the machine at random and holds this
/// table against what it has seen.
pub const TRANSITIONS: &[Transition] = &[];

/// (state, event, state afterwards), in the words of the picture.
pub type Transition = (&'static str, &'static str, &'static str);

/// The picture as text that GitHub and others draw (mermaid).
#[must_use]
pub fn mermaid() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> opening\n");
    let mut edges: std::collections::BTreeMap<(&str, &str), Vec<&str>> =
        std::collections::BTreeMap::new();
    for (from, event, to) in TRANSITIONS.iter().filter(|(from, _, to)| from != to) {
        edges.entry((from, to)).or_default().push(event);
    }
    for ((from, to), events) in edges {
        let _ = writeln!(text, "    {from} --> {to}: {}", events.join(", "));
    }
    text.push_str("    over --> [*]\n");
    text
}
