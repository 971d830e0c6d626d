//! What is said of a call that is forwarded: Diversion (RFC 5806) for gateways, History-Info
//! (RFC 7044) beside it.
//!
//! The history is written when the order is made, so it holds what is true by then: what was
//! dialled; the forwards that have been tried, those that ring as something has failed left out; and
//! where the call goes now, with the cause if it is known. The account's own devices are not in it:
//! where they are is nobody's affair at the other end.

use std::fmt::Write as _;

use crate::domain::{After, History, Identifier, StageCause, Target};

/// What a forward goes out from.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// What was dialled.
    pub dialled: Option<&'a Identifier>,
    /// What the request says of its way so far.
    pub history: &'a History,
}

/// Why a call is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// In any case, before anybody rings.
    Unconditional,
    /// Something has failed so.
    After(StageCause),
    /// Something has failed; how is not known when the order is made.
    Unknown,
}

impl Because {
    /// Why a forward rings that is put behind what is there.
    pub(super) fn of(after: Option<&After>, first: bool) -> Self {
        match after.map(|after| after.causes.as_slice()) {
            Some([cause]) => Self::After(*cause),
            Some(_) => Self::Unknown,
            None if first => Self::Unconditional,
            None => Self::Unknown,
        }
    }

    /// As Diversion says it.
    fn reason(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::After(StageCause::Busy) => "user-busy",
            Self::After(StageCause::NoAnswer) => "no-answer",
            Self::After(StageCause::Unreachable) => "unavailable",
            Self::After(StageCause::Declined) => "deflection",
            Self::Unknown => "unknown",
        }
    }

    /// As the parameter `cause` of a URI says it (RFC 4458; RFC 7544 has the same words as
    /// Diversion).
    fn cause(self) -> Option<u16> {
        match self {
            Self::Unconditional => Some(302),
            Self::After(StageCause::Busy) => Some(486),
            Self::After(StageCause::NoAnswer) => Some(408),
            Self::After(StageCause::Unreachable) => Some(503),
            Self::After(StageCause::Declined) => Some(480),
            Self::Unknown => None,
        }
    }
}

/// How what rang before has ended, in SIP.
fn code(cause: StageCause) -> u16 {
    match cause {
        StageCause::Busy => 486,
        StageCause::NoAnswer => 408,
        StageCause::Unreachable => 404,
        StageCause::Declined => 603,
    }
}

/// A forward that was tried before, as the next one tells of it.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    /// Where to.
    pub(super) uri: String,
    /// Whether it is the last thing that was tried.
    pub(super) last: bool,
}

/// The header lines of a forward.
pub(super) fn headers(
    from: Forwarded<'_>,
    gateway: Option<&str>,
    to: &Target,
    because: Because,
    tried: &[Tried],
) -> String {
    let mut lines = String::with_capacity(128);
    let Some(dialled) = from.dialled.and_then(|dialled| shown(dialled, gateway)) else {
        return lines;
    };
    // Writing into a text does not fail.
    let _ = write!(lines, "Diversion: <{dialled}>;reason={};counter=1\r\n", because.reason());
    if let Some(uri) = target(to, gateway) {
        history(&mut lines, from.history, &dialled, &uri, because, tried);
    }
    lines
}

/// One line; what the request has of it already stays before it.
fn history(
    lines: &mut String,
    history: &History,
    dialled: &str,
    uri: &str,
    because: Because,
    tried: &[Tried],
) {
    let (parent, here) = match history {
        History::Private => return,
        History::None => ("1".to_owned(), false),
        History::Known { index, here: true } => (index.to_string(), true),
        History::Known { index, here: false } => (format!("{index}.1"), false),
    };
    lines.push_str("History-Info: ");
    if !here {
        let _ = write!(lines, "<{dialled}>;index={parent}, ");
    }
    let mut place = 1;
    for Tried { uri, last } in tried {
        let reason = match because {
            Because::After(cause) if *last => format!("?Reason=SIP%3Bcause%3D{}", code(cause)),
            Because::After(_) | Because::Unconditional | Because::Unknown => String::new(),
        };
        let _ = write!(lines, "<{uri}{reason}>;index={parent}.{place};mp={parent}, ");
        place += 1;
    }
    let cause = because.cause().filter(|_| !uri.contains(";cause="));
    let cause = cause.map(|cause| format!(";cause={cause}")).unwrap_or_default();
    let _ = write!(lines, "<{uri}{cause}>;index={parent}.{place};mp={parent}\r\n");
}

/// What was dialled as a URI; `None` for one that may not stand in a header.
fn shown(dialled: &Identifier, gateway: Option<&str>) -> Option<String> {
    // What an identifier may hold is more than may stand in a header.
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,%@:[]".contains(&byte);
    match dialled {
        Identifier::Number(number) => Some(match gateway {
            // As gateways write numbers themselves.
            Some(gateway) => format!("sip:{number}@{gateway}"),
            None => format!("tel:{number}"),
        }),
        Identifier::Address(address) => address.bytes().all(safe).then(|| format!("sip:{address}")),
    }
}

/// Where a forward goes, as a URI.
pub(super) fn target(to: &Target, gateway: Option<&str>) -> Option<String> {
    match to {
        Target::Uri(uri) | Target::Aor(uri) => Some(uri.as_str().to_owned()),
        Target::Number(number) => gateway.map(|gateway| format!("sip:{number}@{gateway}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Number, SipUri};

    fn line(history: &History, because: Because, tried: &[Tried]) -> String {
        let dialled = Identifier::parse("+4930").unwrap();
        let to = Target::Number(Number::parse("+49171").unwrap());
        let from = Forwarded { dialled: Some(&dialled), history };
        let lines = headers(from, Some("gw:5060"), &to, because, tried);
        let mut lines = lines.split_terminator("\r\n");
        let diversion = lines.next().unwrap();
        assert!(diversion.starts_with("Diversion: <sip:+4930@gw:5060>;reason="), "{diversion}");
        lines.next().unwrap_or_default().to_owned()
    }

    fn known(index: &str, here: bool) -> History {
        History::Known { index: index.into(), here }
    }

    #[test]
    fn a_history_begins_and_goes_on() {
        let (dialled, to) = ("<sip:+4930@gw:5060>", "sip:+49171@gw:5060");
        let at_once = Because::Unconditional;
        assert_eq!(
            line(&History::None, at_once, &[]),
            format!("History-Info: {dialled};index=1, <{to};cause=302>;index=1.1;mp=1")
        );
        assert_eq!(
            line(&known("1.2", false), at_once, &[]),
            format!("History-Info: {dialled};index=1.2.1, <{to};cause=302>;index=1.2.1.1;mp=1.2.1")
        );
        assert_eq!(
            line(&known("1.2", true), Because::After(StageCause::Busy), &[]),
            format!("History-Info: <{to};cause=486>;index=1.2.1;mp=1.2")
        );
        assert_eq!(line(&History::Private, at_once, &[]), "");
    }

    #[test]
    fn a_second_forward_tells_of_the_first() {
        let tried = |last| [Tried { uri: "sip:a@h".to_owned(), last }];
        let to = "sip:+49171@gw:5060";
        assert_eq!(
            line(&known("1", true), Because::Unknown, &tried(true)),
            format!("History-Info: <sip:a@h>;index=1.1;mp=1, <{to}>;index=1.2;mp=1")
        );
        let busy = Because::After(StageCause::Busy);
        let reason = "?Reason=SIP%3Bcause%3D486";
        assert_eq!(
            line(&known("1", true), busy, &tried(true)),
            format!(
                "History-Info: <sip:a@h{reason}>;index=1.1;mp=1, <{to};cause=486>;index=1.2;mp=1"
            )
        );
        assert_eq!(
            line(&known("1", true), busy, &tried(false)),
            format!("History-Info: <sip:a@h>;index=1.1;mp=1, <{to};cause=486>;index=1.2;mp=1")
        );
    }

    #[test]
    fn nothing_stands_there_that_could_break_a_header() {
        let dialled = Identifier::parse("a\u{fc}b@example.com");
        let to = Target::Uri(SipUri::parse("sip:boss@example.com;cause=486").unwrap());
        let from = |dialled| Forwarded { dialled, history: &History::None };
        let lines = headers(from(dialled.as_ref().ok()), None, &to, Because::Unknown, &[]);
        assert_eq!(lines, "");
        let number = Identifier::parse("+4930").unwrap();
        let lines = headers(from(Some(&number)), None, &to, Because::Unconditional, &[]);
        assert!(lines.ends_with(
            "History-Info: <tel:+4930>;index=1, <sip:boss@example.com;cause=486>;index=1.1;mp=1\r\n"
        ), "{lines}");
    }
}
