//! A call to somebody who leaves a message at another node. The switch there is played.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::daemon::{Daemon, event, now, until};
use super::fake::{self, Fake, Manner};
use super::world::{Node, cluster_of};

const LEG: &str = "5f2a-9b";
/// A node waits 370 ms at most, of the 400 ms of a proxy; a machine that is busy with other tests
/// takes longer for the rest.
const DEADLINE: Duration = Duration::from_secs(1);

/// A switch, as the test plays it.
struct Switch {
    runtime: Runtime,
    fake: Fake,
}

impl Switch {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let fake = runtime.block_on(Fake::start(Manner::Good));
        fake.answer("sched_del", "+OK Deleted: 1\n");
        Self { runtime, fake }
    }

    /// The next command with this in it.
    fn hears(&mut self, part: &str) -> String {
        loop {
            let command = self.runtime.block_on(self.fake.command());
            if command.contains(part) {
                return command;
            }
        }
    }

    fn says(&self, name: &str, more: &[(&str, &str)]) {
        let ours = [("Event-Name", name), ("Unique-ID", LEG), ("variable_hallporter", "deposit")];
        self.fake.say([fake::event(&[&ours[..], more].concat(), "")]);
    }

    /// What was begun by a command of this kind has ended.
    fn plays(&mut self) {
        let command = self.hears("Execute-App-Name: playback");
        let Some(step) = command.lines().find_map(|line| line.strip_prefix("Event-Uuid: ")) else {
            return self.plays();
        };
        self.says("CHANNEL_EXECUTE_COMPLETE", &[("Application-UUID", step)]);
    }

    /// Alice's leg comes, and she begins to speak; gives the path of the recording.
    fn records(&mut self) -> String {
        let row = json!({"uuid": LEG, "state": "CS_EXECUTE", "direction": "inbound",
            "callstate": "ACTIVE", "created_epoch": "1", "application": "set",
            "application_data": ""});
        self.fake.set_channels(&json!({"row_count": 1, "rows": [row]}).to_string());
        self.says(
            "CHANNEL_PARK",
            &[
                ("variable_sip_call_id", "d@h"),
                ("Caller-Destination-Number", "bob"),
                ("variable_sip_from_uri", "+441@h"),
                ("variable_sip_req_params", "cause=486"),
                ("Answer-State", "answered"),
            ],
        );
        self.plays();
        self.plays();
        let command = self.hears("Execute-App-Name: record\n");
        let argument = command.lines().find_map(|line| line.strip_prefix("Execute-App-Arg: "));
        argument.unwrap().split(' ').next().unwrap().to_owned()
    }

    /// The recording is stopped, and the leg hung up, as it is asked to.
    fn obeys(&mut self, path: &str) {
        self.hears("uuid_break");
        self.says("RECORD_STOP", &[("Record-File-Path", path)]);
        self.hears("uuid_kill");
        self.fake.set_channels("{\"row_count\": 0}");
        self.says("CHANNEL_HANGUP_COMPLETE", &[("Hangup-Cause", "NORMAL_CLEARING")]);
    }
}

/// Two nodes, of which the second one takes messages. Alice, who may have one call, is leaving bob
/// one there.
struct Town {
    nodes: Vec<Node>,
    daemons: Vec<Daemon>,
    switch: Switch,
    path: String,
}

fn town(test: &str, policy: &str) -> Town {
    let mut switch = Switch::new();
    let nodes = ["a", "b"].map(|name| Node::new(test, name));
    let more = format!(
        "[messages]\nspool = \"spool\"\nprompts = \"prompts\"\ndisk_free_min_mib = 0\n\
         [[freeswitch]]\nname = \"fs1\"\nevent_socket = \"127.0.0.1:{}\"\n\
         sip = \"10.0.0.5:5080\"\npassword_file = \"freeswitch.password\"\n",
        switch.fake.port
    );
    let password = nodes[1].home.dir.join("freeswitch.password");
    std::fs::write(&password, fake::PASSWORD).unwrap();
    std::fs::set_permissions(&password, Permissions::from_mode(0o600)).unwrap();
    nodes[1].configure_with("b", &more);
    let (nodes, daemons) = cluster_of(nodes.into());
    nodes[0].home.lay_down("alice", 1, "+441");
    nodes[0].home.admin().done("POST", "/v1/accounts", &json!({"name": "bob"}));
    let number = json!({"identifier": "+442", "account": "bob"});
    nodes[0].home.admin().done("POST", "/v1/numbers", &number);
    let mailbox = json!({"name": "bob", "account": "bob", "callback": policy});
    nodes[0].home.admin().done("POST", "/v1/mailboxes", &mailbox);
    let b = &nodes[1].home;
    until("b knows bob's mailbox", || {
        b.admin().ask("GET", "/v1/mailboxes/bob", &Value::Null).0 == 200
    });
    daemons[1].logs("the switch is there");
    let answer = b.proxy().route(&question("d@h", "alice", "+442"));
    assert_ne!(answer["action"], "refuse", "{answer}");
    b.proxy().tell(&event("start", "d@h"));
    let path = switch.records();
    let town = Town { nodes, daemons, switch, path };
    until("a knows of it", || town.rehearsed().contains("leaves a message just now"));
    town
}

fn question(call_id: &str, account: &str, number: &str) -> Value {
    json!({"call_id": call_id, "from_tag": "t", "from_uri": format!("sip:{account}@h"),
           "account": account, "ruri": format!("sip:{number}@gw")})
}

impl Town {
    fn rehearsed(&self) -> String {
        let query = question("rehearsal@h", "bob", "+441");
        self.nodes[0].home.admin().done("POST", "/v1/rehearse", &query).to_string()
    }

    /// Bob calls alice at the other node; gives the answer, and how long it took.
    fn calls_back(&self, call_id: &'static str) -> std::thread::JoinHandle<(Value, Duration)> {
        let mut proxy = self.nodes[0].home.proxy();
        std::thread::spawn(move || {
            let begun = now();
            let answer = proxy.route(&question(call_id, "bob", "+441"));
            (answer, begun.elapsed())
        })
    }

    /// Alice's calls at both nodes.
    fn carried(&self) -> [u64; 2] {
        [0, 1].map(|node| {
            let account = self.nodes[node].home.admin().get("/v1/accounts/alice");
            account["usage"]["total"]["live"].as_u64().unwrap()
        })
    }
}

fn uri(answer: &Value) -> &str {
    answer["stages"][0]["branches"][0]["uri"].as_str().unwrap_or_default()
}

#[test]
fn it_is_led_to_the_switch_there() {
    let town = town("call-back-pause", "pause");
    let told = town.rehearsed();
    assert!(told.contains("sip:callback-m") && told.contains("he is asked"), "{told}");
    let (answer, _) = town.calls_back("c1@h").join().unwrap();
    assert!(uri(&answer).starts_with("sip:callback-m"), "{answer}");
    assert!(uri(&answer).ends_with("@10.0.0.5:5080"), "{answer}");
    assert_eq!(town.carried(), [0, 1]);
    let why = town.nodes[0].done("why c1@h");
    assert!(why.contains("leaves a message just now"), "{why}");
    // A second one is none: the first is awaited.
    let (answer, _) = town.calls_back("c2@h").join().unwrap();
    assert!(!uri(&answer).contains("callback"), "{answer}");
    let b = town.nodes[1].home.admin().try_ask("GET", "/metrics", None).unwrap().1;
    assert!(b.contains("hallporter_call_backs_total 1\n"), "{b}");
}

#[test]
fn it_is_ended_there_first_and_its_right_serves_the_call() {
    let mut town = town("call-back-save", "save");
    assert_eq!(town.carried(), [0, 1]);
    let asked = town.calls_back("c1@h");
    let path = town.path.clone();
    town.switch.obeys(&path);
    let (answer, _) = asked.join().unwrap();
    assert_eq!(
        (&answer["action"], uri(&answer)),
        (&json!("fork"), "sip:desk@10.0.0.7"),
        "{answer}"
    );
    assert_eq!(town.carried(), [1, 0]);
    let log = town.daemons[0].log();
    assert!(!log.contains("has not said") && !log.contains("overdraft"), "{log}");
}

#[test]
fn a_node_that_does_not_answer_holds_up_no_call() {
    let mut town = town("call-back-silent", "save");
    let not_said = "a node has not said whether a call meets a message that is left there";
    town.daemons[1].signal("STOP");
    let (answer, took) = town.calls_back("c1@h").join().unwrap();
    town.daemons[1].logs("a deposit has begun");
    town.daemons[0].logs(not_said);
    assert!(took < DEADLINE, "{took:?}");
    assert!(!uri(&answer).contains("callback"), "{answer}");
    // It does what it was asked for when it wakes; the call is not decided anew.
    town.daemons[1].signal("CONT");
    let path = town.path.clone();
    town.switch.obeys(&path);
    until("alice's message is over", || town.carried()[1] == 0);
    // One that is away is not waited for at all.
    town.daemons[1].kill();
    until("a has parted from b", || town.nodes[0].view()["nodes"][1]["connected"] == false);
    let (_, took) = town.calls_back("c2@h").join().unwrap();
    assert!(took < DEADLINE, "{took:?}");
}
