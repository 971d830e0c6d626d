//! A real daemon, driven through its command line and its doors.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::Process;
use super::web::{Answer, ask};
use super::{Lab, becomes, eventually, seconds};

/// How long a door is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// One daemon with its directory.
pub(crate) struct Daemon {
    pub(crate) dir: PathBuf,
    pub(crate) listen: SocketAddr,
    process: Option<Process>,
}

impl Daemon {
    /// Makes the files of a daemon as an operator would; it does not run yet. It looks at the
    /// lab's Kamailio every second.
    pub(crate) fn init(lab: &Lab, name: &str, port: u16) -> Self {
        let daemon = Self::init_without_proxy(lab, name, port);
        daemon.append(&format!(
            "\n[[kamailio.proxy]]\nname = \"k1\"\nrpc = \"http://{}/RPC\"\n",
            lab.at(8090)
        ));
        daemon
    }

    /// The same for a site without a Kamailio.
    pub(crate) fn init_without_proxy(lab: &Lab, name: &str, port: u16) -> Self {
        let (dir, listen) = (lab.dir.join(name), lab.at(port));
        let daemon = Self { dir, listen, process: None };
        let (dir, listen) = (daemon.dir.display().to_string(), listen.to_string());
        daemon.ends(&["init", "--dir", &dir, "--name", name, "--listen", &listen], 0);
        daemon.set("look_every", "\"1s\"");
        daemon.set("drain", "\"0s\"");
        daemon.set("country", "\"49\"");
        daemon.set("level", "\"debug\"");
        daemon
    }

    /// A daemon that is ready to decide.
    pub(crate) fn serve(lab: &Lab) -> Self {
        let mut daemon = Self::init(lab, "porter", 8170);
        daemon.start();
        daemon
    }

    /// Sets a key that `init` wrote down, as a comment or not.
    pub(crate) fn set(&self, key: &str, value: &str) {
        self.set_behind("", key, value);
    }

    /// The same for a key that several sections have.
    pub(crate) fn set_in(&self, section: &str, key: &str, value: &str) {
        self.set_behind(&format!("\n[{section}]\n"), key, value);
    }

    fn set_behind(&self, head: &str, key: &str, value: &str) {
        let path = self.dir.join("hallporter.toml");
        let text = fs::read_to_string(&path).unwrap();
        let from = text.find(head).unwrap_or_else(|| panic!("there is no {head}")) + head.len();
        let (before, text) = text.split_at(from);
        let is_it = |line: &&str| line.trim_start_matches('#').starts_with(&format!("{key} = "));
        let line = text.lines().find(is_it).unwrap_or_else(|| panic!("there is no key {key}"));
        let text = text.replacen(line, &format!("{key} = {value}"), 1);
        fs::write(&path, format!("{before}{text}")).unwrap();
    }

    pub(crate) fn append(&self, text: &str) {
        let path = self.dir.join("hallporter.toml");
        fs::write(&path, fs::read_to_string(&path).unwrap() + text).unwrap();
    }

    /// Starts it and waits until it decides.
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same with further arguments.
    pub(crate) fn start_with(&mut self, more: &[&str]) {
        let config = self.dir.join("hallporter.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallporter"));
        command.args(["serve", "-c"]).arg(config).args(more).current_dir(&self.dir);
        self.process = Some(Process::start(&mut command, &self.dir.join("log")));
        let ready = eventually(seconds(10.0), || {
            self.get_from("/readyz").is_some_and(|answer| answer.status == 200)
        });
        assert!(ready, "the daemon does not get ready:\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the daemon was not started")
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process().kill();
    }

    /// The process stands still: it takes connections and answers nothing.
    pub(crate) fn hang(&mut self) {
        self.process().signal("STOP");
    }

    pub(crate) fn wake(&mut self) {
        self.process().signal("CONT");
    }

    /// SIGTERM, and how it ends.
    pub(crate) fn terminate(&mut self) -> Option<ExitStatus> {
        self.process().signal("TERM");
        self.process().wait(seconds(10.0))
    }

    /// The command line, as it was typed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallporter"));
        for name in ["HALLPORTER_URL", "HALLPORTER_TOKEN_FILE"] {
            command.env_remove(name);
        }
        let config = self.dir.join("hallporter.toml");
        command.env("HALLPORTER_CONFIG", config).stdin(Stdio::null()).args(arguments);
        command.output().unwrap()
    }

    /// Types a line; it has to end with this code.
    #[track_caller]
    pub(crate) fn ends(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let [out, err] = [output.stdout, output.stderr].map(|b| String::from_utf8(b).unwrap());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}{err}");
        out + &err
    }

    /// Types a line that has to work.
    #[track_caller]
    pub(crate) fn cli(&self, line: &str) -> String {
        self.ends(&line.split_whitespace().collect::<Vec<_>>(), 0)
    }

    /// Types a line that has to work and answer in JSON.
    #[track_caller]
    pub(crate) fn cli_json(&self, line: &str) -> Value {
        serde_json::from_str(&self.cli(&format!("{line} --json"))).unwrap()
    }

    /// An account with a number, reached at one phone.
    pub(crate) fn customer(&self, name: &str, caps: &str, number: &str, device: &str) {
        self.cli(&format!("account add {name} {caps}"));
        self.cli(&format!("number add {number} --account {name}"));
        self.cli(&format!("device add {name} phone --uri {device} --ring 20s"));
    }

    pub(crate) fn token(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap().trim().to_owned()
    }

    /// Asks a door with the operators' token.
    pub(crate) fn get_from(&self, path: &str) -> Option<Answer> {
        ask(self.listen, "GET", path, Some(&self.token("admin.token")), "", PATIENCE)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.get_from(path).unwrap_or_else(|| panic!("no answer to {path}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Asks or tells with the proxies' token.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let token = self.token("route.token");
        let body = body.to_string();
        ask(self.listen, "POST", path, Some(&token), &body, PATIENCE).expect("no answer")
    }

    /// A question as a proxy would ask it, by hand.
    pub(crate) fn asked(&self, call_id: &str, account: &str, ruri: &str) -> Value {
        let mut query = json!({"call_id": call_id, "from_tag": "t", "from_uri": "sip:x@y.test",
            "ruri": ruri, "method": "INVITE"});
        if !account.is_empty() {
            query["account"] = account.into();
        }
        self.post("/v1/route", &query).json()
    }

    /// The calls that an account carries.
    #[track_caller]
    pub(crate) fn live(&self, account: &str) -> u64 {
        self.get(&format!("/v1/accounts/{account}"))["usage"]["total"]["live"].as_u64().unwrap()
    }

    /// Waits until an account carries so many calls.
    #[track_caller]
    pub(crate) fn carries(&self, account: &str, calls: u64) {
        becomes(&calls, PATIENCE, || self.live(account));
    }

    /// The Call-IDs of all live calls with their state, in order.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut all = Vec::new();
        let mut page = self.get("/v1/calls?limit=1000");
        loop {
            for item in page["items"].as_array().unwrap() {
                all.push((text(&item["call_id"]), text(&item["state"])));
            }
            let Some(next) = page["next"].as_str() else { break };
            page = self.get(&format!("/v1/calls?limit=1000&after={next}"));
        }
        all.sort();
        all
    }

    /// A figure of `/metrics`, by the whole name with its labels; 0 where it does not stand.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let text = self.get_from("/metrics").expect("no metrics").body;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(0, |value| value.parse().unwrap())
    }
}
