//! What it costs to let nodes know each other's rows: in the core alone, with no wire and no disk,
//! and over plain TCP.
//!
//! A row is what a call needs to be seen elsewhere, some 60 bytes; a change is pushed to four
//! peers. Then a newcomer is told everything by three nodes. The goal of 3 us of CPU a change and
//! node is for what goes over the wire without TLS; with TLS and the disk: `scripts/load rows`.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measurement reads the clock"
)]

#[path = "shared/processor.rs"]
mod processor;
#[path = "cluster/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Instant;

use hallporter::cluster::{Copies, Limits};
use hallporter::domain::NodeId;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NODES: u16 = 5;
const ROWS: u64 = 100_000;
const CHANGES: u64 = 400_000;
/// Changes of one push: 10,000 calls a second begin and end, pushed every 5 ms.
const PUSH: u64 = 100;

type All = Vec<Copies<u64, Arc<[u8]>>>;

fn main() -> anyhow::Result<()> {
    in_the_core();
    wire::run()
}

fn in_the_core() {
    let row: Arc<[u8]> = Arc::from([7_u8; 60]);
    let mut all: All =
        (1..=NODES).map(|node| Copies::new(NodeId(node), 1, Limits::default())).collect();
    for copies in &mut all {
        for key in 0..ROWS {
            copies.change(key, Some(Arc::clone(&row)));
        }
    }
    let began = Instant::now();
    meet(&mut all);
    let rows = u64::from(NODES) * u64::from(NODES - 1) * ROWS;
    println!(
        "all {NODES} nodes know {ROWS} rows of each other after {:.2} s ({:.2} us a row)",
        began.elapsed().as_secs_f64(),
        micros(began, rows)
    );

    // One node's calls end and others begin; everybody is told.
    let began = Instant::now();
    for push in 0..CHANGES / PUSH {
        for change in 0..PUSH / 2 {
            let call = push * PUSH / 2 + change;
            all[0].change(call, None);
            all[0].change(ROWS + call, Some(Arc::clone(&row)));
        }
        spread(&mut all);
    }
    println!(
        "a change: {:.2} us at one node and four that are told, {:.2} us a node",
        micros(began, CHANGES),
        micros(began, CHANGES * u64::from(NODES))
    );

    let newcomer = Copies::new(NodeId(NODES + 1), 1, Limits::default());
    let mut house: All = all.into_iter().take(3).chain([newcomer]).collect();
    let began = Instant::now();
    meet(&mut house);
    let came = house
        .last()
        .map_or(0, |last| (1..=NODES).map(|node| last.rows(NodeId(node)).count()).sum::<usize>());
    println!("a newcomer has {came} rows after {:.2} s", began.elapsed().as_secs_f64());
}

fn micros(began: Instant, count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "millions, not quadrillions")]
    let count = count as f64;
    began.elapsed().as_secs_f64() * 1e6 / count
}

/// All come up, say what they know, and are told the rest.
fn meet(all: &mut All) {
    let nodes: Vec<NodeId> = all.iter().map(|copies| copies.node()).collect();
    for copies in &mut *all {
        nodes.iter().for_each(|node| copies.peer_up(*node));
    }
    let marks: Vec<_> = all.iter().map(|copies| (copies.node(), copies.marks())).collect();
    for copies in &mut *all {
        for (node, marks) in &marks {
            copies.take_marks(*node, marks);
        }
    }
    spread(all);
}

/// Until nobody has anything to tell.
fn spread(all: &mut All) {
    loop {
        let told: Vec<_> = all.iter_mut().flat_map(|copies| copies.tell()).collect();
        if told.is_empty() {
            return;
        }
        for (to, frame) in told {
            if let Some(copies) = all.iter_mut().find(|copies| copies.node() == to) {
                copies.take(frame);
            }
        }
    }
}
