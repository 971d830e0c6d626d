//! A proxy's RPC, played: questions over HTTP and their answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// What `core.uptime` answers.
pub(super) const UPTIME: &str = include_str!("../fixtures/kamailio/core.uptime.json");

/// The body of a question; `None` when there is no further one.
pub(super) fn read(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

pub(super) fn answer(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
}
