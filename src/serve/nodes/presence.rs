//! Who of the others is there: what the nodes tell each other in datagrams, and connections.

use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cluster::{Member, Membership, Presence};
use crate::desk::TogetherSettings;
use crate::domain::{NodeId, Now};
use crate::peers::{Lane, Peer};

use super::super::house::House;
use super::letter::{self, Letter};
use super::{Nodes, clocks};

impl Nodes {
    pub(super) fn lock_membership(&self) -> MutexGuard<'_, Membership> {
        self.membership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until the list of who is there wants to be woken.
    pub(super) fn presence_wait(&self, now: Now) -> Duration {
        let due_ms = self.lock_membership().wakeup();
        Duration::from_millis(due_ms.saturating_sub(now.mono_ms))
    }

    /// Changes the list of who is there, and does what comes of it.
    pub(super) fn presence(&self, house: &Arc<House>, change: impl FnOnce(&mut Membership, Now)) {
        let now = house.now();
        let mut news = Vec::new();
        {
            let mut membership = self.lock_membership();
            change(&mut membership, now);
            while let Some(presence) = membership.poll() {
                news.push(presence);
            }
        }
        for presence in news {
            match presence {
                Presence::Send(address, packet) => self.post(address, packet),
                Presence::Up(member) if self.book().is_late(&member, true) => {}
                Presence::Down(member) if self.book().is_late(&member, false) => {
                    tracing::debug!(node = member.node.0, address = %member.address, "a node has moved");
                }
                Presence::Up(member) => {
                    self.up(&member, now);
                    house.presence(&[member.node], &[]);
                }
                Presence::Down(member) => {
                    self.down(&member, now);
                    house.presence(&[], &[member.node]);
                }
            }
        }
    }

    /// Datagrams go over connections; where there is none yet, it is made, and the next one goes.
    fn post(&self, address: SocketAddr, packet: Vec<u8>) {
        let node = self.book().at(address);
        if let Some(node) = node {
            let _ = self.endpoint.send_datagram(node, packet.into());
        }
    }

    fn up(&self, member: &Member, now: Now) {
        if member.node == self.own.node {
            return;
        }
        let moved = self.book().presence(member, true, now.wall_ms);
        if let Some(before) = moved {
            self.endpoint.forget(before);
        }
        self.call(member.address, member.node);
        self.lock_membership().expect(member.address);
        tracing::info!(node = member.node.0, address = %member.address, boot = member.boot, "a node is up");
        self.save_members();
    }

    fn down(&self, member: &Member, now: Now) {
        self.book().presence(member, false, now.wall_ms);
        tracing::warn!(node = member.node.0, address = %member.address, "a node is down");
    }

    /// Says good-bye.
    pub(crate) fn good_bye(&self, house: &Arc<House>) {
        self.presence(house, Membership::leave);
    }
}

/// There is a connection with a peer.
pub(super) fn connected(house: &Arc<House>, nodes: &Arc<Nodes>, peer: Peer) {
    let node = peer.identity.node;
    // Whoever was removed has a certificate until it ends.
    if house.roll.look(|roll| roll.has_removed(node)) == Some(true) {
        let _ = nodes.send(node, Lane::Rows, &Letter::Removed);
        if nodes.turned_away.note(node, house.now().mono_ms) {
            tracing::warn!(node = node.0, address = %peer.address, "a node that was removed is not taken in");
        }
        nodes.endpoint.hang_up(node);
        return;
    }
    tracing::info!(node = node.0, name = peer.identity.name, address = %peer.address, "connected with a node");
    {
        let mut book = nodes.book();
        let other = book.entry(node);
        other.identity = Some(peer.identity);
        other.boot = peer.boot;
        other.connected = true;
        other.nonsense = false;
        other.going = false;
        other.address.get_or_insert(peer.address);
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let greeting = Letter::Greeting { reach: nodes.reach, version, witness: nodes.witness };
    let _ = nodes.send(node, Lane::Rows, &greeting);
    nodes.tell_going(&[node]);
    nodes.tell_sharing(house, &[node]);
    if let Some(text) = house.roll.text() {
        let _ = nodes.send(node, Lane::Rows, &Letter::Roll(text));
    }
    let authority = nodes.authority().as_ref().map(crate::peers::Authority::to_pem);
    if let Some(pem) = authority {
        let _ = nodes.send(node, Lane::Rows, &Letter::Authority(pem));
    }
    clocks::ask_one(house, nodes, node);
    letter::connected(house, nodes, node);
}

/// A connection has ended.
pub(super) fn parted(house: &Arc<House>, nodes: &Arc<Nodes>, node: NodeId) {
    let was = std::mem::take(&mut nodes.book().entry(node).connected);
    if was {
        tracing::info!(node = node.0, "parted from a node");
        letter::parted(house, nodes, node);
    }
}

impl Nodes {
    /// Tells nodes how this one shares rights.
    fn tell_sharing(&self, house: &House, to: &[NodeId]) {
        let TogetherSettings { overdraft, release_after_ms, .. } = house.desk().sharing();
        let letter = Letter::Sharing { overdraft, release_after_ms };
        for node in to {
            let _ = self.send(*node, Lane::Rows, &letter);
        }
    }

    /// The configuration was taken anew.
    pub(crate) fn reloaded(&self, house: &House) {
        self.tell_sharing(house, &self.connected());
    }

    /// A node is not in the cluster any more.
    pub(super) fn expel(&self, house: &House, node: NodeId) {
        self.rows.forget(house, node);
        let _ = self.send(node, Lane::Rows, &Letter::Removed);
        let other = self.book().remove(node);
        if let Some(address) = other.and_then(|other| other.address) {
            self.endpoint.forget(address);
            self.lock_membership().dismiss(address);
        }
        self.endpoint.hang_up(node);
        self.save_members();
        tracing::info!(node = node.0, "a node is not in the cluster any more");
    }
}
