//! The other nodes: the way to them, who of them is there, who may come.

mod accord;
mod admit;
mod book;
mod clocks;
mod doubles;
pub(crate) mod errands;
mod informed;
mod join;
mod keep;
mod leave;
pub(crate) mod letter;
mod papers;
mod passed;
mod presence;
mod refused;
mod roll;
pub(crate) mod rows;
mod spread;
mod view;
mod voters;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;

use crate::cluster::{Member, Membership};
use crate::config::Config;
use crate::domain::{NodeId, Now};
use crate::peers::{
    Authority, Clock, Credentials, Endpoint, Event, Events, Identity, Lane, Own, SendError,
    Settings,
};

use crate::http::wire::CLOCK_OFF_MS_MAX;

use super::clock::dice;
use super::house::House;

use book::Book;
use letter::Letter;
use papers::{Known, Members};
use refused::{Refusals, TurnedAway};

pub use join::Joining;
pub(crate) use join::papers;
pub(crate) use keep::found;
pub(crate) use papers::{Dir, Papers, founder};
pub(crate) use roll::RollBook;
pub(crate) use rows::Rows;
pub(crate) use spread::spread;

/// What is said where a cluster has no port.
pub(crate) const NO_LISTEN: &str = "the file does not say where this node listens for others: \
    write listen = \"IP:PORT\" below [cluster]";

/// The way to the other nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    /// Who this node is.
    pub(crate) own: Identity,
    /// Where the others reach it.
    pub(crate) reach: SocketAddr,
    /// Whether it only has a vote and answers no calls.
    pub(crate) witness: bool,
    /// The connections.
    pub(crate) endpoint: Endpoint,
    /// The rows of all nodes.
    pub(crate) rows: Rows,
    errands: errands::Errands,
    dir: Dir,
    authority: Mutex<Option<Authority>>,
    membership: Mutex<Membership>,
    book: Mutex<Book>,
    /// Until when this node's certificate is good, seconds since 1970.
    good_until_s: AtomicI64,
    nonsense: AtomicU64,
    refusals: Refusals,
    turned_away: TurnedAway,
    /// Whether the list of nodes has this one.
    joined: AtomicBool,
    /// How often the members were to be written down, and which of these was the last.
    members_noted: AtomicU64,
    members_written: Arc<Mutex<u64>>,
    removed: AtomicBool,
    leaving: AtomicBool,
    /// Whether it leaves without waiting for its calls.
    at_once: AtomicBool,
    /// Whether it leaves and waits for nothing but that others have its vote.
    going: AtomicBool,
    /// Why it can't leave yet.
    hindered: Mutex<Option<&'static str>>,
}

impl Nodes {
    /// Opens the way; everything else goes on by itself until the process ends.
    ///
    /// # Errors
    /// When the port is in use, or the papers can't be used. The sentence says what to do.
    pub(crate) fn start(
        house: &Arc<House>,
        dir: Dir,
        papers: Papers,
        socket: UdpSocket,
    ) -> anyhow::Result<Arc<Self>> {
        let config = house.config().cluster.context(NO_LISTEN)?;
        let now = house.now();
        let Papers { credentials, authority, members } = papers;
        let own = credentials.identity().clone();
        let good_until_s = now.wall_s() + credentials.good_for_s(now.wall_s());
        let seed = dice().context("the system gives no randomness")?;
        let start = dice().context("the system gives no randomness")?;
        let clock = house.clock;
        let clock: Clock = Arc::new(move || clock.now());
        let settings = Settings { seed, ..Settings::default() };
        let shown = Own { credentials, boot: house.boot, start };
        let (endpoint, events) = Endpoint::start(socket, shown, settings, clock)?;
        let member = Member { node: own.node, boot: house.boot, returns: 0, address: config.reach };
        let others = members.known.iter().map(|known| known.address).collect();
        let rows = Rows::new(own.node, house.boot, seed, house.store.load_copies()?);
        let nodes = Arc::new(Self {
            own,
            reach: config.reach,
            witness: members.witness,
            endpoint,
            rows,
            errands: errands::Errands::default(),
            dir,
            authority: Mutex::new(authority),
            membership: Mutex::new(Membership::new(member, others, seed, now)),
            book: Mutex::default(),
            good_until_s: AtomicI64::new(good_until_s),
            nonsense: AtomicU64::new(0),
            refusals: Refusals::default(),
            turned_away: TurnedAway::default(),
            joined: AtomicBool::new(false),
            members_noted: AtomicU64::new(0),
            members_written: Arc::default(),
            removed: AtomicBool::new(false),
            going: AtomicBool::new(false),
            hindered: Mutex::default(),
            leaving: AtomicBool::new(false),
            at_once: AtomicBool::new(false),
        });
        for known in members.known {
            if let Some(node) = known.node {
                nodes.book().entry(node).address = Some(known.address);
            }
            nodes.endpoint.reach(known.address, known.node);
        }
        house.furnish_nodes(Arc::clone(&nodes));
        tokio::spawn(run(Arc::clone(house), Arc::clone(&nodes), events));
        tokio::spawn(keep::run(Arc::clone(house), Arc::clone(&nodes)));
        let copies = Arc::clone(&nodes);
        house
            .store
            .write_copies_from(Box::new(move |max| copies.rows.directory().take_unkept(max)));
        tokio::spawn(rows::run(Arc::clone(house), Arc::clone(&nodes)));
        tokio::spawn(rows::say_marks(Arc::clone(house), Arc::clone(&nodes)));
        Ok(nodes)
    }

    /// Sends a letter. What was taken can still be lost with its connection.
    ///
    /// # Errors
    /// When it is not sent.
    pub(crate) fn send(&self, to: NodeId, lane: Lane, letter: &Letter) -> Result<(), SendError> {
        let bytes = postcard::to_allocvec(letter).map_err(|_| SendError::TooLong(0))?;
        self.endpoint.send(to, lane, &bytes)
    }

    /// The nodes that are connected.
    pub(crate) fn connected(&self) -> Vec<NodeId> {
        self.book().connected()
    }

    /// Whether another node only has a vote.
    pub(crate) fn is_witness(&self, node: NodeId) -> bool {
        self.book().get(node).is_some_and(|other| other.witness)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authority(&self) -> MutexGuard<'_, Option<Authority>> {
        self.authority.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Letters and packets that made no sense.
    pub(crate) fn nonsense(&self) -> u64 {
        self.nonsense.load(Ordering::Relaxed) + self.lock_membership().nonsense
    }

    /// A peer has told something that makes no sense, or cannot be true coming from it. Said once a
    /// connection, since it goes on as long as nobody looks.
    pub(crate) fn count_nonsense(&self, from: NodeId) {
        self.nonsense.fetch_add(1, Ordering::Relaxed);
        let said = std::mem::replace(&mut self.book().entry(from).nonsense, true);
        if !said {
            tracing::warn!(
                node = from.0,
                "a node tells what makes no sense or cannot be true; it is left out"
            );
        }
    }

    /// A peer has said where it is reached and what it is.
    fn greeted(&self, from: NodeId, reach: SocketAddr, version: String, witness: bool) {
        let before = {
            let mut book = self.book();
            let other = book.entry(from);
            other.version = Some(version.chars().take(64).collect());
            other.witness = witness;
            other.address.replace(reach).filter(|before| *before != reach)
        };
        if let Some(before) = before {
            self.endpoint.forget(before);
        }
        self.call(reach, from);
        self.lock_membership().expect(reach);
        self.save_members();
    }

    fn clock_is(&self, from: NodeId, offset_ms: i64, trip_ms: i64) {
        let before = self.book().entry(from).clock_ms.replace((offset_ms, trip_ms));
        let is_off = |offset_ms: i64| offset_ms.abs() > CLOCK_OFF_MS_MAX;
        if is_off(offset_ms) && !before.is_some_and(|(before_ms, _)| is_off(before_ms)) {
            tracing::warn!(node = from.0, offset_ms, "the clock of a node is off");
        }
    }

    /// This node may let others in from now on.
    fn entrusted(&self, from: NodeId, pem: &str) {
        let mut kept = self.authority();
        if kept.is_some() {
            return;
        }
        match Authority::from_pem(pem) {
            Ok(authority) if authority.cluster() == self.own.cluster => {
                if let Err(error) = self.dir.save_authority(pem) {
                    let error = format!("{error:#}");
                    tracing::error!(error, "papers of the cluster could not be written down");
                    return;
                }
                *kept = Some(authority);
            }
            Ok(_) | Err(_) => self.count_nonsense(from),
        }
    }

    /// The others say that this node is not one of them any more.
    fn removed_here(&self) {
        let known = self.removed.swap(true, Ordering::Relaxed);
        // Who leaves wants it so, and ends by itself.
        if !known && !self.is_leaving() {
            tracing::error!("this node was removed from the cluster: it can join with a new token");
            // Nobody takes it in, however often it calls.
            let addresses: Vec<SocketAddr> =
                self.book().all().filter_map(|(_, other)| other.address).collect();
            addresses.into_iter().for_each(|address| self.endpoint.forget(address));
        }
    }

    /// From now on there is to be a connection with a node, unless this one was removed.
    fn call(&self, address: SocketAddr, node: NodeId) {
        if !self.is_removed() {
            self.endpoint.reach(address, Some(node));
        }
    }

    /// Whether the others said that this node is not one of them any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    fn save_members(&self) {
        // Before the look: whoever has a later number has seen at least as much.
        let number = self.members_noted.fetch_add(1, Ordering::SeqCst) + 1;
        let known = |(node, other): (NodeId, &book::Other)| {
            other.address.map(|address| Known { node: Some(node), address })
        };
        let known = self.book().all().filter_map(known).collect();
        let members = Members { witness: self.witness, known };
        let (dir, written) = (self.dir.clone(), Arc::clone(&self.members_written));
        tokio::task::spawn_blocking(move || {
            // One at a time: two would take the new file away from each other.
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            if *written > number {
                return;
            }
            *written = number;
            if let Err(error) = dir.save_members(&members) {
                let error = format!("{error:#}");
                tracing::error!(error, "papers of the cluster could not be written down");
            }
        });
    }

    /// Shows another certificate from now on.
    fn show(&self, credentials: Credentials, now_s: i64) -> anyhow::Result<()> {
        self.dir.save_node(&credentials)?;
        let good_for_s = credentials.good_for_s(now_s);
        self.endpoint.set_credentials(credentials)?;
        self.good_until_s.store(now_s + good_for_s, Ordering::Relaxed);
        Ok(())
    }

    /// For how long this node's certificate is good, seconds.
    pub(crate) fn good_for_s(&self, now_s: i64) -> i64 {
        self.good_until_s.load(Ordering::Relaxed) - now_s
    }
}

/// Makes the papers of a cluster's first node while it does not run.
pub(crate) fn found_stopped(config: &Config, name: &str, now: Now) -> anyhow::Result<()> {
    let dir = Dir::new(&config.node.data_dir);
    config.cluster.context(NO_LISTEN)?;
    if dir.has_papers() {
        anyhow::bail!(
            "this node is in a cluster already: its papers are in {}, and nothing was changed",
            dir.path().display()
        );
    }
    dir.found(&founder(name, &config.node.name, &config.node.region, now.wall_s())?)
}

/// The socket for the other nodes, as the configuration has it.
pub(crate) fn bind_for(config: &Config) -> anyhow::Result<UdpSocket> {
    bind(config.cluster.context(NO_LISTEN)?.listen)
}

fn bind(listen: SocketAddr) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind(listen).with_context(|| {
        format!(
            "{listen} (UDP) can't be listened on: is another daemon there? (key cluster.listen)"
        )
    })
}

/// Takes what happens on the way, until the process ends.
async fn run(house: Arc<House>, nodes: Arc<Nodes>, mut events: Events) {
    loop {
        let wait = nodes.presence_wait(house.now());
        tokio::select! {
            event = events.next() => match event {
                Some(event) => take(&house, &nodes, event),
                None => return,
            },
            () = tokio::time::sleep(wait) => nodes.presence(&house, Membership::wake),
        }
    }
}

fn take(house: &Arc<House>, nodes: &Arc<Nodes>, event: Event) {
    match event {
        Event::Datagram(_, packet) => {
            nodes.presence(house, |membership, now| membership.receive(&packet, now));
        }
        Event::Frame(from, Lane::Rows | Lane::Whole, body) => {
            letter::take(house, nodes, from, &body);
        }
        Event::Frame(from, Lane::Ledger, body) => {
            if let Some(agreement) = house.agreement()
                && !agreement.frame(from, &body)
            {
                nodes.count_nonsense(from);
            }
        }
        Event::Up(peer) => presence::connected(house, nodes, peer),
        Event::Down(node) => presence::parted(house, nodes, node),
        Event::Asked(asked) => {
            tokio::spawn(admit::decide(Arc::clone(house), Arc::clone(nodes), asked));
        }
        // Counted and written down where it happened.
        Event::Refused { address, by, refusal } => {
            nodes.refusals.note(address, by, refusal, house.now().mono_ms);
        }
        Event::Overtaken => house.overtaken(),
    }
}
