//! What a refused caller is told.

use std::sync::Arc;

use crate::domain::{Cause, Refusal, RefusalCodes, Side};

/// How a refusal looks on the wire: SIP code, Q.850 cause, sentence, seconds to wait.
struct Form {
    code: u16,
    q850: u8,
    sentence: &'static str,
    retry_after_s: Option<u32>,
}

/// The refusal for `cause` at the `side` of the call where it arose; `codes` are those of that
/// side's account. Never 503 (a trunk may be marked down by it) and never 6xx (it would end every
/// branch of a fork further up) unless the account asks for it.
///
/// The sentence names no account and no figures: strangers read it.
#[must_use]
pub fn refusal(cause: Cause, side: Side, codes: RefusalCodes) -> Refusal {
    let form = form(cause, side);
    let is_cap = matches!(cause, Cause::CapIn | Cause::CapOut | Cause::CapParent);
    let own = match side {
        Side::From => codes.from,
        Side::To => codes.to,
    };
    let Form { code, q850, sentence, retry_after_s } = form;
    let mut headers = format!("Reason: Q.850;cause={q850};text=\"{sentence}\"\r\n");
    if let Some(seconds) = retry_after_s {
        headers.push_str(&format!("Retry-After: {seconds}\r\n"));
    }
    Refusal {
        code: own.filter(|_| is_cap).unwrap_or(code),
        cause,
        reason: sentence.into(),
        headers: Arc::from(headers),
    }
}

/// The refusal that a rule of the called account asks for: with its code, and its own sentence,
/// which holds nothing but printable ASCII without quotes and backslashes.
#[must_use]
pub fn refusal_by_rule(code: u16, reason: Option<Arc<str>>) -> Refusal {
    // RFC 3398 §8.2.6.1: what a gateway makes of the code.
    let q850 = match code {
        404 | 604 => 1,
        408 | 480 => 18,
        410 => 22,
        484 => 28,
        486 | 600 => 17,
        403 | 603 | 607 => 21,
        _ => 31,
    };
    let reason = reason.unwrap_or_else(|| form(Cause::Rule, Side::To).sentence.into());
    let headers = format!("Reason: Q.850;cause={q850};text=\"{reason}\"\r\n").into();
    Refusal { code, cause: Cause::Rule, reason, headers }
}

/// What somebody reads who has dialled a star code: whether it is done, and why not.
#[must_use]
pub fn told_by_code(code: u16, sentence: &'static str) -> Refusal {
    // 480 is the end of a call that was none; the rest is for whoever has to look into it.
    let q850 = if code == 480 { 16 } else { 21 };
    let headers = format!("Reason: Q.850;cause={q850};text=\"{sentence}\"\r\n").into();
    Refusal { code, cause: Cause::SelfCare, reason: sentence.into(), headers }
}

fn form(cause: Cause, side: Side) -> Form {
    let form = |code, q850, sentence| Form { code, q850, sentence, retry_after_s: None };
    match (cause, side) {
        (Cause::CapOut, _) => form(403, 21, "All your lines are in use"),
        (Cause::CapIn, _) => form(486, 17, "All lines of the called party are in use"),
        (Cause::CapParent, Side::From) => form(403, 21, "All lines of your provider are in use"),
        (Cause::CapParent, Side::To) => {
            form(486, 17, "All lines of the called party's provider are in use")
        }
        (Cause::Disabled, Side::From) => form(403, 21, "Your account is disabled"),
        (Cause::Disabled, Side::To) => form(480, 20, "The called party cannot be reached"),
        (Cause::Unknown, _) => form(403, 21, "Your account is not known here"),
        (Cause::NoDevice, _) => form(480, 20, "The called party cannot be reached"),
        (Cause::Rule, _) => form(480, 20, "The called party does not take this call"),
        (Cause::SelfCare, _) => form(403, 21, "Nothing was changed"),
        (Cause::Loop, _) => form(482, 25, "The call was forwarded in a circle"),
        (Cause::CallIdReuse, _) => form(482, 21, "This Call-ID belongs to another call"),
        (Cause::Cancelled, _) => form(487, 31, "The caller had given up"),
        (Cause::Settling, Side::From) => {
            Form { retry_after_s: Some(5), ..form(403, 21, "Your lines are being counted") }
        }
        (Cause::Settling, Side::To) => Form {
            retry_after_s: Some(5),
            ..form(486, 17, "The called party's lines are being counted")
        },
        (Cause::Unreachable, Side::From) => {
            Form { retry_after_s: Some(5), ..form(403, 21, "Your lines cannot be counted now") }
        }
        (Cause::Unreachable, Side::To) => Form {
            retry_after_s: Some(5),
            ..form(486, 17, "The called party's lines cannot be counted now")
        },
        (Cause::TableFull, _) => {
            Form { retry_after_s: Some(30), ..form(480, 42, "Too many calls are up") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_as_the_trade_expects_them() {
        let check = |cause, side, codes, code, line: &str| {
            let refusal = refusal(cause, side, codes);
            assert_eq!(refusal.code, code, "{cause:?}");
            assert!(refusal.headers.contains(line), "{}", refusal.headers);
        };
        let none = RefusalCodes::default();
        check(Cause::CapIn, Side::To, none, 486, "Reason: Q.850;cause=17;");
        check(Cause::CapOut, Side::From, none, 403, "Reason: Q.850;cause=21;");
        check(Cause::CapParent, Side::To, none, 486, "cause=17;");
        check(Cause::CapParent, Side::From, none, 403, "cause=21;");
        check(Cause::Settling, Side::From, none, 403, "Retry-After: 5\r\n");
        let own = RefusalCodes { to: Some(600), from: Some(503) };
        check(Cause::CapIn, Side::To, own, 600, "cause=17;");
        check(Cause::CapOut, Side::From, own, 503, "cause=21;");
        check(Cause::Disabled, Side::From, own, 403, "cause=21;");
    }

    #[test]
    fn a_rule_chooses_code_and_sentence() {
        let refused = refusal_by_rule(603, Some("No sales calls, please".into()));
        assert_eq!((refused.code, &*refused.reason), (603, "No sales calls, please"));
        assert_eq!(&*refused.headers, "Reason: Q.850;cause=21;text=\"No sales calls, please\"\r\n");
        let refused = refusal_by_rule(486, None);
        assert_eq!(&*refused.reason, "The called party does not take this call");
        assert!(refused.headers.contains("cause=17;"));
    }

    #[test]
    fn no_cause_marks_a_trunk_down_or_breaks_a_header() {
        for cause in Cause::ALL {
            for side in [Side::From, Side::To] {
                let refusal = refusal(cause, side, RefusalCodes::default());
                assert!((400..600).contains(&refusal.code) && refusal.code != 503);
                for line in refusal.headers.split_terminator("\r\n") {
                    assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
                    assert!(line.contains(": "));
                }
                assert!(refusal.headers.ends_with("\r\n"));
            }
        }
    }
}
