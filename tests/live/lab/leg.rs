//! One call, seen from the caller's end.

use std::time::{Duration, Instant};

use super::dial::Dial;
use super::digest;
use super::kamailio::PASSWORD;
use super::sip::Message;
use super::unique;

/// How long a request waits for a first reply until it is sent again.
pub(super) const REPEAT: Duration = Duration::from_millis(500);

/// One call of a line.
pub(super) struct Leg {
    pub(super) dial: Dial,
    pub(super) cseq: u32,
    pub(super) branch: String,
    pub(super) credentials: String,
    pub(super) sent: Instant,
    pub(super) began: Instant,
    pub(super) heard: Vec<(Instant, Message)>,
    pub(super) asked: Vec<Message>,
    pub(super) settled: Option<(Instant, Message)>,
    /// The request within the dialog that waits for a reply.
    pub(super) pending: Option<(String, Instant)>,
}

impl Leg {
    pub(super) fn new(dial: Dial) -> Self {
        let now = Instant::now();
        Self {
            dial,
            cseq: 1,
            branch: unique("z9hG4bK"),
            credentials: String::new(),
            sent: now,
            began: now,
            heard: Vec::new(),
            asked: Vec::new(),
            settled: None,
            pending: None,
        }
    }

    pub(super) fn top(
        &self,
        method: &str,
        cseq: u32,
        ruri: &str,
        me: &str,
        branch: &str,
        to: &str,
    ) -> String {
        let Dial { from, tag, call_id, .. } = &self.dial;
        format!(
            "{method} {ruri} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n"
        )
    }

    pub(super) fn to(&self) -> String {
        format!("<{}>", self.dial.to)
    }

    pub(super) fn invite(&self, me: &str) -> String {
        self.top("INVITE", self.cseq, &self.dial.to, me, &self.branch, &self.to())
            + &format!("Contact: <sip:caller@{me}>\r\n")
            + &self.credentials
            + &self.dial.extra
            + "Content-Length: 0\r\n\r\n"
    }

    /// A request within the dialog; `None` while there is none.
    pub(super) fn within(&self, method: &str, cseq: u32, me: &str) -> Option<String> {
        let (_, answer) = self.settled.as_ref()?;
        let ruri = answer.contact().unwrap_or(&self.dial.to);
        let to = answer.header("To").unwrap_or_default();
        let mut text = self.top(method, cseq, ruri, me, &unique("z9hG4bK"), to);
        for route in answer.headers("Record-Route").iter().rev() {
            text += &format!("Route: {route}\r\n");
        }
        Some(text + &format!("Contact: <sip:caller@{me}>\r\nContent-Length: 0\r\n\r\n"))
    }

    /// Takes in a message; gives what is to be sent for it.
    pub(super) fn hear(&mut self, message: Message, me: &str) -> Option<String> {
        let Some(code) = message.code() else {
            let ok = message.reply("200 OK", "", "");
            self.asked.push(message);
            return Some(ok);
        };
        self.heard.push((Instant::now(), message.clone()));
        if message.about() != "INVITE" {
            self.pending = None;
            return None;
        }
        if code < 200 {
            return None;
        }
        if code < 300 {
            let cseq = message.header("CSeq").and_then(|c| c.split(' ').next()?.parse().ok());
            if self.settled.is_none() {
                self.settled = Some((Instant::now(), message));
            } else {
                self.pending = None;
            }
            return self.within("ACK", cseq.unwrap_or(self.cseq), me);
        }
        let to = message.header("To").unwrap_or_default();
        let ack = self.top("ACK", self.cseq, &self.dial.to, me, &self.branch, to)
            + "Content-Length: 0\r\n\r\n";
        if code == 407 && self.credentials.is_empty() && self.prove(&message) {
            let text = format!("{ack}\0{}", self.invite(me));
            // Two packets; the second goes by the way of repetition, at once.
            let (ack, _) = text.split_once('\0').unwrap();
            self.sent = Instant::now() - REPEAT * 2;
            self.heard.clear();
            return Some(ack.to_owned());
        }
        if self.settled.is_none() {
            self.settled = Some((Instant::now(), message));
        }
        Some(ack)
    }

    /// Makes credentials for a challenge, if it has any.
    fn prove(&mut self, challenge: &Message) -> bool {
        let Some(account) = self.dial.account.clone() else { return false };
        let name = "Proxy-Authenticate";
        let realm = challenge.quoted(name, "realm").unwrap();
        let nonce = challenge.quoted(name, "nonce").unwrap();
        let uri = &self.dial.to;
        let response = digest::answer(&account, &realm, PASSWORD, &nonce, &format!("INVITE:{uri}"));
        self.credentials = format!(
            "Proxy-Authorization: Digest username=\"{account}\",realm=\"{realm}\",\
             nonce=\"{nonce}\",uri=\"{uri}\",response=\"{response}\",algorithm=MD5\r\n"
        );
        self.cseq += 1;
        self.branch = unique("z9hG4bK");
        true
    }
}
