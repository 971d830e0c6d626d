//! What is told, as JSON. Programs rely on it: names stay, new ones may come (`"v":1`). All times
//! are milliseconds since 1970 unless a name ends in `_s`.

use serde::Serialize;

use crate::domain::{
    AccountName, CallRef, Caller, Communication, DepositCause, DiscardReason, MailboxName, Medium,
    Message, MessageId, Missed, NoticeKind, Stored, Telling,
};

#[derive(Serialize)]
struct Body<'a, T> {
    v: u8,
    event: &'static str,
    /// Same at every try: whoever hears it twice has heard it before.
    id: String,
    message: MessageId,
    mailbox: &'a MailboxName,
    account: &'a str,
    caller: Shown<'a>,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Shown<'a> {
    shown: &'a str,
    display: &'a str,
}

#[derive(Serialize)]
struct Left<'a> {
    call_id: &'a str,
    cause: DepositCause,
    urgent: bool,
    parts: Vec<Piece<'a>>,
    joined: Option<Piece<'a>>,
    length_ms: u64,
    began_ms: i64,
    left_ms: i64,
    url: String,
}

#[derive(Serialize)]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    medium: Option<Medium>,
    media_type: &'a str,
    bytes: u64,
    length_ms: u64,
}

#[derive(Serialize)]
struct Lost<'a> {
    call_id: &'a str,
    cause: DepositCause,
    reason: DiscardReason,
    began_ms: i64,
}

#[derive(Serialize)]
struct Made<'a> {
    url: &'a str,
    expires_s: i64,
}

fn text<T: Serialize>(
    kind: NoticeKind,
    message: MessageId,
    (mailbox, account): (&MailboxName, &str),
    caller: &Caller,
    what: T,
) -> String {
    let body = Body {
        v: 1,
        event: kind.as_str(),
        id: format!("{}:{message}", kind.as_str()),
        message,
        mailbox,
        account,
        caller: Shown { shown: &caller.shown, display: &caller.display },
        what,
    };
    // Nothing in it can fail: no map with odd keys, no number that JSON does not have.
    serde_json::to_string(&body).unwrap_or_default()
}

fn piece(file: &Stored, part: Option<(u16, Medium)>) -> Piece<'_> {
    Piece {
        number: part.map(|(number, _)| number),
        medium: part.map(|(_, medium)| medium),
        media_type: &file.media_type,
        bytes: file.bytes,
        length_ms: file.length_ms,
    }
}

/// `message.left`:
///
/// ```json
/// {"v":1,"event":"message.left","id":"message.left:m7-12c","message":"m7-12c","mailbox":"alice",
///  "account":"alice","caller":{"shown":"+4930123","display":"Bob"},"call_id":"…","cause":"busy",
///  "urgent":false,"parts":[{"number":1,"medium":"audio","media_type":"audio/wav","bytes":64044,
///  "length_ms":4000}],"joined":{"media_type":"audio/wav","bytes":64044,"length_ms":4000},
///  "length_ms":4000,"began_ms":1800000000000,"left_ms":1800000009000,
///  "url":"https://porter.example/v1/messages/m7-12c"}
/// ```
///
/// `joined` is `null` where the parts could not be made one file; `url` is the message in the
/// admin API at `base_url`. `account` is the account's name.
#[must_use]
pub fn message_left(message: &Message, account: &str, base_url: &str) -> String {
    let parts =
        message.parts.iter().map(|part| piece(&part.file, Some((part.number, part.medium))));
    let what = Left {
        call_id: &message.call_id,
        cause: message.cause,
        urgent: message.urgent,
        parts: parts.collect(),
        joined: message.joined.as_ref().map(|file| piece(file, None)),
        length_ms: message.length_ms,
        began_ms: message.began_ms,
        left_ms: message.left_ms,
        url: format!("{}/v1/messages/{}", base_url.trim_end_matches('/'), message.id),
    };
    let whose = (&message.mailbox, account);
    text(NoticeKind::MessageLeft, message.id, whose, &message.caller, what)
}

/// `call.missed`: a call that came to the mailbox and left nothing. As above with `call_id`,
/// `cause` (why it came to the mailbox), `reason` (why there is no message) and `began_ms`.
#[must_use]
pub fn call_missed(missed: &Missed, account: &str) -> String {
    let what = Lost {
        call_id: &missed.call_id,
        cause: missed.cause,
        reason: missed.reason,
        began_ms: missed.began_ms,
    };
    let whose = (&missed.mailbox, account);
    text(NoticeKind::CallMissed, missed.message, whose, &missed.caller, what)
}

#[derive(Serialize)]
struct NotTaken<'a> {
    v: u8,
    event: &'static str,
    id: String,
    /// There is no deposit.
    message: Option<MessageId>,
    mailbox: Option<MailboxName>,
    account: &'a AccountName,
    caller: Shown<'a>,
    call: String,
    call_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<DepositCause>,
    reason: &'static str,
    began_ms: i64,
}

/// `call.missed` and `text.missed` of a call or a text that came to no mailbox: `message` and
/// `mailbox` are `null`, `call` is our number of it, `reason` is `not_answered`, or `rule` where a
/// rule tells of it instead of letting anybody ring.
#[must_use]
pub fn not_taken(telling: &Telling, call: CallRef) -> (NoticeKind, String) {
    let text = telling.kind == Communication::Text;
    let kind = if text { NoticeKind::TextMissed } else { NoticeKind::CallMissed };
    let missed = telling.kind == Communication::Missed;
    let body = NotTaken {
        v: 1,
        event: kind.as_str(),
        id: format!("{}:{call}", kind.as_str()),
        message: None,
        mailbox: None,
        account: &telling.account,
        caller: Shown { shown: &telling.shown, display: &telling.display },
        call: call.to_string(),
        call_id: &telling.call_id,
        cause: missed.then_some(telling.cause),
        reason: if missed { "not_answered" } else { "rule" },
        began_ms: telling.at_ms,
    };
    (kind, serde_json::to_string(&body).unwrap_or_default())
}

/// `link.made`: the caller may leave a video at `url` until `expires_s` (seconds since 1970). For
/// whoever can bring it to the caller's device; the link is a secret of the two.
#[must_use]
pub fn link_made(
    message: MessageId,
    (mailbox, account): (&MailboxName, &str),
    caller: &Caller,
    url: &str,
    expires_s: i64,
) -> String {
    text(NoticeKind::LinkMade, message, (mailbox, account), caller, Made { url, expires_s })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::domain::{AccountKey, ContentId, MessageState, Part};

    use super::*;
    use crate::domain::NodeId;

    fn caller(shown: &str, display: &str) -> Caller {
        Caller { shown: shown.into(), display: display.into(), ..Caller::default() }
    }

    fn message(caller: Caller) -> Message {
        let file = Stored {
            content: ContentId([1; 32]),
            media_type: "audio/wav".into(),
            bytes: 64_044,
            length_ms: 4_000,
        };
        Message {
            id: MessageId::new(NodeId(1), 7, 300),
            mailbox: MailboxName::parse("alice").unwrap(),
            account: AccountKey(3),
            caller,
            call_id: "abc".into(),
            cause: DepositCause::Busy,
            parts: vec![Part { number: 1, medium: Medium::Audio, file: file.clone() }],
            joined: Some(file),
            length_ms: 4_000,
            urgent: false,
            state: MessageState::New,
            began_ms: 1,
            left_ms: 2,
            changed_ms: 3,
            holders: Vec::new(),
        }
    }

    #[test]
    fn a_message_is_told_as_documented() {
        let message = message(caller("+4930123", "Bob"));
        let text = message_left(&message, "alice", "https://porter.example/");
        let body: Value = serde_json::from_str(&text).unwrap();
        let file = json!({"media_type":"audio/wav","bytes":64044,"length_ms":4000});
        let mut part = file.clone();
        part["number"] = json!(1);
        part["medium"] = json!("audio");
        assert_eq!(
            body,
            json!({"v":1,"event":"message.left","id":"message.left:m7-12c","message":"m7-12c",
                "mailbox":"alice","account":"alice","call_id":"abc","cause":"busy",
                "caller":{"shown":"+4930123","display":"Bob"},"urgent":false,"parts":[part],
                "joined":file,"length_ms":4000,"began_ms":1,"left_ms":2,
                "url":"https://porter.example/v1/messages/m7-12c"})
        );
    }

    #[test]
    fn a_missed_call_and_a_link_are_told() {
        let mailbox = MailboxName::parse("alice").unwrap();
        let missed = Missed {
            message: MessageId::new(NodeId(1), 7, 1),
            mailbox: mailbox.clone(),
            account: AccountKey(3),
            caller: caller("bob", ""),
            call_id: "abc".into(),
            cause: DepositCause::NoAnswer,
            reason: DiscardReason::TooShort,
            began_ms: 5,
        };
        let body: Value = serde_json::from_str(&call_missed(&missed, "alice")).unwrap();
        assert_eq!(
            (&body["event"], &body["id"]),
            (&json!("call.missed"), &json!("call.missed:m7-1"))
        );
        assert_eq!((&body["reason"], &body["cause"]), (&json!("too_short"), &json!("no_answer")));
        let link = link_made(missed.message, (&mailbox, "alice"), &missed.caller, "https://x/y", 9);
        let body: Value = serde_json::from_str(&link).unwrap();
        assert_eq!((&body["url"], &body["expires_s"]), (&json!("https://x/y"), &json!(9)));
    }

    proptest! {
        /// Whatever a caller calls himself stays within its string.
        #[test]
        fn a_caller_cannot_break_out(shown in ".*", display in ".*") {
            let text = message_left(&message(caller(&shown, &display)), "alice", "http://x");
            let body: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&body["caller"], &json!({"shown": shown, "display": display}));
            prop_assert_eq!(body.as_object().unwrap().len(), 16);
        }
    }
}
