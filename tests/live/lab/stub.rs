//! A daemon that is none: it answers what it is told to, true or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value;

use super::door::Door;

/// The stub. Whoever asks gets the answer that is set at that moment.
pub(crate) struct Stub {
    pub(crate) at: SocketAddr,
    shared: Arc<Shared>,
    _door: Door,
}

struct Shared {
    answer: Mutex<(u16, String)>,
    questions: Mutex<Vec<String>>,
}

impl Stub {
    pub(crate) fn new(at: SocketAddr) -> Self {
        let answer = Mutex::new((200, String::new()));
        let shared = Arc::new(Shared { answer, questions: Mutex::default() });
        let asked = Arc::clone(&shared);
        let door = Door::open(at, move |head, body| {
            if !head.starts_with("POST /v1/route") {
                return (200, "{}".to_owned());
            }
            asked.questions.lock().unwrap().push(body.to_owned());
            asked.answer.lock().unwrap().clone()
        });
        Self { at, shared, _door: door }
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
