//! A small HTTP server: it gives every request to a function, and says what that one says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::web::whole;
use super::{eventually, seconds};

/// The server; gone when this is dropped.
pub(crate) struct Door {
    pub(crate) at: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Door {
    /// Opens one. `answer` gets head and body of a request, and gives status and body.
    pub(crate) fn open(
        at: SocketAddr,
        answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = bound(at);
        let (over, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let ends = Arc::clone(&over);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (ends, answer) = (Arc::clone(&ends), Arc::clone(&answer));
                let stream = stream.unwrap();
                std::thread::spawn(move || talk(stream, &ends, &*answer));
            }
        });
        Self { at, over }
    }
}

/// Whoever has claimed the address has tried the port before; a process that another test starts in
/// that instant has what was open then until it has become its program.
fn bound(at: SocketAddr) -> TcpListener {
    let mut bound = None;
    assert!(
        eventually(seconds(5.0), || {
            bound = TcpListener::bind(at).ok();
            bound.is_some()
        }),
        "{at} is in use"
    );
    bound.unwrap()
}

impl Drop for Door {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // So that the listener wakes and ends.
        let _ = TcpStream::connect(self.at);
    }
}

/// One connection, as long as it is kept.
fn talk(mut stream: TcpStream, over: &AtomicBool, answer: &impl Fn(&str, &str) -> (u16, String)) {
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (mut bytes, mut part) = (Vec::new(), [0; 65_536]);
    while !over.load(Ordering::Relaxed) {
        match stream.read(&mut part) {
            Ok(0) => return,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        if !whole(&bytes) {
            continue;
        }
        let request = String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let (status, answer) = answer(head, body);
        let answer = format!(
            "HTTP/1.1 {status} As Told\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
