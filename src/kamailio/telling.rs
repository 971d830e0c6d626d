//! Writing to phones by way of Kamailio: a MESSAGE or a NOTIFY that it sends itself
//! (`tm.t_uac_wait`), and the phone's own answer.
//!
//! The answer comes when the phone has answered, or after tm's `fr_timer` (408); no process of
//! Kamailio waits for it meanwhile (measured on 5.6.3).

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::domain::{Contact, SipUri};

use super::rpc::{Rpc, RpcError};
use super::seen::read_sent;

/// How long a phone and its proxy are waited for together: longer than tm's `fr_timer` (5 s as
/// shipped).
const WITHIN: Duration = Duration::from_secs(12);

/// What a phone is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words<'a> {
    /// A sentence.
    Text(&'a str),
    /// How many messages wait (RFC 3842): new ones, and old ones beside them.
    Lamp(u64, u64),
}

impl Rpc {
    /// Tells a phone something at one of its contacts; the SIP code with which it answered. `to` is
    /// the address by which it is known, `notice` is the same at every try.
    ///
    /// # Errors
    /// See [`RpcError`]: nothing is known then of what the phone has heard.
    pub async fn tell(
        &self,
        to: &SipUri,
        contact: &Contact,
        words: Words<'_>,
        notice: &str,
    ) -> Result<u16, RpcError> {
        let (method, headers, body) = request(to, contact, words, notice);
        let hop = next_hop(contact);
        let params = json!([method, contact.uri.as_str(), hop, ".", headers, body]);
        self.ask("tm.t_uac_wait", params, WITHIN, read_sent).await
    }
}

/// Method, header lines and body. Nothing that a caller wrote is in the header lines.
fn request(
    to: &SipUri,
    contact: &Contact,
    words: Words<'_>,
    notice: &str,
) -> (&'static str, String, String) {
    let host = to.user_and_host().1;
    let mut headers = format!("From: <sip:hallporter@{host}>\r\nTo: <{to}>\r\n");
    if let Some(path) = contact.path.as_deref().filter(|path| is_path(path)) {
        let _ = write!(headers, "Route: {path}\r\n");
    }
    if is_token(notice) {
        let _ = write!(headers, "X-Hallporter-Notice: {notice}\r\n");
    }
    match words {
        Words::Text(text) => {
            headers.push_str("Content-Type: text/plain;charset=UTF-8\r\n");
            ("MESSAGE", headers, text.to_owned())
        }
        Words::Lamp(new, old) => {
            headers.push_str(
                "Event: message-summary\r\nSubscription-State: terminated;reason=noresource\r\n\
                 Contact: ",
            );
            let _ = write!(headers, "<sip:hallporter@{host}>\r\n");
            headers.push_str("Content-Type: application/simple-message-summary\r\n");
            let waiting = if new > 0 { "yes" } else { "no" };
            let body =
                format!("Messages-Waiting: {waiting}\r\nVoice-Message: {new}/{old} (0/0)\r\n");
            ("NOTIFY", headers, body)
        }
    }
}

/// Where it is sent, if elsewhere than the contact says: the first hop of its path, or where the
/// registration came from.
fn next_hop(contact: &Contact) -> &str {
    let path = contact.path.as_deref().filter(|path| is_path(path));
    let first = path.and_then(|path| path.split_once('<')?.1.split_once('>')).map(|(hop, _)| hop);
    first.or_else(|| contact.received.as_ref().map(SipUri::as_str)).unwrap_or(".")
}

/// A Path vector as the wire has it, and in one line.
fn is_path(path: &str) -> bool {
    path.starts_with('<') && path.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::seen::Reply;
    use super::*;

    fn contact(uri: &str, received: Option<&str>, path: Option<&str>) -> Contact {
        Contact {
            uri: SipUri::parse(uri).unwrap(),
            received: received.map(|uri| SipUri::parse(uri).unwrap()),
            path: path.map(Into::into),
        }
    }

    #[test]
    fn a_text_and_a_lamp_as_phones_read_them() {
        let to = SipUri::parse("sip:bob@hp.test").unwrap();
        let at = contact("sip:bob@10.0.0.7:5070", None, None);
        let hostile = "x\r\nX-Evil: 1\r\n\r\n.";
        let (method, headers, body) = request(&to, &at, Words::Text(hostile), "devices:m7-1");
        assert_eq!((method, body.as_str()), ("MESSAGE", hostile));
        assert_eq!(
            headers,
            "From: <sip:hallporter@hp.test>\r\nTo: <sip:bob@hp.test>\r\n\
             X-Hallporter-Notice: devices:m7-1\r\nContent-Type: text/plain;charset=UTF-8\r\n"
        );
        let (method, headers, body) = request(&to, &at, Words::Lamp(2, 1), "a\r\nb");
        assert_eq!(method, "NOTIFY");
        assert_eq!(body, "Messages-Waiting: yes\r\nVoice-Message: 2/1 (0/0)\r\n");
        assert!(headers.contains("\r\nEvent: message-summary\r\n") && !headers.contains("a\r\nb"));
        let (_, _, body) = request(&to, &at, Words::Lamp(0, 3), "x");
        assert!(body.starts_with("Messages-Waiting: no\r\nVoice-Message: 0/3"), "{body}");
    }

    /// As Kamailio 5.6.3 answers, and as it should not.
    #[test]
    fn what_a_phone_has_answered_is_read() {
        let heard = include_bytes!("../../tests/fixtures/kamailio/tm.t_uac_wait.json");
        assert_eq!(read_sent(heard), Ok(Reply::Result(200)));
        let silent = include_bytes!("../../tests/fixtures/kamailio/tm.t_uac_wait_408.json");
        assert_eq!(read_sent(silent), Ok(Reply::Result(408)));
        let refused = br#"{"jsonrpc":"2.0","error":{"code":400,"message":"To missing"},"id":1}"#;
        assert!(matches!(read_sent(refused), Ok(Reply::Refused { code: 400, .. })));
        for odd in ["", "{}", r#"{"result":[]}"#, r#"{"result":["200"]}"#, r#"{"result":[99999]}"#]
        {
            assert!(read_sent(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn it_goes_the_way_of_the_registration() {
        let uri = "sip:bob@10.0.0.7";
        assert_eq!(next_hop(&contact(uri, None, None)), ".");
        let received = Some("sip:192.0.2.1:4000");
        assert_eq!(next_hop(&contact(uri, received, None)), "sip:192.0.2.1:4000");
        let path = Some("<sip:edge.example;lr>, <sip:b;lr>");
        assert_eq!(next_hop(&contact(uri, received, path)), "sip:edge.example;lr");
        assert_eq!(next_hop(&contact(uri, None, Some("<sip:a>\r\nX: y"))), ".");
    }
}
