//! A daemon of a test's own: its directory, its process, its log.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::line::Line;

/// Looks again and again until it is so; a minute is for machines that are busy with other tests.
#[track_caller]
pub(super) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits for a process, and that takes time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The program, apart from whatever surrounds the test.
pub(super) fn hallporter() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallporter"));
    command.stdin(Stdio::null());
    for name in ["HALLPORTER_URL", "HALLPORTER_TOKEN_FILE", "HALLPORTER_CONFIG", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// A directory with a configuration, and where the daemon of it listens.
pub(super) struct Home {
    pub(super) dir: PathBuf,
    pub(super) address: String,
}

impl Home {
    /// Made with `hallporter init`; then the configuration is replaced by a short one, with
    /// `more` behind `[http]`.
    pub(super) fn new(name: &str, more: &str) -> Self {
        static HOST: AtomicU8 = AtomicU8::new(1);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("process-{name}"));
        let _ = std::fs::remove_dir_all(&dir);
        // An address of its own keeps the port from being given to anybody else meanwhile.
        let host = HOST.fetch_add(1, Ordering::Relaxed);
        let listener = TcpListener::bind(format!("127.0.13.{host}:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut init = hallporter();
        init.args(["init", "--listen", &address, "--dir"]).arg(&dir);
        assert!(init.output().unwrap().status.success());
        let home = Self { dir, address };
        home.configure(more);
        home
    }

    pub(super) fn configure(&self, more: &str) {
        let text = format!("[http]\nlisten = \"{}\"\n{more}\n", self.address);
        std::fs::write(self.config(), text).unwrap();
    }

    pub(super) fn config(&self) -> PathBuf {
        self.dir.join("hallporter.toml")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(super) fn token(&self, scope: &str) -> String {
        let text = std::fs::read_to_string(self.dir.join(format!("{scope}.token"))).unwrap();
        text.trim().to_owned()
    }

    pub(super) fn serve(&self) -> Command {
        let mut serve = hallporter();
        serve.args(["serve", "-c"]).arg(self.config());
        serve
    }

    /// Runs a command of the command line against the daemon; gives exit code and output.
    pub(super) fn cli(&self, line: &str) -> (i32, String) {
        let mut command = hallporter();
        command.args(line.split_whitespace()).env("HALLPORTER_CONFIG", self.config());
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    /// Runs `serve` to its end, which has to be a refusal; gives the sentences.
    #[track_caller]
    pub(super) fn refusal(&self) -> String {
        let child = self.serve().stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut daemon = Daemon::watch(child, &self.address);
        let status = daemon.ended();
        let log = daemon.log();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(!log.contains("panicked") && !log.contains("stack backtrace"), "{log}");
        log
    }

    /// Starts the daemon and waits until it is ready.
    #[track_caller]
    pub(super) fn start(&self) -> Daemon {
        let child = self.serve().stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut daemon = Daemon::watch(child, &self.address);
        until("the daemon is ready", || {
            assert!(daemon.child.try_wait().unwrap().is_none(), "it ended: {}", daemon.log());
            daemon.is_ready()
        });
        daemon
    }

    /// A connection with the operators' token.
    pub(super) fn admin(&self) -> Line {
        Line::new(&self.address, &self.token("admin"))
    }

    /// A connection with the proxies' token.
    pub(super) fn proxy(&self) -> Line {
        Line::new(&self.address, &self.token("route"))
    }

    /// Lays down an account with one number and one device.
    #[track_caller]
    pub(super) fn lay_down(&self, name: &str, max_calls: u32, number: &str) {
        let mut admin = self.admin();
        admin.done("POST", "/v1/accounts", &json!({"name": name, "max_calls": max_calls}));
        admin.done("POST", "/v1/numbers", &json!({"identifier": number, "account": name}));
        let device = json!({"name": "desk", "uri": "sip:desk@10.0.0.7", "stage": 1, "ring_s": 15});
        admin.done("POST", &format!("/v1/accounts/{name}/devices"), &device);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A process. Killed when it is dropped.
pub(super) struct Daemon {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Daemon {
    pub(super) fn watch(mut child: Child, address: &str) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let read = |stream: Box<dyn std::io::Read + Send>| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream);
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
                    log.lock().unwrap().push_str(&line);
                    line.clear();
                }
            })
        };
        let readers = vec![
            read(Box::new(child.stderr.take().unwrap())),
            read(Box::new(child.stdout.take().unwrap())),
        ];
        Self { child, address: address.to_owned(), log, readers }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    #[track_caller]
    pub(super) fn logs(&self, part: &str) {
        let log = Arc::clone(&self.log);
        until(part, || log.lock().unwrap().contains(part));
    }

    pub(super) fn is_ready(&self) -> bool {
        let mut line = Line::new(&self.address, "");
        line.try_ask("GET", "/readyz", None).is_some_and(|answer| answer.0 == 200)
    }

    pub(super) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by its name.
    pub(super) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    /// Ends it at once, in the middle of whatever it is doing.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        until("the process ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status.unwrap()
    }

    /// Ends it as a service manager does.
    #[track_caller]
    pub(super) fn stop(&mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

/// A question about a call.
pub(super) fn question(call_id: &str, number: &str) -> Value {
    json!({"call_id": call_id, "from_tag": "t", "from_uri": "sip:+15550100@trunk",
           "ruri": format!("sip:{number}@gw")})
}

/// Something that happened to a call.
pub(super) fn event(kind: &str, call_id: &str) -> Value {
    json!({"event": kind, "call_id": call_id, "from_tag": "t"})
}
