//! Who is told by webhook: it hears every notice, and refuses as many as it is told to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::live::web::whole;

/// The receiver.
pub(crate) struct Ear {
    pub(crate) at: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Value>>,
    refused: Mutex<Vec<Value>>,
    /// How many notices are refused before one is heard.
    deaf: AtomicU32,
    over: AtomicBool,
}

impl Ear {
    pub(crate) fn new(at: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let shared = Arc::new(Shared::default());
        let hearing = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if hearing.over.load(Ordering::Relaxed) {
                    return;
                }
                let (hearing, stream) = (Arc::clone(&hearing), stream.unwrap());
                std::thread::spawn(move || hearing.talk(stream));
            }
        });
        Self { at, shared }
    }

    /// The next notices are refused (503): so many.
    pub(crate) fn refuses(&self, count: u32) {
        self.shared.deaf.store(count, Ordering::Relaxed);
    }

    /// What was taken, in order, with what came twice.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// What was refused.
    pub(crate) fn refused(&self) -> usize {
        self.shared.refused.lock().unwrap().len()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // So that the listener wakes and ends.
        let _ = TcpStream::connect(self.at);
    }
}

impl Shared {
    /// One connection, as long as it is kept.
    fn talk(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (mut bytes, mut part) = (Vec::new(), [0; 65_536]);
        while !self.over.load(Ordering::Relaxed) {
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
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            let notice: Value = serde_json::from_str(body).unwrap();
            let count = |deaf: u32| deaf.checked_sub(1);
            let deaf = self.deaf.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok();
            let (list, line) =
                if deaf { (&self.refused, "503 Not Now") } else { (&self.heard, "200 OK") };
            list.lock().unwrap().push(notice);
            let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
