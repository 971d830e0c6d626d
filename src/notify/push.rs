//! What whoever sends pushes is told, as JSON. Programs rely on it: names stay, new ones may come
//! (`"v":1`).

use serde::Serialize;

use crate::domain::{Push, PushContact, PushOver};

#[derive(Serialize)]
struct Body<'a> {
    v: u8,
    event: &'static str,
    /// Same at every try: whoever hears it twice has heard it before.
    id: String,
    /// The same in what is wanted and what is cancelled.
    push: String,
    account: &'a str,
    device: &'a str,
    aor: &'a str,
    call: String,
    call_id: &'a str,
    caller: Caller<'a>,
    video: bool,
    needed_in_s: u16,
    ring_s: u16,
    contact: Option<&'a PushContact>,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<PushOver>,
}

#[derive(Serialize)]
struct Caller<'a> {
    shown: &'a str,
    display: &'a str,
}

/// Its id and its text: `push.wanted`, or `push.cancelled` with a reason.
#[must_use]
pub fn push_body(push: &Push, over: Option<PushOver>) -> (String, String) {
    let event = if over.is_some() { "push.cancelled" } else { "push.wanted" };
    let id = format!("{event}:{}", push.id);
    let body = Body {
        v: 1,
        event,
        id: id.clone(),
        push: push.id.to_string(),
        account: push.account.as_str(),
        device: push.id.device.as_str(),
        aor: &push.aor,
        call: push.id.call.to_string(),
        call_id: &push.call_id,
        caller: Caller { shown: &push.caller, display: &push.display },
        video: push.video,
        needed_in_s: push.needed_in_s,
        ring_s: push.ring_s,
        contact: push.contact.as_ref(),
        at_ms: push.at_ms,
        reason: over,
    };
    // Nothing in it can fail: no map with odd keys, no number that JSON does not have.
    (id, serde_json::to_string(&body).unwrap_or_default())
}
