//! Nodes of a test's own.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use super::daemon::{Daemon, Home, until};

/// One node: its directory, and its process while it runs.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) home: Home,
}

impl Node {
    /// Its HTTP door and its port for other nodes have the same number; one is TCP, one UDP.
    pub(super) fn new(test: &str, name: &str) -> Self {
        let home = Home::new(&format!("nodes-{test}-{name}"), "");
        let node = Self { name: name.to_owned(), home };
        node.configure(&node.name);
        node
    }

    /// Writes its configuration, in which it is called so.
    pub(super) fn configure(&self, name: &str) {
        self.configure_with(name, "");
    }

    /// The same, with more behind it.
    pub(super) fn configure_with(&self, name: &str, more: &str) {
        let listen = &self.home.address;
        self.home.configure(&format!(
            "drain = \"0s\"\n[node]\nname = \"{name}\"\nregion = \"of-{}\"\n[cluster]\nlisten = \"{listen}\"\n{more}",
            self.name
        ));
    }

    /// Runs a command against it that has to succeed; gives its output.
    #[track_caller]
    pub(super) fn done(&self, line: &str) -> String {
        let (code, output) = self.home.cli(line);
        assert_eq!(code, 0, "{}: {line}\n{output}", self.name);
        output
    }

    /// A file with a fresh token of this node.
    #[track_caller]
    pub(super) fn token(&self) -> PathBuf {
        let path = self.home.dir.join("token");
        std::fs::write(&path, self.done("cluster token")).unwrap();
        path
    }

    /// `serve --join` over another node, with a token; not started yet.
    pub(super) fn joining(&self, over: &Self, token: &std::path::Path) -> std::process::Command {
        let mut serve = self.home.serve();
        serve.args(["--join", &over.home.address, "--token-file"]).arg(token);
        serve
    }

    /// Joins and waits until it is ready.
    #[track_caller]
    pub(super) fn join(&self, over: &Self) -> Daemon {
        let token = over.token();
        self.started(self.joining(over, &token))
    }

    /// Starts it so, and waits for nothing.
    pub(super) fn spawned(&self, mut serve: std::process::Command) -> Daemon {
        let child = serve.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Daemon::watch(child, &self.home.address)
    }

    /// Starts it so and waits until it answers.
    #[track_caller]
    pub(super) fn started(&self, serve: std::process::Command) -> Daemon {
        let mut daemon = self.spawned(serve);
        until("the daemon is ready", || {
            assert!(daemon.runs(), "it ended: {}", daemon.log());
            daemon.is_ready()
        });
        daemon
    }

    /// Runs `serve` to its end, which has to be a refusal; gives the sentences.
    #[track_caller]
    pub(super) fn refused(&self, serve: std::process::Command) -> String {
        let mut daemon = self.spawned(serve);
        let status = daemon.ended();
        assert_eq!(status.code(), Some(1), "{}", daemon.log());
        daemon.log()
    }

    /// The cluster as it sees it.
    pub(super) fn view(&self) -> Value {
        self.home.admin().get("/v1/cluster")
    }

    /// Which nodes it sees up, in the order of their numbers.
    pub(super) fn up(&self) -> Vec<String> {
        let view = self.view();
        let nodes = view["nodes"].as_array().unwrap().iter().filter(|node| node["up"] == true);
        nodes.map(|node| node["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until so many nodes are in the list, up or not.
    #[track_caller]
    pub(super) fn lists(&self, count: usize) {
        until(&format!("{} lists {count} nodes", self.name), || {
            self.view()["nodes"].as_array().unwrap().len() == count
        });
    }

    /// Waits until it sees exactly these up.
    #[track_caller]
    pub(super) fn sees(&self, names: &[&str]) {
        until(&format!("{} sees {names:?}", self.name), || self.up() == names);
    }
}

/// A running cluster; the first node has founded it.
pub(super) fn cluster(test: &str, names: &[&str]) -> (Vec<Node>, Vec<Daemon>) {
    cluster_of(names.iter().map(|name| Node::new(test, name)).collect())
}

/// The same, of nodes that were made before.
pub(super) fn cluster_of(nodes: Vec<Node>) -> (Vec<Node>, Vec<Daemon>) {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let mut daemons = vec![nodes[0].home.start()];
    nodes[0].done("cluster init --name voice");
    for node in &nodes[1..] {
        daemons.push(node.join(&nodes[0]));
    }
    for node in &nodes {
        node.sees(&names);
    }
    (nodes, daemons)
}
