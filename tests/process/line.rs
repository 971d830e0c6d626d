//! A kept connection, as a proxy keeps one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with a token; made when it is needed.
pub(super) struct Line {
    address: String,
    pub(super) token: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Line {
    pub(super) fn new(address: &str, token: &str) -> Self {
        Self { address: address.to_owned(), token: token.to_owned(), stream: None }
    }

    /// Asks and gives status and body; `None` when the daemon is not there or went away.
    pub(super) fn try_ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Option<(u16, String)> {
        let answer = self.exchange(method, path, body);
        if answer.is_none() {
            self.stream = None;
        }
        answer
    }

    fn exchange(&mut self, method: &str, path: &str, body: Option<&[u8]>) -> Option<(u16, String)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut()?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n");
        if !self.token.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", self.token);
        }
        let body = body.unwrap_or_default();
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all(&[head.as_bytes(), body].concat()).ok()?;
        read_answer(stream)
    }

    /// Asks; the daemon has to answer.
    #[track_caller]
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.try_ask(method, path, Some(text.as_bytes()));
        let (status, text) = answer.unwrap_or_else(|| panic!("{method} {path}: no answer"));
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Asks for something that has to come about; gives the body.
    #[track_caller]
    pub(super) fn done(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert!((200..300).contains(&status), "{method} {path} {body}: {status} {answer}");
        answer
    }

    #[track_caller]
    pub(super) fn get(&mut self, path: &str) -> Value {
        self.done("GET", path, &Value::Null)
    }

    #[track_caller]
    pub(super) fn route(&mut self, question: &Value) -> Value {
        self.done("POST", "/v1/route", question)
    }

    #[track_caller]
    pub(super) fn tell(&mut self, event: &Value) {
        self.done("POST", "/v1/event", event);
    }
}

/// Writes bytes as they are and gives what comes back until the other side closes, or one answer.
pub(super) fn raw(address: &str, bytes: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Somebody who is refused early may be closed before he has said all.
    let _ = stream.write_all(bytes);
    read_answer(&mut BufReader::new(stream))
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> Option<(u16, String)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((status, String::from_utf8(body).ok()?))
}
