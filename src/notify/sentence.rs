//! What a device is told by a text, in a sentence of somebody's language.

use crate::domain::{Communication, Telling};

/// The longest name or number that is said, in characters.
const NAME_MAX: usize = 64;

/// The sentence for what is told. `now_ms` is when: of another day, the day is said as well.
/// Nothing in it is more than one line, whatever a caller calls himself.
#[must_use]
pub fn sentence(telling: &Telling, language: &str, now_ms: i64) -> String {
    let german = language == "de" || language.starts_with("de-");
    let who = who(telling, german);
    let (then, now) = (telling.zone.local(telling.at_ms), telling.zone.local(now_ms));
    let clock = format!("{:02}:{:02}", then.minute / 60, then.minute % 60);
    let when = match (then.day == now.day, german) {
        (true, false) => format!("at {clock}"),
        (true, true) => format!("um {clock}"),
        (false, false) => format!("at {clock} on {}", then.day),
        (false, true) => format!("am {} um {clock}", then.day),
    };
    let long = telling.length_ms.map_or_else(String::new, |length_ms| {
        let seconds = length_ms.div_ceil(1000);
        format!(" ({}:{:02})", seconds / 60, seconds % 60)
    });
    match (telling.kind, german) {
        (Communication::Missed, false) => format!("Missed call from {who} {when}"),
        (Communication::Missed, true) => format!("Verpasster Anruf von {who} {when}"),
        (Communication::Message, false) => format!("New message from {who} {when}{long}"),
        (Communication::Message, true) => format!("Neue Nachricht von {who} {when}{long}"),
        (Communication::Call | Communication::Video, false) => format!("{who} called {when}"),
        (Communication::Call | Communication::Video, true) => format!("{who} rief {when} an"),
        (Communication::Text, false) => format!("{who} wrote {when}, it was not delivered"),
        (Communication::Text, true) => format!("{who} schrieb {when}, es wurde nicht zugestellt"),
    }
}

fn who(telling: &Telling, german: bool) -> String {
    let [shown, display] = [&telling.shown, &telling.display].map(|text| plain(text));
    match (shown.is_empty(), display.is_empty() || display == shown) {
        (true, true) if german => "unbekannt".to_owned(),
        (true, true) => "somebody unknown".to_owned(),
        (true, false) => display,
        (false, true) => shown,
        (false, false) => format!("{display} ({shown})"),
    }
}

/// One line, and not too much of it. Characters that turn the direction of writing go as well:
/// they would let a name change what stands behind it.
fn plain(text: &str) -> String {
    let turns = |one: char| matches!(one, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = text.chars().filter(|one| !one.is_control() && !turns(*one));
    plain.take(NAME_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::domain::{AccountName, DepositCause, Zone};

    use super::*;

    fn telling(kind: Communication, shown: &str, display: &str) -> Telling {
        Telling {
            kind,
            account: AccountName::parse("alice").unwrap(),
            call_id: "a".into(),
            shown: shown.into(),
            display: display.into(),
            // 2026-03-29 03:30 in Berlin, half an hour after the clocks were put forward.
            at_ms: 1_774_747_800_000,
            cause: DepositCause::NoAnswer,
            zone: Zone::parse("Europe/Berlin").unwrap(),
            mailbox: None,
            length_ms: None,
            stages: Vec::new(),
            webhook: None,
        }
    }

    #[test]
    fn what_is_said() {
        let at_ms = 1_774_747_800_000;
        let missed = telling(Communication::Missed, "+4930123", "Bob");
        assert_eq!(sentence(&missed, "en", at_ms), "Missed call from Bob (+4930123) at 03:30");
        let later = at_ms + 24 * 3_600_000;
        assert_eq!(
            sentence(&missed, "de", later),
            "Verpasster Anruf von Bob (+4930123) am 2026-03-29 um 03:30"
        );
        let message = telling(Communication::Message, "+4930123", "+4930123");
        let message = Telling { length_ms: Some(61_200), ..message };
        assert_eq!(sentence(&message, "en", at_ms), "New message from +4930123 at 03:30 (1:02)");
        assert_eq!(sentence(&message, "de", at_ms), "Neue Nachricht von +4930123 um 03:30 (1:02)");
        let call = telling(Communication::Video, "", "");
        assert_eq!(sentence(&call, "fr", at_ms), "somebody unknown called at 03:30");
        let text = telling(Communication::Text, "bob@example.com", "");
        assert_eq!(
            sentence(&text, "en", at_ms),
            "bob@example.com wrote at 03:30, it was not delivered"
        );
    }

    proptest! {
        #[test]
        fn nobody_breaks_out_of_it(shown in any::<String>(), display in any::<String>()) {
            for kind in Communication::ALL {
                let said = sentence(&telling(kind, &shown, &display), "de", 0);
                prop_assert!(!said.chars().any(char::is_control));
                prop_assert!(said.chars().count() < 300);
            }
        }
    }
}
