//! When devices are told again, and when that is given up. Pure.

use crate::domain::{Communication, Notice, NoticeKind, NoticeState, Telling};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The steps; the last one is repeated.
const STEPS_MS: [i64; 4] = [10_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS];

/// How long after it happened something is told: a text about a call that is hours late is worth
/// nothing.
#[must_use]
pub fn worth_ms(notice: &Notice, telling: &Telling) -> i64 {
    match (notice.kind, telling.kind) {
        (NoticeKind::Devices, Communication::Message) => 24 * HOUR_MS,
        _ => HOUR_MS,
    }
}

/// The notice after one more try of all its stages at `now_ms`; the error says what went wrong.
#[must_use]
pub fn told(
    notice: &Notice,
    telling: &Telling,
    outcome: &Result<(), String>,
    now_ms: i64,
) -> Notice {
    let mut notice = Notice { attempts: notice.attempts.saturating_add(1), ..notice.clone() };
    notice.next_ms = now_ms;
    notice.trouble = outcome.as_ref().err().map(|sentence| sentence.as_str().into());
    if outcome.is_ok() {
        notice.state = NoticeState::Told;
        return notice;
    }
    let step = usize::try_from(notice.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let next_ms = now_ms.saturating_add(STEPS_MS[step.min(STEPS_MS.len() - 1)]);
    let until_ms = telling.at_ms.saturating_add(worth_ms(&notice, telling));
    if next_ms > until_ms {
        notice.state = NoticeState::GivenUp;
    } else {
        notice.next_ms = next_ms;
    }
    notice
}

#[cfg(test)]
mod tests {
    use crate::domain::{AccountName, DepositCause, MessageId, Zone};

    use super::*;
    use crate::domain::NodeId;

    fn telling(kind: Communication) -> Telling {
        Telling {
            kind,
            account: AccountName::parse("alice").unwrap(),
            call_id: "a".into(),
            shown: "b".into(),
            display: "".into(),
            at_ms: 1_000,
            cause: DepositCause::Busy,
            zone: Zone::utc(),
            mailbox: None,
            length_ms: None,
            stages: Vec::new(),
            webhook: None,
        }
    }

    #[test]
    fn it_is_tried_soon_then_seldom_and_not_for_ever() {
        for (kind, hours, tries) in
            [(Communication::Missed, 1, 9), (Communication::Message, 24, 147)]
        {
            let telling = telling(kind);
            let id = MessageId::new(NodeId(1), 1, 1);
            let mut notice = Notice::new(NoticeKind::Devices, id, "{}".into(), 1_000);
            let (mut now_ms, mut steps) = (1_000, Vec::new());
            while notice.state == NoticeState::Waiting {
                let next = told(&notice, &telling, &Err("desk: 480".to_owned()), now_ms);
                steps.push(next.next_ms - now_ms);
                now_ms = next.next_ms;
                notice = next;
            }
            assert_eq!(steps[..4], STEPS_MS);
            assert!(now_ms <= 1_000 + hours * HOUR_MS, "{now_ms}");
            assert_eq!((notice.state, notice.attempts), (NoticeState::GivenUp, tries));
            assert_eq!(notice.trouble.as_deref(), Some("desk: 480"));
            let told = told(&notice, &telling, &Ok(()), now_ms);
            assert_eq!((told.state, told.trouble), (NoticeState::Told, None));
        }
    }
}
