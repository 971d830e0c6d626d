//! The table of calls over real sockets, without TLS and without a disk: five nodes in one process,
//! a plain TCP connection each way between any two, letters written and read as they are between
//! daemons, by tasks as they are there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hallporter::cluster::{Directory, Frame, Limits, Marks, Packed};
use hallporter::domain::{AccountKey, CallRef, CallRow, CallState, NodeId, Row, RowKey};
use hallporter::peers::{FrameReader, Kind, framed};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::processor::cpu_s;

const NODES: u16 = 5;
const ROWS: u64 = 100_000;
/// 10,000 calls a second begin and end.
const CHANGES_A_SECOND: u64 = 20_000;
const FLUSH: Duration = Duration::from_millis(5);
const MEASURED: Duration = Duration::from_secs(10);
const MARKS_EVERY: u32 = 200;
/// As much as the writing thread of a daemon takes at once.
const KEPT_MAX: usize = 5_000;
const FRAME_BYTES: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
enum Letter {
    Rows(Frame<RowKey, Packed>),
    Marks(Marks),
}

struct Node {
    number: u16,
    directory: Mutex<Directory>,
    to: Vec<(NodeId, tokio::sync::Mutex<TcpStream>)>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn call(node: u16, number: u64) -> (RowKey, Row) {
    let row = CallRow {
        call_id: format!("{number:012x}-{node}@192.0.2.{node}").into(),
        from: "+493012345678".into(),
        to: "+493098765432".into(),
        caller: Some(AccountKey(7)),
        callee: Some(AccountKey(8)),
        state: CallState::Up,
        emergency: false,
        started_ms: 1_800_000_000_000,
        answered_ms: None,
        expires_ms: 1_800_000_180_000,
    };
    (RowKey::Call(CallRef(u64::from(node) << 48 | number)), Row::Call(row))
}

/// Prints what a change takes.
pub(super) fn run() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let nodes = connected().await?;
    let began = Instant::now();
    all_alike(&nodes, began).await?;
    println!(
        "over TCP, without TLS: {NODES} nodes know {ROWS} rows of each other after {:.2} s",
        began.elapsed().as_secs_f64()
    );
    // As it is when it has run for a while: as many have gone as are remembered.
    let before: u64 = 2 * ROWS;
    for node in &nodes {
        let mut directory = locked(&node.directory);
        (0..before / 2).for_each(|at| replace(&mut directory, node.number, at));
    }
    all_alike(&nodes, Instant::now()).await?;
    let (began, before_s) = (Instant::now(), cpu_s());
    let mut tellers = tokio::task::JoinSet::new();
    for node in &nodes {
        let node = Arc::clone(node);
        tellers.spawn(async move { tell_for(&node, before, MEASURED).await });
    }
    let mut changes = 0;
    while let Some(told) = tellers.join_next().await {
        changes += told??;
    }
    all_alike(&nodes, began).await?;
    let spent_s = cpu_s() - before_s;
    #[expect(clippy::cast_precision_loss, reason = "millions, not quadrillions")]
    let each_us = spent_s * 1e6 / (changes * u64::from(NODES)) as f64;
    println!(
        "  {changes} changes in {:.1} s, all of them at all nodes: {each_us:.2} us of CPU a change and node (goal: 3)",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn connected() -> anyhow::Result<Vec<Arc<Node>>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut nodes: Vec<Node> = (1..=NODES)
        .map(|number| {
            let mut directory = Directory::new(NodeId(number), 1, 7, Limits::default());
            for at in 0..ROWS {
                let (key, row) = call(number, at);
                directory.change(key, Some(&row));
            }
            Node { number, directory: Mutex::new(directory), to: Vec::new() }
        })
        .collect();
    let mut ends = Vec::new();
    for from in 0..NODES {
        for to in (0..NODES).filter(|to| *to != from) {
            let sender = TcpStream::connect(listener.local_addr()?).await?;
            sender.set_nodelay(true)?;
            nodes[usize::from(from)].to.push((NodeId(to + 1), sender.into()));
            ends.push((from, to, listener.accept().await?.0));
        }
    }
    let nodes: Vec<Arc<Node>> = nodes.into_iter().map(Arc::new).collect();
    for (from, to, stream) in ends {
        let node = Arc::clone(&nodes[usize::from(to)]);
        tokio::spawn(async move {
            if let Err(error) = hear(&node, NodeId(from + 1), stream).await {
                println!("node {} hears nothing more: {error}", node.number);
            }
        });
    }
    for node in &nodes {
        let mut directory = locked(&node.directory);
        node.to.iter().for_each(|(peer, _)| directory.peer(*peer, true));
    }
    Ok(nodes)
}

/// Takes in what another node says, for as long as it says anything.
async fn hear(node: &Node, from: NodeId, mut stream: TcpStream) -> anyhow::Result<()> {
    let (mut reader, mut piece) = (FrameReader::new(), vec![0; 64 << 10]);
    loop {
        let length = stream.read(&mut piece).await?;
        anyhow::ensure!(length > 0, "it is closed");
        reader.push(&piece[..length]);
        while let Some(frame) = reader.take()? {
            match postcard::from_bytes(&frame.body)? {
                Letter::Rows(frame) => drop(locked(&node.directory).take(frame)),
                Letter::Marks(marks) => {
                    locked(&node.directory).copies_mut().take_marks(from, &marks);
                }
            }
        }
    }
}

/// Calls of a node end and others begin, and all peers are told every few milliseconds.
async fn tell_for(node: &Node, before: u64, time: Duration) -> anyhow::Result<u64> {
    let (began, mut changed, mut turn) = (Instant::now(), 0_u64, 0_u32);
    while began.elapsed() < time {
        let due_us = began.elapsed().as_micros() * u128::from(CHANGES_A_SECOND / u64::from(NODES));
        let due = u64::try_from(due_us / 1_000_000)?;
        {
            let mut directory = locked(&node.directory);
            while changed < due {
                replace(&mut directory, node.number, (before + changed) / 2);
                changed += 2;
            }
            // What is for the disk is taken, as it is by the thread that writes.
            directory.take_unkept(KEPT_MAX);
        }
        tell(node).await?;
        turn += 1;
        if turn.is_multiple_of(MARKS_EVERY) {
            say_marks(node).await?;
        }
        sleep(FLUSH).await;
    }
    Ok(changed)
}

/// A call ends, and another begins.
fn replace(directory: &mut Directory, node: u16, at: u64) {
    directory.change(call(node, at).0, None);
    let (key, row) = call(node, ROWS + at);
    directory.change(key, Some(&row));
}

async fn tell(node: &Node) -> anyhow::Result<()> {
    loop {
        let told = locked(&node.directory).copies_mut().tell();
        if told.is_empty() {
            return Ok(());
        }
        // Peers that know as much are told the same, which is written once, as in a daemon.
        let mut written: Option<((u64, u64), Bytes)> = None;
        for (to, frame) in told {
            let part = (frame.1.after, frame.1.upto);
            if written.as_ref().is_none_or(|(before, _)| *before != part) {
                written = Some((part, written_as_frame(&Letter::Rows(frame))?));
            }
            if let Some((_, bytes)) = &written {
                send(node, to, bytes).await?;
            }
        }
    }
}

async fn say_marks(node: &Node) -> anyhow::Result<()> {
    let marks = locked(&node.directory).copies().marks();
    let bytes = written_as_frame(&Letter::Marks(marks))?;
    for (to, _) in &node.to {
        send(node, *to, &bytes).await?;
    }
    Ok(())
}

fn written_as_frame(letter: &Letter) -> anyhow::Result<Bytes> {
    let body = postcard::to_extend(letter, Vec::with_capacity(FRAME_BYTES))?;
    Ok(framed(Kind::Rows, &body)?)
}

async fn send(node: &Node, to: NodeId, frame: &[u8]) -> anyhow::Result<()> {
    if let Some((_, stream)) = node.to.iter().find(|(peer, _)| *peer == to) {
        stream.lock().await.write_all(frame).await?;
    }
    Ok(())
}

/// Until all nodes know the same of all.
async fn all_alike(nodes: &[Arc<Node>], since: Instant) -> anyhow::Result<()> {
    loop {
        let known: Vec<_> =
            nodes.iter().map(|node| locked(&node.directory).copies().marks().known).collect();
        if known.iter().all(|one| one.len() == nodes.len() && *one == known[0]) {
            return Ok(());
        }
        anyhow::ensure!(since.elapsed() < PATIENCE, "nodes do not come to know the same");
        for node in nodes {
            say_marks(node).await?;
            tell(node).await?;
        }
        sleep(FLUSH).await;
    }
}
