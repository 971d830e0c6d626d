//! Texts (SIP MESSAGE): one is sent, and its final answer awaited.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::sip::{Message, bytes, target};
use super::{seconds, unique};

/// How long a text waits for its answer until it is sent again.
const REPEAT: Duration = Duration::from_millis(500);

/// One text.
pub(crate) struct Text {
    to: String,
    from: String,
    extra: String,
    body: String,
    pub(crate) call_id: String,
}

impl Text {
    /// A stranger's text.
    pub(crate) fn to(to: &str) -> Self {
        Self {
            to: target(to),
            from: "<sip:stranger@elsewhere.test>".to_owned(),
            extra: String::new(),
            body: "hello".to_owned(),
            call_id: unique("text"),
        }
    }

    pub(crate) fn from(mut self, from: &str) -> Self {
        from.clone_into(&mut self.from);
        self
    }

    pub(crate) fn extra(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.extra);
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Sends it, and how it was answered.
    #[track_caller]
    pub(crate) fn send(&self, ip: IpAddr, proxy: SocketAddr) -> Message {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(REPEAT)).unwrap();
        let Self { to, from, extra, body, call_id } = self;
        let text = format!(
            "MESSAGE {to} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={}\r\nMax-Forwards: 70\r\n\
             From: {from};tag={}\r\nTo: <{to}>\r\nCall-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\n\
             Content-Type: text/plain\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            socket.local_addr().unwrap(),
            unique("z9hG4bK"),
            unique("t"),
            bytes(body).len()
        );
        let (end, mut packet) = (Instant::now() + seconds(30.0), [0; 8192]);
        socket.send_to(&bytes(&text), proxy).unwrap();
        while Instant::now() < end {
            match socket.recv(&mut packet) {
                Ok(count) => {
                    let message = Message::read(&packet[..count]);
                    if message.code().is_some_and(|code| code >= 200) {
                        return message;
                    }
                }
                Err(_) => {
                    socket.send_to(&bytes(&text), proxy).unwrap();
                }
            }
        }
        panic!("no answer to {call_id}");
    }
}
