//! Whom a node does not let in, and why: said in one line, counted, told to the other side.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a line about the same reason is written at most. What came between is counted in it.
const LINE_EVERY_MS: u64 = 10_000;

/// Why a connection is not taken, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing was shown.
    #[error("it showed no certificate")]
    NoCertificate,
    /// Signed by somebody else.
    #[error("its certificate is not one of this cluster's authority")]
    OtherAuthority,
    /// Too late, or too early.
    #[error("its certificate is not good at this time: renew it, or look at both clocks")]
    Expired,
    /// No certificate of a node.
    #[error("its certificate is none of a node, or is not its own")]
    BadCertificate,
    /// A newcomer, and nobody is waited for.
    #[error("it is a newcomer, and no token for one is open")]
    Closed,
    /// Nothing in common to speak.
    #[error("it speaks another version: update both nodes")]
    Version,
    /// Its certificate is another node's than it says, or than was called.
    #[error("its certificate is another node's than the one it is to be")]
    OtherNode,
    /// Another process has its number, which may be this one.
    #[error("another running node has the same number: stop one, and let it join anew")]
    SameNumber,
    /// Another node has its name.
    #[error("another node has the same name: stop one, and let it join anew under another")]
    SameName,
    /// The same node has started again since.
    #[error("the same node has been started again elsewhere or since: stop one of the two")]
    OlderStart,
    /// What is no packet of QUIC.
    #[error("it sent what is no QUIC")]
    NotQuic,
    /// More than are taken at once.
    #[error("too many want to come in at once")]
    TooMany,
    /// Frames that can't be read, or streams that nobody opens.
    #[error("it said what can't be understood")]
    Nonsense,
    /// Did not say who it is.
    #[error("it did not say in time who it is")]
    Silent,
}

impl Refusal {
    /// All there are.
    pub const ALL: [Self; 14] = [
        Self::NoCertificate,
        Self::OtherAuthority,
        Self::Expired,
        Self::BadCertificate,
        Self::Closed,
        Self::Version,
        Self::OtherNode,
        Self::SameNumber,
        Self::SameName,
        Self::OlderStart,
        Self::NotQuic,
        Self::TooMany,
        Self::Nonsense,
        Self::Silent,
    ];

    /// As metrics name it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::OtherAuthority => "other_authority",
            Self::Expired => "expired",
            Self::BadCertificate => "bad_certificate",
            Self::Closed => "closed",
            Self::Version => "version",
            Self::OtherNode => "other_node",
            Self::SameNumber => "same_number",
            Self::SameName => "same_name",
            Self::OlderStart => "older_start",
            Self::NotQuic => "not_quic",
            Self::TooMany => "too_many",
            Self::Nonsense => "nonsense",
            Self::Silent => "silent",
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|refusal| *refusal == self).unwrap_or_default()
    }

    /// The code with which a connection is closed; the other side says it in its log.
    pub(super) fn code(self) -> u32 {
        u32::try_from(self.index()).unwrap_or_default() + CODE_BASE
    }

    pub(super) fn of_code(code: u64) -> Option<Self> {
        let index = code.checked_sub(CODE_BASE.into())?;
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }
}

/// Below are the codes that are no refusals.
const CODE_BASE: u32 = 16;

/// How often each reason was, and when it was written down.
#[derive(Debug, Default)]
pub(super) struct Refused {
    counts: [AtomicU64; Refusal::ALL.len()],
    lines: Mutex<BTreeMap<Refusal, (u64, u64)>>,
}

impl Refused {
    pub(super) fn count(&self, refusal: Refusal) -> u64 {
        self.counts[refusal.index()].load(Ordering::Relaxed)
    }

    /// Counts one. `Some`: write a line, and so many went unsaid since the last one.
    pub(super) fn note(&self, refusal: Refusal, mono_ms: u64) -> Option<u64> {
        self.counts[refusal.index()].fetch_add(1, Ordering::Relaxed);
        let mut lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match lines.get_mut(&refusal) {
            Some((said_ms, unsaid)) if mono_ms < said_ms.saturating_add(LINE_EVERY_MS) => {
                *unsaid += 1;
                None
            }
            _ => lines.insert(refusal, (mono_ms, 0)).map_or(Some(0), |(_, unsaid)| Some(unsaid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_now_and_then_and_says_how_many_there_were() {
        let refused = Refused::default();
        assert_eq!(refused.note(Refusal::NoCertificate, 0), Some(0));
        for ms in 1..500 {
            assert_eq!(refused.note(Refusal::NoCertificate, ms), None);
        }
        assert_eq!(refused.note(Refusal::Expired, 500), Some(0), "another reason, another line");
        assert_eq!(refused.note(Refusal::NoCertificate, LINE_EVERY_MS), Some(499));
        assert_eq!(refused.note(Refusal::NoCertificate, 3 * LINE_EVERY_MS), Some(0));
        assert_eq!(refused.count(Refusal::NoCertificate), 502);
        assert_eq!(refused.count(Refusal::Silent), 0);
    }

    #[test]
    fn a_code_says_which_it_was() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of_code(refusal.code().into()), Some(refusal));
        }
        assert_eq!(Refusal::of_code(0), None);
        assert_eq!(Refusal::of_code(u64::MAX), None);
    }
}
