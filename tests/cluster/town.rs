//! Three sites that are one cluster.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::field::{Field, hindrance};
use crate::lab::process::Process;
use crate::lab::web::{ask, rpc};
use crate::lab::{Does, Line, Phone, becomes, eventually, installed, seconds, whole_machine};
use crate::site::Site;

const NAMES: [&str; 3] = ["north", "south", "west"];
/// The site's gateway: a phone that answers every call.
const GATEWAY_PORT: u16 = 5070;
/// How long anything may take that will come about; for machines that are busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster, with its callers and phones.
pub(crate) struct Town {
    // In this order they go: processes before the namespaces that they are in.
    pub(crate) nodes: Vec<Node>,
    pub(crate) field: Option<Field>,
    _machine: MutexGuard<'static, ()>,
}

/// One site with what runs there.
pub(crate) struct Node {
    pub(crate) site: Site,
    pub(crate) line: Line,
    _gateway: Phone,
    kamailio: Option<Process>,
    daemon: Option<Process>,
}

/// How a town is to be made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    name: &'static str,
    needs_field: bool,
}

impl Plan {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, needs_field: false }
    }

    /// It is of no use where nothing can be cut.
    pub(crate) fn with_cuts(mut self) -> Self {
        self.needs_field = true;
        self
    }

    /// Makes it; nothing where the programs are missing that it needs.
    pub(crate) fn found(self) -> Option<Town> {
        let town = self.prepare()?;
        Some(town.founded())
    }

    /// The same without starting any daemon.
    pub(crate) fn prepare(self) -> Option<Town> {
        if !installed() {
            return None;
        }
        let hindrance = hindrance();
        if let Some(hindrance) = hindrance {
            say_once(hindrance);
            if self.needs_field {
                return None;
            }
        }
        let machine = whole_machine();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{}", self.name));
        let _ = fs::remove_dir_all(&dir);
        let field = hindrance.is_none().then(|| Field::of_test(self.name, &NAMES).unwrap());
        let sites: Vec<Site> = (0..NAMES.len()).map(|at| site(&dir, field.as_ref(), at)).collect();
        let nodes = sites.iter().map(|site| Node::prepare(site, &sites)).collect();
        Some(Town { nodes, field, _machine: machine })
    }
}

fn site(dir: &Path, field: Option<&Field>, at: usize) -> Site {
    let region = field.map(|field| field.regions()[at].clone());
    let last = u8::try_from(at + 1).unwrap();
    let loopback = || IpAddr::V4(Ipv4Addr::new(127, 0, 16, last));
    let ip = region.as_ref().map_or_else(loopback, |region| region.ip(1));
    Site { name: NAMES[at].to_owned(), dir: dir.join(NAMES[at]), ip, region }
}

fn say_once(hindrance: &str) {
    static SAID: AtomicBool = AtomicBool::new(false);
    let set = |name: &str, to: &str| std::env::var(name).is_ok_and(|value| value == to);
    let root = rustix::process::geteuid().is_root();
    let missing = hindrance.ends_with("is not installed");
    assert!(
        !(missing && root && set("CI", "true")),
        "{hindrance}: scripts/test installs what is needed"
    );
    if !SAID.swap(true, Ordering::Relaxed) {
        // Past the test harness, which shows nothing of tests that pass.
        let _ = writeln!(
            std::io::stderr(),
            "{hindrance}: the nodes share the loopback net, tests that cut the way were left out"
        );
    }
}

impl Town {
    /// Starts all of it: the first node founds the cluster, the others join.
    pub(crate) fn founded(mut self) -> Self {
        for node in &mut self.nodes {
            node.start_kamailio();
        }
        let (first, newcomers) = self.nodes.split_first_mut().unwrap();
        let config = first.site.config().display().to_string();
        first.cli(&["cluster", "init", "-c", &config]);
        first.start();
        let address = first.site.cluster();
        for node in newcomers {
            let token = first.cli(&["cluster", "token", "-c", &config]);
            let file = node.site.dir.join("token");
            fs::write(&file, token).unwrap();
            node.launch(Some((address, &file)));
            node.is_ready();
        }
        self
    }

    /// The founder has the only vote until the newcomers have got theirs: waits until they have.
    pub(crate) fn all_vote(&self) {
        let first = &self.nodes[0];
        // While they change, whoever had a vote before is needed as well.
        becomes(&Some((3, false)), PATIENCE, || {
            let view = first.get("/v1/cluster")?;
            Some((view["voters"].as_u64()?, view["voters_changing"].as_bool()?))
        });
    }

    /// An account without devices: its calls are passed on, to the gateway of the site that asks.
    pub(crate) fn customer(&self, name: &str, caps: &str, number: &str) {
        let first = &self.nodes[0];
        self.all_vote();
        first.type_line(&format!("account add {name} {caps}"));
        first.type_line(&format!("number add {number} --account {name}"));
        for node in &self.nodes {
            node.knows(number);
            node.has_settled();
        }
    }

    /// Waits until all nodes together count so many calls of an account.
    #[track_caller]
    pub(crate) fn all_count(&self, account: &str, calls: u64) {
        becomes(&Some(calls), PATIENCE, || self.nodes.iter().map(|node| node.live(account)).sum());
    }

    /// Why calls came to what they came to, as the nodes have it that were asked about them.
    pub(crate) fn why(&self, refused: &[String]) -> Vec<String> {
        let why = |line: &String| {
            let call_id = line.split(' ').next_back().unwrap_or_default();
            let told = self.nodes.iter().filter_map(|node| {
                Some(format!("{}: {:#}", node.site.name, node.get(&format!("/v1/why/{call_id}"))?))
            });
            format!("{line}\n{}", told.collect::<Vec<_>>().join("\n"))
        };
        refused.iter().take(3).map(why).collect()
    }

    /// The answered calls that all proxies know together.
    pub(crate) fn calls_at_proxies(&self) -> usize {
        self.nodes.iter().map(|node| node.calls_at_proxy().unwrap_or_default()).sum()
    }
}

impl Node {
    fn prepare(site: &Site, all: &[Site]) -> Self {
        let gateway = site.at(GATEWAY_PORT);
        site.prepare(all, gateway).unwrap();
        let (phone, line) =
            site.inside(|| (Phone::at(gateway, Does::Answer), Line::new(site.ip, site.sip())));
        Self { site: site.clone(), line, _gateway: phone, kamailio: None, daemon: None }
    }

    /// Types words that have to work.
    #[track_caller]
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        self.site.cli(words).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    #[track_caller]
    pub(crate) fn type_line(&self, line: &str) -> String {
        self.cli(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Starts the daemon and waits until it decides.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.launch(None);
        self.is_ready();
    }

    fn launch(&mut self, joining: Option<(std::net::SocketAddr, &Path)>) {
        let mut command = self.site.serve(joining);
        self.daemon = Some(Process::start(&mut command, &self.site.dir.join("log")));
    }

    #[track_caller]
    pub(crate) fn is_ready(&mut self) {
        let ready = eventually(PATIENCE, || {
            let ended = self.daemon().ended();
            assert!(ended.is_none(), "{} ended:\n{}", self.site.name, self.log());
            self.get("/readyz").is_some()
        });
        assert!(ready, "{} does not get ready:\n{}", self.site.name, self.log());
    }

    pub(crate) fn start_kamailio(&mut self) {
        let log = self.site.dir.join("kamailio/log");
        let kamailio = Process::start(&mut self.site.kamailio(), &log);
        self.kamailio = Some(kamailio);
        let up = eventually(PATIENCE, || self.calls_at_proxy().is_some());
        assert!(up, "Kamailio does not answer:\n{}", fs::read_to_string(&log).unwrap_or_default());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.site.dir.join("log")).unwrap_or_default()
    }

    pub(crate) fn daemon(&mut self) -> &mut Process {
        self.daemon.as_mut().expect("the daemon was not started")
    }

    /// kill -9 of the daemon alone.
    pub(crate) fn kill(&mut self) {
        self.daemon().kill();
    }

    /// SIGTERM, and its end, which must be an orderly one.
    #[track_caller]
    pub(crate) fn terminate(&mut self) {
        self.daemon().signal("TERM");
        let ended = self.daemon().wait(PATIENCE);
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{}", self.log());
    }

    fn get(&self, path: &str) -> Option<Value> {
        let token = fs::read_to_string(self.site.dir.join("admin.token")).unwrap();
        let http = self.site.http();
        let within = seconds(5.0);
        let answer = self.site.inside(|| ask(http, "GET", path, Some(token.trim()), "", within))?;
        (answer.status == 200)
            .then(|| serde_json::from_str(&answer.body).unwrap_or(Value::String(answer.body)))
    }

    /// Waits until this node has heard of a number.
    #[track_caller]
    pub(crate) fn knows(&self, number: &str) {
        let path = format!("/v1/numbers/{number}");
        let known = eventually(PATIENCE, || self.get(&path).is_some());
        assert!(known, "{} never hears of {number}:\n{}", self.site.name, self.log());
    }

    /// Waits until it has asked every proxy after its start: before that it keeps rights back.
    #[track_caller]
    pub(crate) fn has_settled(&self) {
        let settled = || {
            let page = self.get("/metrics").and_then(|page| page.as_str().map(str::to_owned));
            page.is_some_and(|page| page.contains("\nhallporter_settled 1\n"))
        };
        assert!(
            eventually(PATIENCE, settled),
            "{} does not settle:\n{}",
            self.site.name,
            self.log()
        );
    }

    /// The calls that an account carries, as this node says.
    pub(crate) fn live(&self, account: &str) -> Option<u64> {
        self.get(&format!("/v1/accounts/{account}"))?["usage"]["total"]["live"].as_u64()
    }

    /// What the account of a number has and holds, as this node says.
    pub(crate) fn usage(&self, number: &str) -> Option<String> {
        let account = self.get(&format!("/v1/numbers/{number}"))?["account"].as_str()?.to_owned();
        let total = self.get(&format!("/v1/accounts/{account}"))?["usage"]["total"].to_string();
        let own = self.get(&format!("/v1/calls?node={}", self.site.name))?;
        let calls = own["items"].as_array()?.iter();
        let calls: Vec<_> =
            calls.map(|call| format!("{} {}", call["call_id"], call["state"])).collect();
        Some(format!("{total}, {} at the proxy, {calls:?}", self.calls_at_proxy()?))
    }

    /// The nodes that it sees, itself among them.
    pub(crate) fn sees(&self) -> Vec<String> {
        let Some(view) = self.get("/v1/cluster") else { return Vec::new() };
        let nodes = view["nodes"].as_array().cloned().unwrap_or_default();
        let seen = nodes.iter().filter(|node| node["up"] == true || node["here"] == true);
        seen.map(|node| node["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The answered calls that its Kamailio knows.
    fn calls_at_proxy(&self) -> Option<usize> {
        let address = self.site.rpc();
        let answer = self.site.inside(|| rpc(address, "dlg.list", &json!([])))?;
        let Value::Array(all) = &answer["result"] else { return Some(0) };
        let up = |dialog: &&Value| (3..5).contains(&dialog["state"].as_u64().unwrap_or_default());
        Some(all.iter().filter(up).count())
    }
}
