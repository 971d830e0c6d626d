//! A daemon that answers as it was told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `POST /v1/accounts`
    pub(super) line: String,
    pub(super) authorization: String,
    pub(super) body: Value,
    /// The same, as bytes.
    pub(super) bytes: Vec<u8>,
}

type Answers = BTreeMap<String, (u16, Vec<u8>)>;

/// A running fake. Stops when it is dropped.
pub(super) struct Fake {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Answers each request line (`GET /v1/accounts?limit=1000`) with a status and a body, and
    /// any other with 404.
    pub(super) fn start(answers: &[(&str, u16, Value)]) -> Self {
        Self::with_files(answers, &[])
    }

    /// The same, and some lines are answered with bytes as they are.
    pub(super) fn with_files(answers: &[(&str, u16, Value)], files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Answers = answers
            .iter()
            .map(|(line, status, body)| ((*line).to_owned(), (*status, body.to_string().into())))
            .chain(files.iter().map(|(line, bytes)| ((*line).to_owned(), (200, bytes.to_vec()))))
            .collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (list, stop) = (Arc::clone(&asked), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let _ = answer(&stream.unwrap(), &answers, &list);
            }
        });
        Self { url, asked, stopping, thread: Some(thread) }
    }

    /// Writes a config file and a token with which the command line finds this daemon.
    pub(super) fn configure(&self, dir: &Path) {
        let listen = self.url.strip_prefix("http://").unwrap();
        std::fs::write(dir.join("hallporter.toml"), format!("[http]\nlisten = \"{listen}\"\n"))
            .unwrap();
        std::fs::write(dir.join("admin.token"), "0123456789abcdef\n").unwrap();
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.strip_prefix("http://").unwrap_or_default());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(stream: &TcpStream, answers: &Answers, list: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let line = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let unknown = format!("{{\"error\":\"the test did not expect {line}\"}}").into_bytes();
    let unknown = (404, unknown);
    let (status, text) = answers.get(&line).unwrap_or(&unknown);
    list.lock().unwrap().push(Asked { line, authorization, body, bytes });
    let text = if *status == 204 { &[][..] } else { text };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    )?;
    stream.write_all(text)
}
