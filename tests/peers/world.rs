//! A cluster on loopback: its authority, a clock that stands still until it is moved, nodes that
//! are asked what has happened. Events are awaited; the only deadline is one against hanging.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hallporter::domain::{NodeId, Now};
use hallporter::peers::{
    Asked, Authority, Clock, Credentials, Endpoint, Event, Events, Identity, Lane, Own, Peer,
    Refusal, Settings, Side,
};

/// A test that takes longer hangs.
const HANGS: Duration = Duration::from_secs(120);
pub(crate) const NOW_S: i64 = 1_800_000_000;

pub(crate) fn node(number: u16) -> Identity {
    Identity::new("voice", NodeId(number), &format!("n{number}"), "eu").unwrap()
}

/// Does what it does, or fails instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, what).await.expect("it hangs")
}

pub(crate) fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

pub(crate) struct World {
    pub(crate) authority: Authority,
    now_s: Arc<AtomicI64>,
    starts: AtomicU64,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("voice", NOW_S).unwrap();
        Self { authority, now_s: Arc::new(AtomicI64::new(NOW_S)), starts: AtomicU64::new(0) }
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now_s.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.now_s.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Clock {
        let now_s = Arc::clone(&self.now_s);
        Arc::new(move || Now { mono_ms: 0, wall_ms: now_s.load(Ordering::Relaxed) * 1_000 })
    }

    pub(crate) fn credentials(&self, identity: &Identity) -> Credentials {
        self.authority.first(identity, self.now_s()).unwrap()
    }

    /// A node with this number, in its first start.
    pub(crate) fn start(&self, number: u16) -> Node {
        self.start_with(socket(), self.credentials(&node(number)), 1, Settings::default())
    }

    pub(crate) fn start_with(
        &self,
        socket: UdpSocket,
        credentials: Credentials,
        boot: u32,
        settings: Settings,
    ) -> Node {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let settings = Settings { redial_ms: (5, 50), seed: start, ..settings };
        let own = Own { credentials, boot, start };
        let (endpoint, events) = Endpoint::start(socket, own, settings, self.clock()).unwrap();
        let address = endpoint.address().unwrap();
        Node { endpoint, events, address, passed: VecDeque::new() }
    }

    /// Two nodes that are connected; the first was called.
    pub(crate) async fn pair(&self) -> (Node, Node) {
        let (mut one, mut two) = (self.start(1), self.start(2));
        two.endpoint.reach(one.address, Some(NodeId(1)));
        assert_eq!(one.up().await.identity, node(2));
        assert_eq!(two.up().await.identity, node(1));
        (one, two)
    }
}

pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) events: Events,
    pub(crate) address: SocketAddr,
    passed: VecDeque<Event>,
}

impl Node {
    /// The next event, of those that were passed over first.
    pub(crate) async fn next(&mut self) -> Event {
        match self.passed.pop_front() {
            Some(event) => event,
            None => self.fetch().await,
        }
    }

    async fn fetch(&mut self) -> Event {
        soon(self.events.next()).await.expect("the endpoint lives")
    }

    /// The first event that is wanted; others are kept for later.
    async fn take(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        if let Some(at) = self.passed.iter().position(&wanted) {
            return self.passed.remove(at).unwrap();
        }
        loop {
            let event = self.fetch().await;
            if wanted(&event) {
                return event;
            }
            self.passed.push_back(event);
        }
    }

    pub(crate) async fn up(&mut self) -> Peer {
        match self.take(|event| matches!(event, Event::Up(_))).await {
            Event::Up(peer) => peer,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn down(&mut self) -> NodeId {
        match self.take(|event| matches!(event, Event::Down(_))).await {
            Event::Down(node) => node,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn frame(&mut self) -> (NodeId, Lane, Bytes) {
        match self.take(|event| matches!(event, Event::Frame(..))).await {
            Event::Frame(node, lane, body) => (node, lane, body),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn datagram(&mut self) -> (NodeId, Bytes) {
        match self.take(|event| matches!(event, Event::Datagram(..))).await {
            Event::Datagram(node, bytes) => (node, bytes),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn asked(&mut self) -> Asked {
        match self.take(|event| matches!(event, Event::Asked(_))).await {
            Event::Asked(asked) => asked,
            other => panic!("{other:?}"),
        }
    }

    /// Until somebody was refused for this.
    pub(crate) async fn refused(&mut self, side: Side, wanted: Refusal) -> SocketAddr {
        let is_it = |event: &Event| matches!(event, Event::Refused { by, refusal, .. } if (*by, *refusal) == (side, wanted));
        let Event::Refused { address, .. } = self.take(is_it).await else { unreachable!() };
        assert!(self.endpoint.refused(side, wanted) > 0);
        address
    }

    /// Until it is told that this start is over.
    pub(crate) async fn overtaken(&mut self) {
        self.take(|event| matches!(event, Event::Overtaken)).await;
    }

    /// That it still takes in a peer that may come in.
    pub(crate) async fn still_works(&mut self, world: &World) {
        let mut friend = world.start(4_000);
        friend.endpoint.reach(self.address, None);
        while self.up().await.identity.node != NodeId(4_000) {}
        friend.up().await;
        self.endpoint.send(NodeId(4_000), Lane::Ledger, b"still here").unwrap();
        assert_eq!(&friend.frame().await.2[..], b"still here");
    }
}
