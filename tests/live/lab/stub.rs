//! A daemon that is none: it answers what it is told to, true or not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value;

use super::web::whole;

/// The stub. Whoever asks gets the answer that is set at that moment.
pub(crate) struct Stub {
    pub(crate) at: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Mutex<(u16, String)>,
    questions: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Stub {
    pub(crate) fn new(at: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new((200, String::new())),
            questions: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::Relaxed) {
                    return;
                }
                let (serving, stream) = (Arc::clone(&serving), stream.unwrap());
                std::thread::spawn(move || serving.talk(stream));
            }
        });
        Self { at, shared }
    }

    /// What every question gets from now on.
    pub(crate) fn says(&self, status: u16, body: &str) {
        *self.shared.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// The questions so far; each must have been JSON. What was encoded is decoded.
    pub(crate) fn questions(&self) -> Vec<Value> {
        let questions = self.shared.questions.lock().unwrap();
        questions.iter().map(|text| decoded(text)).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // So that the listener wakes and ends.
        let _ = TcpStream::connect(self.at);
    }
}

fn decoded(text: &str) -> Value {
    let mut question: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    for key in ["call_id", "from_tag", "from_uri", "from_display", "ruri", "account", "trail"] {
        if let Some(value) = question.get_mut(key) {
            let bytes = URL_SAFE.decode(value.as_str().unwrap()).unwrap();
            *value = String::from_utf8_lossy(&bytes).into_owned().into();
        }
    }
    question
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
                Err(_) => continue,
            }
            if !whole(&bytes) {
                continue;
            }
            let request = String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let (status, answer) = if head.starts_with("POST /v1/route") {
                self.questions.lock().unwrap().push(body.to_owned());
                self.answer.lock().unwrap().clone()
            } else {
                (200, "{}".to_owned())
            };
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
}
