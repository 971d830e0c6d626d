//! What a caller wishes of those who route the call (RFC 3841).

use serde::{Deserialize, Serialize};

use super::Few;

/// One wish. All of a caller's are a [`Few`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// No message is to be left: `Reject-Contact` with `automata` or an `actor` that is a
    /// `msg-taker`.
    NoMailbox,
    /// One device is to ring: `Request-Disposition: no-fork`.
    NoFork,
    /// Devices are to ring one after the other: `Request-Disposition: sequential`.
    Sequential,
    /// Devices are to ring together: `Request-Disposition: parallel`.
    Parallel,
}

impl Wish {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NoMailbox, Self::NoFork, Self::Sequential, Self::Parallel];

    /// The word in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoMailbox => "no_mailbox",
            Self::NoFork => "no_fork",
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
        }
    }
}

const DIRECTIVES: [(&str, Wish); 3] =
    [("no-fork", Wish::NoFork), ("sequential", Wish::Sequential), ("parallel", Wish::Parallel)];

/// Reads `Request-Disposition` and `Reject-Contact`, several of one kind with commas between. What
/// is not known in them is no wish: they are wishes, and decide no call by being written badly.
#[must_use]
pub fn read_wishes(disposition: &str, rejected: &str) -> Few {
    let mut wishes = Few::default();
    for directive in disposition.split(',').map(str::trim) {
        let known = DIRECTIVES.iter().find(|(word, _)| word.eq_ignore_ascii_case(directive));
        wishes = known.map_or(wishes, |(_, wish)| wishes.with(*wish as u8));
    }
    if rejected.split(',').any(is_mailbox) {
        wishes = wishes.with(Wish::NoMailbox as u8);
    }
    wishes
}

/// Whether one value of `Reject-Contact` (`*;automata`, `*;actor="msg-taker"`) is about mailboxes.
fn is_mailbox(value: &str) -> bool {
    value.split(';').skip(1).any(|parameter| {
        let (name, given) = parameter.split_once('=').unwrap_or((parameter, ""));
        let given = given.trim().trim_matches('"');
        let is = |word: &str| name.trim().eq_ignore_ascii_case(word);
        let automaton = is("automata") && (given.is_empty() || given.eq_ignore_ascii_case("true"));
        automaton || (is("actor") && given.eq_ignore_ascii_case("msg-taker"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_rubbish_is_none() {
        for (disposition, rejected, expected) in [
            ("", "", vec![]),
            ("no-fork", "", vec![Wish::NoFork]),
            ("proxy, Sequential ,recurse", "", vec![Wish::Sequential]),
            ("parallel", "*;automata", vec![Wish::NoMailbox, Wish::Parallel]),
            ("", "*;automata=\"TRUE\"", vec![Wish::NoMailbox]),
            ("", "*;automata=\"FALSE\"", vec![]),
            ("", "*;mobility=\"fixed\", *;actor=\"msg-taker\";video", vec![Wish::NoMailbox]),
            ("", "*;actor=\"principal\"", vec![]),
            ("no-forks;;==\"", "automata;;=\",;actor", vec![]),
        ] {
            let all = expected.iter().fold(Few::default(), |all, wish| all.with(*wish as u8));
            assert_eq!(read_wishes(disposition, rejected), all, "{disposition} {rejected}");
        }
    }
}
