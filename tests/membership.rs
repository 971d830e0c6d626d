//! Five nodes in a time of their own, over a network that delays and loses: everybody finds
//! everybody, a crash is seen soon, nobody is taken for dead who is not, and who comes back is
//! found again.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "rights/dice.rs"]
mod dice;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use dice::Dice;
use hallporter::cluster::{Member, Membership, Presence};
use hallporter::domain::{NodeId, Now};
use proptest::prelude::*;

const NODES: usize = 5;
const DELAY_MS: u64 = 20;

struct World {
    now_ms: u64,
    dice: Dice,
    loss_percent: usize,
    nodes: Vec<Option<Membership>>,
    boots: Vec<u32>,
    /// Packets on their way: when they are there, and a number that keeps their order.
    network: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    sent: u64,
    /// Those on its side cannot reach the others.
    cut: BTreeSet<usize>,
    /// Who saw whom come and go, and when.
    seen: Vec<(u64, usize, Seen)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Up(usize, u32),
    Down(usize, u32),
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap() + 1], 8171))
}

fn place(address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    usize::from(address.ip().octets()[3]) - 1
}

impl World {
    fn new(seed: u64, loss_percent: usize) -> Self {
        let mut world = Self {
            now_ms: 1_000,
            dice: Dice::new(seed),
            loss_percent,
            nodes: (0..NODES).map(|_| None).collect(),
            boots: vec![0; NODES],
            network: BTreeMap::new(),
            sent: 0,
            cut: BTreeSet::new(),
            seen: Vec::new(),
        };
        (0..NODES).for_each(|node| world.start(node));
        world
    }

    fn now(&self) -> Now {
        Now { mono_ms: self.now_ms, wall_ms: 0 }
    }

    fn start(&mut self, node: usize) {
        self.boots[node] += 1;
        let boot = self.boots[node];
        let id = NodeId(u16::try_from(node).unwrap() + 1);
        let own = Member { node: id, boot, returns: 0, address: address(node) };
        // All know the first two, and these know each other.
        let others = (0..2).filter(|other| *other != node).map(address).collect();
        let seed = self.dice.below(usize::MAX) as u64;
        self.nodes[node] = Some(Membership::new(own, others, seed, self.now()));
    }

    /// Lets so much time pass.
    fn pass(&mut self, time_ms: u64) {
        let until_ms = self.now_ms + time_ms;
        loop {
            (0..NODES).for_each(|node| self.drain(node));
            let wakes = self.nodes.iter().flatten().map(Membership::wakeup);
            let packet = self.network.keys().next().map(|(due_ms, _)| *due_ms);
            let next_ms = wakes.chain(packet).min().unwrap_or(u64::MAX);
            if next_ms > until_ms {
                self.now_ms = until_ms;
                return;
            }
            self.now_ms = self.now_ms.max(next_ms);
            let now = self.now();
            while let Some(first) = self.network.first_entry()
                && first.key().0 <= now.mono_ms
            {
                let (to, packet) = first.remove();
                if let Some(node) = &mut self.nodes[to] {
                    node.receive(&packet, now);
                }
            }
            for node in self.nodes.iter_mut().flatten() {
                node.wake(now);
            }
        }
    }

    fn drain(&mut self, from: usize) {
        while let Some(output) = self.nodes[from].as_mut().and_then(Membership::poll) {
            match output {
                Presence::Send(to, packet) => {
                    let to = place(to);
                    let cut = self.cut.contains(&from) != self.cut.contains(&to);
                    if !cut && !self.dice.chance(self.loss_percent) {
                        self.sent += 1;
                        let due_ms = self.now_ms + DELAY_MS + self.dice.below(5) as u64;
                        self.network.insert((due_ms, self.sent), (to, packet));
                    }
                }
                Presence::Up(member) => {
                    self.see(from, Seen::Up(place(member.address), member.boot));
                }
                Presence::Down(member) => {
                    self.see(from, Seen::Down(place(member.address), member.boot));
                }
            }
        }
    }

    fn see(&mut self, node: usize, seen: Seen) {
        self.seen.push((self.now_ms, node, seen));
    }

    /// Whether all that run see all that run, and nobody else.
    fn all_see_all(&self) -> bool {
        let running: BTreeSet<usize> =
            (0..NODES).filter(|node| self.nodes[*node].is_some()).collect();
        running.iter().all(|node| {
            let there = self.nodes[*node].as_ref().unwrap().there();
            let mut there: BTreeSet<usize> = there.map(|member| place(member.address)).collect();
            there.insert(*node);
            there == running
        })
    }

    /// Whom each sees.
    fn views(&self) -> Vec<Vec<String>> {
        let view = |node: &Membership| {
            node.there().map(|member| format!("{}r{}", member.node.0, member.returns)).collect()
        };
        self.nodes.iter().map(|node| node.as_ref().map(view).unwrap_or_default()).collect()
    }

    /// How long it takes until all see all.
    fn until_all_see_all(&mut self, within_ms: u64) -> u64 {
        let began_ms = self.now_ms;
        while !self.all_see_all() {
            self.pass(100);
            let took_ms = self.now_ms - began_ms;
            assert!(took_ms <= within_ms, "after {took_ms} ms: {:?}", self.views());
        }
        self.now_ms - began_ms
    }
}

#[test]
fn everybody_finds_everybody_and_sees_a_crash_soon() {
    let mut took_ms = Vec::new();
    for seed in 0..60 {
        let mut world = World::new(seed, 1);
        // The crate calls once only, and with lost packets some would never come in.
        world.until_all_see_all(10_000);
        world.pass(2_000);
        let crashed = world.dice.below(NODES);
        world.nodes[crashed] = None;
        took_ms.push(world.until_all_see_all(10_000));
    }
    took_ms.sort_unstable();
    let (middle, most) = (took_ms[took_ms.len() / 2], took_ms[took_ms.len() - 1]);
    assert!(middle <= 3_200 && most <= 5_000, "{took_ms:?}");
}

#[test]
fn nobody_is_taken_for_dead_while_every_twentieth_packet_is_lost() {
    // Four hours in all.
    for seed in 0..24 {
        let mut world = World::new(1_000 + seed, 5);
        world.until_all_see_all(10_000);
        world.pass(600_000);
        let downs = world.seen.iter().filter(|(.., seen)| matches!(seen, Seen::Down(..)));
        assert_eq!(downs.count(), 0, "seed {seed}: {:?}", &world.seen[20..]);
    }
}

#[test]
fn who_starts_anew_is_seen_to_go_and_to_come() {
    for seed in 0..20 {
        let mut world = World::new(2_000 + seed, 1);
        world.until_all_see_all(10_000);
        world.seen.clear();
        // Too soon for anybody to miss it.
        world.nodes[3] = None;
        world.pass(50);
        world.start(3);
        world.pass(10_000);
        for node in (0..NODES).filter(|node| *node != 3) {
            let own = world.seen.iter().filter(|(_, at, _)| *at == node);
            let seen: Vec<Seen> = own.map(|(.., seen)| *seen).collect();
            assert_eq!(seen, [Seen::Down(3, 1), Seen::Up(3, 2)], "seed {seed}, node {node}");
        }
        assert!(world.all_see_all());
    }
}

#[test]
fn both_sides_of_a_cut_find_each_other_again() {
    for seed in 0..20 {
        let mut world = World::new(3_000 + seed, 1);
        world.until_all_see_all(10_000);
        // On each side one whom all know.
        world.cut = BTreeSet::from([1, 2]);
        world.pass(60_000);
        assert!(!world.all_see_all());
        let seen = world.nodes[4].as_ref().unwrap().there().count();
        assert_eq!(seen, 2, "seed {seed}");
        world.cut.clear();
        world.until_all_see_all(30_000);
    }
}

#[test]
fn who_says_good_bye_is_not_waited_for() {
    let mut world = World::new(4_000, 0);
    world.until_all_see_all(10_000);
    let now = world.now();
    world.nodes[2].as_mut().unwrap().leave(now);
    world.drain(2);
    world.nodes[2] = None;
    assert!(world.until_all_see_all(1_500) <= 1_500);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes of strangers, and packets of ours with some of their bytes changed.
    #[test]
    fn packets_without_sense_do_nothing(
        noise in proptest::collection::vec(any::<u8>(), 0..1_400),
        places in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let mut world = World::new(5_000, 0);
        world.pass(1_500);
        let now = world.now();
        let mut packets = vec![noise];
        for (_, packet) in world.network.values() {
            let mut packet = packet.clone();
            for (place, byte) in &places {
                let place = place % packet.len();
                packet[place] = *byte;
            }
            packets.push(packet);
        }
        let node = world.nodes[0].as_mut().unwrap();
        packets.iter().for_each(|packet| node.receive(packet, now));
        while node.poll().is_some() {}
        prop_assert!(node.there().count() <= NODES + packets.len());
    }
}
