//! Who is told by webhook: it hears every notice, and refuses as many as it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::live::door::Door;

/// The receiver.
pub(crate) struct Ear {
    pub(crate) at: SocketAddr,
    shared: Arc<Shared>,
    _door: Door,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Value>>,
    refused: Mutex<Vec<Value>>,
    /// How many notices are refused before one is heard.
    deaf: AtomicU32,
}

impl Ear {
    pub(crate) fn new(at: SocketAddr) -> Self {
        let shared = Arc::<Shared>::default();
        let told = Arc::clone(&shared);
        let door = Door::open(at, move |_, body| {
            let notice: Value = serde_json::from_str(body).unwrap();
            let count = |deaf: u32| deaf.checked_sub(1);
            let deaf = told.deaf.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok();
            let (list, status) = if deaf { (&told.refused, 503) } else { (&told.heard, 200) };
            list.lock().unwrap().push(notice);
            (status, String::new())
        });
        Self { at, shared, _door: door }
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
