//! What nodes say to each other: it may get lost, come twice, late, or one way only.

use std::net::SocketAddr;
use std::sync::Arc;

use hallporter::cluster::{Frame, Marks, Membership, Presence};
use hallporter::desk::{Desk, Input};
use hallporter::domain::{CallRef, NodeId};
use hallporter::sessions::RowChange;

use super::world::{Due, Planted, World, id};

/// A row as others have it: whose call it is, and whether it was answered.
pub(crate) type Row = (Arc<str>, bool);

#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Packet(Vec<u8>),
    Frame(Frame<CallRef, Row>),
    Marks(Marks),
}

pub(crate) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap() + 1], 8171))
}

fn place(address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    usize::from(address.ip().octets()[3]) - 1
}

impl World {
    /// How long a message is on its way.
    pub(crate) fn delay(&mut self) -> usize {
        if self.healed || !self.dice.chance(10) {
            return 5 + self.dice.below(25);
        }
        if self.dice.below(100) < self.mix.slow {
            return 1_000 + self.dice.below(9_000);
        }
        100 + self.dice.below(500)
    }

    pub(crate) fn lost(&mut self) -> bool {
        !self.healed && self.dice.chance(self.mix.lost)
    }

    pub(crate) fn mute(&self, process: usize) -> bool {
        self.sites[self.processes[process].node].mute
    }

    pub(crate) fn deaf(&self, process: usize) -> bool {
        let second = process == self.processes.len() - 1 && self.mix.first_deaf && !self.healed;
        second || self.sites[self.processes[process].node].deaf
    }

    /// Whether what one says gets to the other.
    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to)) && self.processes[to].desk.is_some()
    }

    fn send(&mut self, from: usize, to: usize, parcel: Parcel) {
        if from != to && self.reaches(from, to) && !self.lost() {
            let in_ms = self.delay();
            self.later(in_ms, Due::Arrive { from, to, parcel });
        }
    }

    pub(crate) fn arrive(&mut self, from: usize, to: usize, parcel: Parcel) {
        let now = self.now();
        let process = &mut self.processes[to];
        match (parcel, &mut process.copies, &mut process.membership) {
            (Parcel::Packet(packet), _, Some(membership)) => {
                membership.receive(&packet, now);
                self.beat(to);
            }
            (Parcel::Frame(frame), Some(copies), _) => {
                copies.take(frame);
            }
            (Parcel::Marks(marks), Some(copies), _) => {
                copies.take_marks(id(from), &marks);
                self.tell_rows(to);
            }
            _ => {}
        }
    }

    /// What has changed here, and what others lack.
    pub(crate) fn tell_rows(&mut self, process: usize) {
        let now = self.now();
        let node = self.processes[process].node;
        let told = &mut self.processes[process];
        let (Some(copies), Some(desk)) = (&mut told.copies, &mut told.desk) else { return };
        while desk.untold() > 0 {
            // Whom calls ring is nobody's concern here.
            desk.take_untold_seen(100);
            for change in desk.take_untold(100, now) {
                match change {
                    RowChange::Put(row) => {
                        let answered = row.answered_ms.is_some();
                        copies.change(row.call, Some((row.call_id.as_str().into(), answered)));
                    }
                    RowChange::Gone(call) => copies.change(call, None),
                }
            }
        }
        let mut frames = Vec::new();
        loop {
            let told = copies.tell();
            if told.is_empty() {
                break;
            }
            frames.extend(told);
        }
        for (peer, frame) in frames {
            self.send(node, usize::from(peer.0) - 1, Parcel::Frame(frame));
        }
    }

    /// Membership goes on: it sends, it sees, and it is to be woken again.
    pub(crate) fn beat(&mut self, process: usize) {
        let now = self.now();
        let node = self.processes[process].node;
        let at = (node, self.processes[process].life);
        let Some(membership) = &mut self.processes[process].membership else { return };
        if membership.wakeup() <= now.mono_ms {
            membership.wake(now);
        }
        let said: Vec<Presence> = std::iter::from_fn(|| membership.poll()).collect();
        let wakeup = membership.wakeup();
        for said in said {
            match said {
                Presence::Send(to, packet) => self.send(node, place(to), Parcel::Packet(packet)),
                Presence::Up(member) => self.sees(process, place(member.address), true),
                Presence::Down(member) => self.sees(process, place(member.address), false),
            }
        }
        if self.processes[process].beats_at != wakeup {
            self.processes[process].beats_at = wakeup;
            let in_ms = usize::try_from(wakeup.saturating_sub(self.now_ms)).unwrap();
            self.later(in_ms.max(1), Due::Beat { at });
        }
    }

    fn sees(&mut self, process: usize, other: usize, there: bool) {
        let (node, peer) = (self.processes[process].node, id(other));
        if node == other {
            return;
        }
        let told = &mut self.processes[process];
        if there {
            told.sees.insert(other);
        } else {
            told.sees.remove(&other);
        }
        if let Some(copies) = &mut told.copies {
            if there { copies.peer_up(peer) } else { copies.peer_down(peer) }
        }
        if there {
            self.say_marks(process, other);
        }
        self.handle(process, if there { Input::NodeUp(peer) } else { Input::NodeDown(peer) });
    }

    fn say_marks(&mut self, process: usize, other: usize) {
        let node = self.processes[process].node;
        if let Some(copies) = &self.processes[process].copies
            && self.planted != Planted::NoMarks
        {
            let marks = copies.marks();
            self.send(node, other, Parcel::Marks(marks));
        }
    }

    /// Who is there, told about three seconds late; who leads; and what was missed of the log.
    pub(crate) fn gossip(&mut self) {
        self.later(1_000, Due::Gossip);
        let hears = |world: &Self, node: usize| {
            world.processes[node].desk.as_ref().is_some_and(Desk::is_together)
                && !world.mute(node)
                && !world.deaf(node)
        };
        let leader = (0..self.sites.len()).find(|node| hears(self, *node));
        for node in 0..self.sites.len() {
            self.missed(node);
            for other in self.processes[node].sees.clone() {
                self.say_marks(node, other);
            }
            // Who is cut off goes on to believe what it did.
            if hears(self, node) {
                self.handle(node, Input::Leading(leader == Some(node)));
            }
            if self.sites[node].leaving {
                self.leave_on(node);
            }
        }
        for process in 0..self.processes.len() {
            let upto = self.log.len();
            self.later(20, Due::Apply { process, upto });
        }
    }

    fn missed(&mut self, node: usize) {
        if self.mix.foca || self.processes[node].desk.is_none() {
            return;
        }
        for other in (0..self.sites.len()).filter(|other| *other != node) {
            let together = self.processes[other].desk.as_ref().is_some_and(Desk::is_together);
            let reaches = together && !self.cut.contains(&(other, node));
            let missed = self.processes[node].missed.entry(other).or_default();
            *missed = if reaches { 0 } else { *missed + 1 };
            let long = *missed >= 3;
            let saw = self.processes[node].sees.contains(&other);
            if reaches && !saw {
                self.sees(node, other, true);
            } else if long && saw {
                self.sees(node, other, false);
            }
            if self.processes[node].desk.is_none() {
                return;
            }
        }
    }

    fn leave_on(&mut self, node: usize) {
        if self.planted != Planted::LeftWithRights {
            self.handle(node, Input::Leaving);
        }
        self.go(node);
    }

    /// Says good-bye.
    pub(crate) fn good_bye(&mut self, node: usize) {
        let now = self.now();
        if let Some(membership) = &mut self.processes[node].membership {
            Membership::leave(membership, now);
        }
        self.beat(node);
    }

    pub(crate) fn node_of(id: NodeId) -> usize {
        usize::from(id.0) - 1
    }
}
