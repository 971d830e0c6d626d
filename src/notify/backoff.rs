//! When a notice is told again, and when it is given up. Pure.

use crate::domain::{Notice, NoticeState};

use super::TellError;

/// So often a notice is tried: over about four days. Then it is given up, and stays visible.
pub const ATTEMPTS_MAX: u32 = 20;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// The steps; the last one is repeated.
const STEPS_MS: [u64; 7] = [
    10 * SECOND_MS,
    30 * SECOND_MS,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    6 * HOUR_MS,
];

/// How long to wait after the `attempts`-th try (1, 2, ...), in milliseconds. `spread` is a random
/// number: 10 % less to 10 % more, so that a receiver that comes back is not run over by
/// everything at once.
#[must_use]
pub fn delay_ms(attempts: u32, spread: u32) -> u64 {
    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let whole = STEPS_MS[step.min(STEPS_MS.len() - 1)];
    whole - whole / 10 + ((whole / 5 * u64::from(spread)) >> 32)
}

/// The notice after one more try at `now_ms` (milliseconds since 1970); `spread` as in
/// [`delay_ms`].
#[must_use]
pub fn tried(notice: &Notice, outcome: &Result<(), TellError>, now_ms: i64, spread: u32) -> Notice {
    let mut notice = Notice { attempts: notice.attempts.saturating_add(1), ..notice.clone() };
    notice.next_ms = now_ms;
    match outcome {
        Ok(()) => {
            notice.state = NoticeState::Told;
            notice.trouble = None;
        }
        Err(TellError::Never(sentence)) => {
            notice.state = NoticeState::GivenUp;
            notice.trouble = Some(sentence.as_str().into());
        }
        Err(TellError::Again(sentence)) => {
            notice.trouble = Some(sentence.as_str().into());
            if notice.attempts >= ATTEMPTS_MAX {
                notice.state = NoticeState::GivenUp;
            } else {
                let delay = i64::try_from(delay_ms(notice.attempts, spread)).unwrap_or(i64::MAX);
                notice.state = NoticeState::Waiting;
                notice.next_ms = now_ms.saturating_add(delay);
            }
        }
    }
    notice
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::domain::{MessageId, NoticeKind};

    use super::*;
    use crate::domain::NodeId;

    #[test]
    fn it_is_tried_soon_then_seldom_then_never() {
        let middle = u32::MAX / 2 + 1;
        let delays: Vec<u64> = (1..=8).map(|attempt| delay_ms(attempt, middle)).collect();
        let steps = [10, 30, 120, 600, 3_600, 7_200, 21_600, 21_600];
        assert_eq!(delays, steps.map(|step| step * SECOND_MS));
        let whole: u64 = (1..ATTEMPTS_MAX).map(|attempt| delay_ms(attempt, middle)).sum();
        assert!((3 * 24 * HOUR_MS..5 * 24 * HOUR_MS).contains(&whole), "{whole}");

        let id = MessageId::new(NodeId(1), 1, 1);
        let mut notice = Notice::new(NoticeKind::MessageLeft, id, "{}".into(), 1_000);
        let again = Err(TellError::Again("it is away".to_owned()));
        let mut now_ms = 1_000;
        while notice.state == NoticeState::Waiting {
            let next = tried(&notice, &again, now_ms, 7);
            assert_eq!((next.attempts, &next.id), (notice.attempts + 1, &notice.id));
            assert!(next.state == NoticeState::GivenUp || next.next_ms > now_ms);
            now_ms = next.next_ms;
            notice = next;
        }
        assert_eq!((notice.attempts, notice.state), (ATTEMPTS_MAX, NoticeState::GivenUp));
        assert_eq!(notice.trouble.as_deref(), Some("it is away"));
    }

    #[test]
    fn what_was_heard_or_refused_is_over() {
        let id = MessageId::new(NodeId(1), 1, 1);
        let notice = Notice::new(NoticeKind::CallMissed, id, "{}".into(), 0);
        let told = tried(&notice, &Ok(()), 5, 0);
        assert_eq!((told.state, told.attempts, told.trouble), (NoticeState::Told, 1, None));
        let never = tried(&notice, &Err(TellError::Never("no".to_owned())), 5, 0);
        assert_eq!(never.state, NoticeState::GivenUp);
    }

    proptest! {
        #[test]
        fn a_delay_is_within_its_bounds(attempts: u32, spread: u32) {
            let delay = delay_ms(attempts, spread);
            prop_assert!((9 * SECOND_MS..=24 * HOUR_MS).contains(&delay));
            prop_assert!(delay <= delay_ms(attempts, u32::MAX) && delay >= delay_ms(attempts, 0));
        }
    }
}
