//! A real FreeSWITCH with the configuration that is shipped.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::live::process::Process;
use crate::live::{Lab, eventually, program, seconds};

use super::{Esl, wav};

/// The password of every Event Socket here.
pub(crate) const PASSWORD: &str = "s3cret";

/// The FreeSWITCH that is there: `HALLPORTER_FREESWITCH`, else the one on the path.
fn freeswitch() -> Option<PathBuf> {
    let Some(told) = std::env::var_os("HALLPORTER_FREESWITCH").filter(|told| !told.is_empty())
    else {
        return program("freeswitch");
    };
    let told = PathBuf::from(told);
    assert!(told.is_file(), "HALLPORTER_FREESWITCH={}: there is no such file", told.display());
    Some(told)
}

/// Whether there is one. If not, this is said once for the whole run.
pub(crate) fn installed() -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    if freeswitch().is_some() {
        return true;
    }
    if !SAID.swap(true, Ordering::Relaxed) {
        // Past the test harness, which shows nothing of tests that pass.
        let _ = writeln!(
            std::io::stderr(),
            "no FreeSWITCH found: the live tests of messages were not run \
             (set HALLPORTER_FREESWITCH)"
        );
    }
    false
}

/// A directory of the repository.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// One FreeSWITCH with its directory, on the laboratory's address.
pub(crate) struct Switch {
    pub(crate) dir: PathBuf,
    /// Where it takes SIP.
    pub(crate) sip: SocketAddr,
    /// Its Event Socket.
    pub(crate) esl: SocketAddr,
    process: Option<Process>,
}

impl Switch {
    /// One that runs.
    pub(crate) fn start(lab: &Lab) -> Self {
        let mut switch = Self::prepare(lab, "freeswitch", &[]);
        switch.run();
        switch
    }

    /// Writes the files only; `changes` are further variables and what they are set to.
    pub(crate) fn prepare(lab: &Lab, name: &str, changes: &[(&str, &str)]) -> Self {
        let dir = lab.dir.join(name);
        for below in ["conf", "log", "db", "run", "rec"] {
            fs::create_dir_all(dir.join(below)).unwrap();
        }
        for entry in fs::read_dir(shipped("freeswitch-conf")).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, dir.join("conf").join(file.file_name().unwrap())).unwrap();
        }
        let (sip, esl) = (lab.at(5080), lab.at(8021));
        let (ip, sip_port, esl_port) =
            (lab.ip.to_string(), sip.port().to_string(), esl.port().to_string());
        let prompts = wav::prompts().display().to_string();
        let dialplan = shipped("dialplan/hallporter.xml").display().to_string();
        let switch = Self { dir, sip, esl, process: None };
        for (variable, value) in [
            ("esl_ip", ip.as_str()),
            ("esl_port", &esl_port),
            ("esl_password", PASSWORD),
            ("sip_ip", &ip),
            ("sip_port", &sip_port),
            ("rtp_ip", &ip),
            ("prompts", &prompts),
            ("dialplan", &dialplan),
            ("log", "debug"),
        ] {
            switch.set(variable, value);
        }
        for (variable, value) in changes {
            switch.set(variable, value);
        }
        switch
    }

    /// Makes it one that calls come to without a proxy, as docs/freeswitch.md says.
    /// `gateway` is the way to the world.
    pub(crate) fn alone(&self, daemon: SocketAddr, route_token: &str, gateway: SocketAddr) {
        self.set("gateway", &gateway.to_string());
        self.set("url", &format!("http://{daemon}"));
        self.set("route_token", route_token);
        self.set("domain", "phones.test");
        let alone = shipped("dialplan/hallporter-alone.xml").display().to_string();
        for (file, from, to) in [
            (
                "freeswitch.xml",
                "<X-PRE-PROCESS cmd=\"include\" data=\"sofia.xml\"/>",
                "<X-PRE-PROCESS cmd=\"include\" data=\"sofia.xml\"/>\n\
                 <X-PRE-PROCESS cmd=\"include\" data=\"alone.xml\"/>"
                    .to_owned(),
            ),
            (
                "freeswitch.xml",
                "<X-PRE-PROCESS cmd=\"include\" data=\"$${hallporter_dialplan}\"/>",
                format!(
                    "<X-PRE-PROCESS cmd=\"include\" data=\"$${{hallporter_dialplan}}\"/>\n\
                     <X-PRE-PROCESS cmd=\"include\" data=\"{alone}\"/>"
                ),
            ),
            (
                "modules.xml",
                "<load module=\"mod_sofia\"/>",
                "<load module=\"mod_xml_curl\"/>\n<load module=\"mod_sofia\"/>".to_owned(),
            ),
            (
                "sofia.xml",
                "name=\"context\" value=\"hallporter\"",
                "name=\"context\" value=\"hallporter-calls\"".to_owned(),
            ),
            (
                "sofia.xml",
                "<param name=\"disable-register\" value=\"true\"/>",
                "<param name=\"accept-blind-reg\" value=\"true\"/>\n\
                 <param name=\"multiple-registrations\" value=\"contact\"/>"
                    .to_owned(),
            ),
        ] {
            let file = self.dir.join("conf").join(file);
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains(from), "{} has no {from}", file.display());
            fs::write(&file, text.replacen(from, &to, 1)).unwrap();
        }
    }

    /// Sets a variable that stands in the file of variables.
    fn set(&self, variable: &str, value: &str) {
        let file = self.dir.join("conf/hallporter-vars.xml");
        let text = fs::read_to_string(&file).unwrap();
        let begin = format!("data=\"hallporter_{variable}=");
        let (before, rest) =
            text.split_once(&begin).unwrap_or_else(|| panic!("there is no {variable}"));
        let (_, behind) = rest.split_once('"').unwrap();
        fs::write(&file, format!("{before}{begin}{value}\"{behind}")).unwrap();
    }

    /// Starts it.
    pub(crate) fn spawn(&mut self) {
        let at = |below: &str| self.dir.join(below);
        let mut command = Command::new(freeswitch().unwrap());
        command.current_dir(&self.dir).args(["-nonat", "-nf", "-nc", "-np"]);
        for (option, below) in [
            ("-conf", "conf"),
            ("-log", "log"),
            ("-db", "db"),
            ("-run", "run"),
            ("-temp", "run"),
            ("-recordings", "rec"),
            ("-storage", "rec"),
            ("-cache", "run"),
        ] {
            command.arg(option).arg(at(below));
        }
        self.process = Some(Process::start(&mut command, &at("out")));
    }

    /// Starts it and waits until it takes calls.
    pub(crate) fn run(&mut self) {
        self.spawn();
        let up = eventually(seconds(30.0), || {
            assert!(self.process().ended().is_none(), "FreeSWITCH ended:\n{}", self.log());
            let Ok(Ok(esl)) = Esl::connect(self.esl, PASSWORD) else { return false };
            // Before its clock has ticked for the first time it refuses every call ("Throttle
            // Error").
            esl.api("sofia status").contains("RUNNING")
                && self.log().contains("Clock synchronized to system time")
        });
        assert!(up, "FreeSWITCH does not get ready:\n{}", self.log());
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("FreeSWITCH was not started")
    }

    /// A connection to its Event Socket.
    #[track_caller]
    pub(crate) fn esl(&self) -> Esl {
        Esl::connect(self.esl, PASSWORD).unwrap().unwrap()
    }

    /// kill -9: no event, no BYE.
    pub(crate) fn kill(&mut self) {
        self.process().kill();
    }

    /// It stands still: connections stay, nothing is answered.
    pub(crate) fn hang(&mut self) {
        self.process().signal("STOP");
    }

    pub(crate) fn wake(&mut self) {
        self.process().signal("CONT");
    }

    /// SIGTERM, and how it ends.
    pub(crate) fn terminate(&mut self) -> Option<ExitStatus> {
        self.process().signal("TERM");
        self.process().wait(seconds(20.0))
    }

    /// Its log, as far as it is written.
    pub(crate) fn log(&self) -> String {
        let [out, log] = ["out", "log/freeswitch.log"].map(|file| {
            String::from_utf8_lossy(&fs::read(self.dir.join(file)).unwrap_or_default()).into_owned()
        });
        out + &log
    }

    /// The variables of a leg that dialled this and is there now: its unique id.
    #[track_caller]
    pub(crate) fn leg(&self, esl: &Esl, dialled: &str) -> String {
        let parked = esl.event(super::esl::PATIENCE, |event| {
            event.is("CHANNEL_PARK", "") && event.get("Caller-Destination-Number") == dialled
        });
        parked.unwrap_or_else(|| panic!("no leg to {dialled} parks")).get("Unique-ID").to_owned()
    }

    /// How many legs are up.
    pub(crate) fn legs(esl: &Esl) -> u64 {
        let count = esl.api("show channels count");
        count.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX)
    }
}

/// The daemon's beat, `age_s` old.
#[track_caller]
pub(crate) fn beat(esl: &Esl, age_s: u32) {
    let now: u64 = esl.api("strepoch").parse().expect("the switch's time");
    let reply = esl.api(&format!("global_setvar hallporter_beat={}", now - u64::from(age_s)));
    assert_eq!(reply, "+OK");
}
