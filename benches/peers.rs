//! What the way between nodes costs: small frames and datagrams over QUIC with TLS 1.3 on both
//! sides, beside plain TCP and plain UDP in the same run, over loopback.
//!
//! Both ends are in this process, so the CPU time is that of sending and receiving together. Rows
//! of 200 bytes go one by one, as fast as they are taken; in batches they go as `Copies` tells
//! them, many in one frame.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement reads the clock, and stops at the first surprise"
)]

#[path = "shared/processor.rs"]
mod processor;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hallporter::domain::{NodeId, Now};
use hallporter::peers::{
    Authority, Clock, Endpoint, Event, Events, FrameReader, Identity, Kind, Lane, Own, Settings,
    framed,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use processor::cpu_s;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW_S: i64 = 1_800_000_000;
const DELTA_BYTES: usize = 200;
const DELTAS: usize = 400_000;
/// Rows that gather in 5 ms at 10,000 changes a second.
const BATCH: usize = 50;
const ROUND_TRIPS: usize = 4_000;
/// How many frames plain TCP writes in one go; the lanes do as many.
const WRITE_FRAMES: usize = 64;

type Node = (Endpoint, Events);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be started");
    runtime.block_on(async {
        let mut pair = pair().await;
        for _ in 0..2 {
            frames(&mut pair, DELTAS, DELTA_BYTES, "QUIC+TLS, a frame for each").await;
            frames(&mut pair, DELTAS / BATCH, DELTA_BYTES * BATCH, "QUIC+TLS, 50 in a frame").await;
            tcp(DELTAS, DELTA_BYTES, "TCP, a frame for each").await;
            tcp(DELTAS / BATCH, DELTA_BYTES * BATCH, "TCP, 50 in a frame").await;
            datagrams(&mut pair).await;
            udp().await;
        }
        round_trips(&mut pair).await;
        tcp_round_trips().await;
    });
}

async fn pair() -> (Node, Node) {
    let authority = Authority::new("bench", NOW_S).unwrap();
    let clock: Clock = Arc::new(|| Now { mono_ms: 0, wall_ms: NOW_S * 1_000 });
    let start = |number: u16| {
        let name = format!("n{number}");
        let identity = Identity::new("bench", NodeId(number), &name, "eu").unwrap();
        let credentials = authority.first(&identity, NOW_S).unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let own = Own { credentials, boot: 1, start: u64::from(number) };
        Endpoint::start(socket, own, Settings::default(), Arc::clone(&clock)).unwrap()
    };
    let (mut one, mut two) = (start(1), start(2));
    let began = Instant::now();
    two.0.reach(one.0.address().unwrap(), Some(NodeId(1)));
    assert!(matches!(one.1.next().await, Some(Event::Up(_))));
    assert!(matches!(two.1.next().await, Some(Event::Up(_))));
    println!("connected after {:.1} ms, both certificates checked", ms(began));
    (one, two)
}

async fn frames(pair: &mut (Node, Node), count: usize, bytes: usize, what: &str) {
    let body = vec![7; bytes];
    let measured = Measured::begin();
    let ((one, _), (_, events)) = (&pair.0, &mut pair.1);
    let send = async {
        for _ in 0..count {
            while one.send(NodeId(2), Lane::Rows, &body).is_err() {
                tokio::task::yield_now().await;
            }
        }
    };
    let receive = async {
        let mut left = count;
        while left > 0 {
            left -= usize::from(matches!(events.next().await, Some(Event::Frame(..))));
        }
    };
    tokio::join!(send, receive);
    measured.end(count, count * bytes / DELTA_BYTES, what);
}

async fn tcp(count: usize, bytes: usize, what: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut sender, mut receiver) = tcp_pair(&listener).await;
    let frame = framed(Kind::Rows, &vec![7; bytes]).unwrap();
    let measured = Measured::begin();
    let writes = tokio::spawn(async move {
        let some: Vec<u8> =
            std::iter::repeat_n(&frame[..], WRITE_FRAMES).flatten().copied().collect();
        for _ in 0..count / WRITE_FRAMES {
            sender.write_all(&some).await.unwrap();
        }
        for _ in 0..count % WRITE_FRAMES {
            sender.write_all(&frame).await.unwrap();
        }
        sender
    });
    let (mut reader, mut piece, mut left) = (FrameReader::new(), vec![0; 64 << 10], count);
    while left > 0 {
        let length = receiver.read(&mut piece).await.unwrap();
        reader.push(&piece[..length]);
        while reader.take().unwrap().is_some() {
            left -= 1;
        }
    }
    writes.await.unwrap();
    measured.end(count, count * bytes / DELTA_BYTES, what);
}

async fn tcp_pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (receiver, _) = listener.accept().await.unwrap();
    sender.set_nodelay(true).unwrap();
    receiver.set_nodelay(true).unwrap();
    (sender, receiver)
}

/// A window of 64 is on its way: a datagram that finds no room is dropped, and none is here.
async fn datagrams(pair: &mut (Node, Node)) {
    let body = Bytes::from(vec![7; DELTA_BYTES]);
    let ((one, _), (two, events)) = (&pair.0, &mut pair.1);
    let count = DELTAS / 4;
    let measured = Measured::begin();
    for sent in 0..count + 64 {
        if sent < count {
            one.send_datagram(NodeId(2), body.clone()).expect("there is room");
        }
        if sent >= 64 {
            while !matches!(events.next().await, Some(Event::Datagram(..))) {}
        }
    }
    measured.end(count, count, "QUIC+TLS, datagrams");
    assert_eq!((two.figures().datagrams_unread, one.figures().datagrams_dropped), (0, 0));
}

async fn udp() {
    let count = DELTAS / 4;
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.connect(receiver.local_addr().unwrap()).await.unwrap();
    let (body, mut piece) = ([7; DELTA_BYTES], [0; 2_048]);
    let measured = Measured::begin();
    for sent in 0..count {
        sender.send(&body).await.unwrap();
        if sent >= 64 {
            receiver.recv(&mut piece).await.unwrap();
        }
    }
    measured.end(count, count, "UDP, datagrams");
}

async fn round_trips(pair: &mut (Node, Node)) {
    let body = vec![7; DELTA_BYTES];
    let mut took = Vec::new();
    let ((one, one_events), (two, two_events)) = (&mut pair.0, &mut pair.1);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        one.send(NodeId(2), Lane::Rows, &body).unwrap();
        while !matches!(two_events.next().await, Some(Event::Frame(..))) {}
        two.send(NodeId(1), Lane::Rows, &body).unwrap();
        while !matches!(one_events.next().await, Some(Event::Frame(..))) {}
        took.push(ms(began));
    }
    quantiles(took, "QUIC+TLS, there and back");
}

async fn tcp_round_trips() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut one, mut two) = tcp_pair(&listener).await;
    let (mut body, mut took) = ([7; DELTA_BYTES], Vec::new());
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        one.write_all(&body).await.unwrap();
        two.read_exact(&mut body).await.unwrap();
        two.write_all(&body).await.unwrap();
        one.read_exact(&mut body).await.unwrap();
        took.push(ms(began));
    }
    quantiles(took, "TCP, there and back");
}

fn quantiles(mut took: Vec<f64>, what: &str) {
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took[took.len() * share / 100];
    println!("{what:<28} p50 {:.3} ms, p99 {:.3} ms", at(50), at(99));
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

struct Measured {
    began: Instant,
    cpu_s: f64,
}

impl Measured {
    fn begin() -> Self {
        Self { began: Instant::now(), cpu_s: cpu_s() }
    }

    #[expect(clippy::cast_precision_loss, reason = "millions, not quadrillions")]
    fn end(&self, frames: usize, deltas: usize, what: &str) {
        let (wall_s, cpu_s) = (self.began.elapsed().as_secs_f64(), cpu_s() - self.cpu_s);
        println!(
            "{what:<28} {:>9.0} frames/s, {:>9.0} deltas/s, {:.2} us CPU a delta (both ends)",
            frames as f64 / wall_s,
            deltas as f64 / wall_s,
            cpu_s * 1e6 / deltas as f64
        );
    }
}
