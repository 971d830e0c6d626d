//! A cluster on loopback: its authority, a clock that stands still until it is moved, nodes that
//! are asked what has happened. Events are awaited; the only deadline is one against hanging.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hallporter::domain::{NodeId, Now};
use hallporter::peers::{
    Authority, Clock, Credentials, Endpoint, Event, Identity, Lane, Own, Peer, Refusal, Settings,
    Side,
};
use tokio::sync::mpsc;

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
        Node { endpoint, events, address }
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
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) address: SocketAddr,
}

impl Node {
    pub(crate) async fn next(&mut self) -> Event {
        soon(self.events.recv()).await.expect("the endpoint lives")
    }

    /// The first event of which this makes something; others before it are passed over.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    pub(crate) async fn up(&mut self) -> Peer {
        self.until(|event| if let Event::Up(peer) = event { Some(peer) } else { None }).await
    }

    pub(crate) async fn down(&mut self) -> NodeId {
        self.until(|event| if let Event::Down(node) = event { Some(node) } else { None }).await
    }

    pub(crate) async fn frame(&mut self) -> (NodeId, Lane, Bytes) {
        self.until(|event| match event {
            Event::Frame(node, lane, body) => Some((node, lane, body)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn datagram(&mut self) -> (NodeId, Bytes) {
        self.until(|event| match event {
            Event::Datagram(node, bytes) => Some((node, bytes)),
            _ => None,
        })
        .await
    }

    /// Until somebody was refused for this; whoever else was refused before fails the test.
    pub(crate) async fn refused(&mut self, side: Side, wanted: Refusal) -> SocketAddr {
        let (by, refusal, address) = self
            .until(|event| match event {
                Event::Refused { address, by, refusal } => Some((by, refusal, address)),
                _ => None,
            })
            .await;
        assert_eq!((by, refusal), (side, wanted));
        assert!(self.endpoint.refused(side, wanted) > 0);
        address
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
