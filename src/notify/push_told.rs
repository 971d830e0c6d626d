//! What whoever sends pushes is told when a device should show something, as JSON: `push.told`.

use serde::Serialize;

use crate::domain::{Communication, DeviceName, PushContact, Telling};

#[derive(Serialize)]
struct Body<'a> {
    v: u8,
    event: &'static str,
    /// Same at every try: whoever hears it twice has heard it before.
    id: &'a str,
    account: &'a str,
    device: &'a str,
    aor: &'a str,
    kind: Communication,
    text: &'a str,
    call_id: &'a str,
    caller: Caller<'a>,
    contact: Option<&'a PushContact>,
    at_ms: i64,
}

#[derive(Serialize)]
struct Caller<'a> {
    shown: &'a str,
    display: &'a str,
}

/// Its id and its text. `about` is what the notice is about, the same at every try; `text` is the
/// sentence that the device would have got.
#[must_use]
pub fn push_told(
    telling: &Telling,
    about: &str,
    (device, aor): (&DeviceName, &str),
    contact: Option<&PushContact>,
    text: &str,
) -> (String, String) {
    let event = "push.told";
    let id = format!("{event}:{about}:{device}");
    let body = Body {
        v: 1,
        event,
        id: &id,
        account: telling.account.as_str(),
        device: device.as_str(),
        aor,
        kind: telling.kind,
        text,
        call_id: &telling.call_id,
        caller: Caller { shown: &telling.shown, display: &telling.display },
        contact,
        at_ms: telling.at_ms,
    };
    // Nothing in it can fail: no map with odd keys, no number that JSON does not have.
    let body = serde_json::to_string(&body).unwrap_or_default();
    (id, body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use crate::domain::{AccountName, DepositCause, Zone};

    use super::*;

    proptest! {
        /// Whatever a caller or a contact writes stays within its string.
        #[test]
        fn nobody_breaks_out_of_it(shown in ".*", display in ".*", prid in ".*") {
            let telling = Telling {
                kind: Communication::Missed,
                account: AccountName::parse("alice").unwrap(),
                call_id: prid.as_str().into(),
                shown: shown.as_str().into(),
                display: display.as_str().into(),
                at_ms: 5,
                cause: DepositCause::Busy,
                zone: Zone::utc(),
                mailbox: None,
                length_ms: None,
                stages: Vec::new(),
                webhook: None,
            };
            let contact =
                PushContact { provider: "".into(), prid: prid.as_str().into(), param: "".into() };
            let device = DeviceName::parse("mobile").unwrap();
            let to = (&device, "sip:alice@example.com");
            let (id, body) = push_told(&telling, "c7-12c", to, Some(&contact), &display);
            let body: Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(&id, "push.told:c7-12c:mobile");
            prop_assert_eq!(&body["caller"], &serde_json::json!({"shown": shown, "display": display}));
            prop_assert_eq!((&body["contact"]["prid"], &body["text"]), (&prid.into(), &display.into()));
            prop_assert_eq!(body.as_object().unwrap().len(), 12);
        }
    }
}
