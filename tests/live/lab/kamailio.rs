//! A real Kamailio with the configuration that is shipped.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::process::Process;
use super::web::rpc;
use super::{DOMAIN, Daemon, Lab, eventually, program, seconds};

/// The password of every account in tests.
pub(crate) const PASSWORD: &str = "secret";

/// How Kamailio is to run.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    defines: Vec<String>,
    settings: String,
    people: Vec<String>,
}

impl Setup {
    /// Asks this daemon.
    pub(crate) fn asking(daemon: &Daemon) -> Self {
        Self::asking_at(daemon.listen, &daemon.token("route.token"))
    }

    /// Asks whoever listens there.
    pub(crate) fn asking_at(listen: SocketAddr, token: &str) -> Self {
        Self::default()
            .set(&format!("HP_DAEMON_1 http://{listen}"))
            .set(&format!("HP_TOKEN {token}"))
    }

    /// A line of the settings file.
    pub(crate) fn set(mut self, define: &str) -> Self {
        self.settings += &format!("#!define {define}\n");
        self
    }

    /// A define of the command line.
    pub(crate) fn define(mut self, name: &str) -> Self {
        self.defines.push(name.to_owned());
        self
    }

    /// Callers prove who they are; these can.
    pub(crate) fn with_auth(mut self, people: &[&str]) -> Self {
        self.people = people.iter().map(|name| (*name).to_owned()).collect();
        self.define("WITH_AUTH")
    }

    /// These defines and no others.
    pub(crate) fn with_only(mut self, defines: &[&str]) -> Self {
        self.defines = defines.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Where emergency calls and numbers of nobody go.
    pub(crate) fn gateway(self, at: SocketAddr) -> Self {
        self.set(&format!("HP_GATEWAY \"sip:{at}\""))
    }

    /// Writes the files and starts it.
    pub(crate) fn start(self, lab: &Lab) -> Kamailio {
        let mut kamailio = self.prepare(lab);
        kamailio.start();
        kamailio
    }

    /// Writes the files only.
    pub(crate) fn prepare(self, lab: &Lab) -> Kamailio {
        let dir = lab.dir.join("kamailio");
        fs::create_dir_all(&dir).unwrap();
        let settings = format!(
            "#!define HP_SETTINGS\n#!define HP_LISTEN udp:{}\n#!define HP_RPC_LISTEN tcp:{}\n\
             #!define HP_DOMAIN \"{DOMAIN}\"\n#!define HP_CHILDREN 4\n{}",
            lab.sip(),
            lab.at(8090),
            self.settings
        );
        fs::write(dir.join("hallporter-settings.cfg"), settings).unwrap();
        let people = self
            .people
            .iter()
            .map(|name| format!("\t$sht(hp_password=>{name}) = \"{PASSWORD}\";\n"));
        let passwords =
            format!("event_route[htable:mod-init] {{\n{}}}\n", people.collect::<String>());
        fs::write(dir.join("hallporter-passwords.cfg"), passwords).unwrap();
        Kamailio { dir, rpc: lab.at(8090), defines: self.defines, process: None }
    }
}

/// One Kamailio with its directory.
pub(crate) struct Kamailio {
    pub(crate) dir: PathBuf,
    rpc: SocketAddr,
    defines: Vec<String>,
    process: Option<Process>,
}

/// The directory of what is shipped.
pub(crate) fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio-cfg")
}

impl Kamailio {
    fn command(&self) -> Command {
        let mut command = Command::new(program("kamailio").unwrap());
        command.current_dir(&self.dir).arg("-f").arg(shipped().join("kamailio.cfg"));
        for define in &self.defines {
            command.args(["-A", define]);
        }
        command
    }

    /// `kamailio -c`: what it says, and whether it likes the configuration.
    pub(crate) fn check(&self) -> (bool, String) {
        let output = self.command().arg("-c").output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut command = self.command();
        command.args(["-DD", "-E", "-m", "256", "-M", "16"]);
        self.process = Some(Process::start(&mut command, &self.dir.join("log")));
        let up = eventually(seconds(15.0), || {
            assert!(self.process().ended().is_none(), "Kamailio ended:\n{}", self.log());
            rpc(self.rpc, "core.uptime", &json!([])).is_some()
        });
        assert!(up, "Kamailio does not answer:\n{}", self.log());
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("Kamailio was not started")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Lines of its log that tell of a mistake in the configuration or in Kamailio.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let bad = |line: &&str| {
            let words = ["CRITICAL:", "BUG:", "runaway", "invalid assignment", "error in"];
            // A BYE that overtakes its ACK (two processes of Kamailio) is told as critical.
            words.iter().any(|word| line.contains(word)) && !line.contains("CRITICAL: dialog")
        };
        self.log().lines().filter(bad).map(str::to_owned).collect()
    }

    /// SIGKILL for all of it: no event, no BYE.
    pub(crate) fn kill(&mut self) {
        self.process().kill();
    }

    /// A call of its RPC that has to work.
    #[track_caller]
    pub(crate) fn rpc(&self, method: &str, params: &Value) -> Value {
        let answer =
            rpc(self.rpc, method, params).unwrap_or_else(|| panic!("no answer to {method}"));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The calls that it knows and that are not over.
    #[track_caller]
    pub(crate) fn dialogs(&self) -> Vec<Value> {
        let Value::Array(mut all) = self.rpc("dlg.list", &json!([])) else { return Vec::new() };
        all.retain(|dialog| dialog["state"] != 5);
        all
    }

    /// The Call-IDs of the answered calls that it knows, in order.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<String> {
        let dialogs = self.dialogs();
        let up = dialogs.iter().filter(|dialog| dialog["state"].as_u64() >= Some(3));
        let mut all: Vec<String> = up.map(|d| d["call-id"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    }
}
