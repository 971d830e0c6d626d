//! The picture of the machine, made from the transitions that it has.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::deposit::State;
use super::transitions::TRANSITIONS;

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

/// (state, event, other state), in the words of the picture.
pub type Transition = (&'static str, &'static str, &'static str);

/// The states from which the ways to the end are drawn. From all others they are the same, and a
/// sentence below the picture says so.
const ENDINGS: [&str; 6] = ["claiming", "closing", "keeping", "parting", "stopping", "uploading"];

/// The picture as text that GitHub and others draw (mermaid).
#[must_use]
pub fn mermaid() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> opening\n");
    let mut edges: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (from, event, to) in TRANSITIONS {
        let ends = matches!(*to, "closing" | "keeping" | "over");
        let common = matches!(*event, "hang-up" | "operator" | "switch's list" | "call-back");
        if !ends || (ENDINGS.contains(from) && !common) {
            edges.entry((from, to)).or_default().push(event);
        }
    }
    for ((from, to), events) in edges {
        let _ = writeln!(text, "    {from} --> {to}: {}", events.join(", "));
    }
    text.push_str("    over --> [*]\n");
    text
}
