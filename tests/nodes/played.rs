//! A proxy's RPC, played for as long as the test runs.

use std::io::BufReader;
use std::net::TcpListener;

use serde_json::Value;

use super::rpc::{answer, read};

/// The RPC of a proxy that answers every question so; gives its URL.
pub(super) fn played(answers: impl Fn(&Value) -> String + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/RPC", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answers = answers.clone();
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                while let Some(question) = read(&mut stream) {
                    let question: Value = serde_json::from_str(&question).unwrap();
                    answer(stream.get_mut(), &answers(&question));
                }
            });
        }
    });
    url
}
