//! How a node gets out of a cluster: by itself, or by an operator's word about one that is gone.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use crate::desk::{Input, Motion, Verdict};
use crate::domain::{LedgerCommand, LedgerReply, NodeId, RollMotion};
use crate::http::CouncilError;
use crate::peers::Lane;

use super::super::agree::agree;
use super::super::house::House;
use super::super::mail;
use super::Nodes;
use super::accord::Accord;
use super::letter::Letter;
use super::voters::may_go;

/// How often a leaving node looks whether its calls have ended and the others have its rights.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a node's rights are taken anew, where another start of it has come in between.
const TAKE_TRIES: usize = 5;

impl Nodes {
    /// Whether this node is leaving.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Why this node answers no calls, in a sentence.
    pub(crate) fn closed(&self, house: &House) -> Option<String> {
        let what = if self.witness {
            "this node is a witness: it has a vote and answers no calls, ask another one"
        } else if self.is_removed() {
            "this node was removed from its cluster and answers no calls: ask another one"
        } else if !self.has_joined(house) {
            "this node is coming into the cluster: ask another one, or again in a moment"
        } else {
            return None;
        };
        Some(what.to_owned())
    }

    /// Whether this node knows as much as the others did when they let it in.
    fn has_joined(&self, house: &House) -> bool {
        if !self.joined.load(Ordering::Relaxed) {
            // The first one founds its cluster, and needs nobody for it.
            let first = self.own.node == NodeId(1);
            let listed = house.roll.look(|roll| roll.has(self.own.node)).unwrap_or(first);
            self.joined.store(listed, Ordering::Relaxed);
        }
        self.joined.load(Ordering::Relaxed)
    }

    /// The node of this name.
    pub(super) fn called(house: &House, name: &str) -> Option<NodeId> {
        let find = |roll: &crate::peers::Roll| {
            roll.members().find(|member| member.name == name).map(|member| member.node)
        };
        house.roll.look(find).flatten()
    }

    /// Takes a node out that is gone.
    pub(crate) async fn remove(
        &self,
        house: &Arc<House>,
        name: String,
    ) -> Result<(), CouncilError> {
        let node = Self::called(house, &name);
        let node = node.ok_or_else(|| CouncilError::NoNode(name.clone()))?;
        if node == self.own.node {
            return Err(CouncilError::Refused(
                "this is the node that was asked: let it leave by `hallporter cluster leave`, or ask another node".to_owned(),
            ));
        }
        // The rights first: a node that is not in the list any more has no name by which somebody
        // could ask for them once more.
        self.take_rights(house, node, &name).await?;
        self.take_out(house, node).await?;
        if house.desk().holds(node) {
            // It has started in between, and got some.
            self.take_rights(house, node, &name).await?;
        }
        self.expel(house, node);
        tracing::warn!(node = node.0, name, "an operator removed a node from the cluster");
        Ok(())
    }

    /// Frees what a node holds, on an operator's word that its calls are gone. By the start that the
    /// ledger knows: what nodes tell of each other can be older, and newer.
    async fn take_rights(
        &self,
        house: &Arc<House>,
        node: NodeId,
        name: &str,
    ) -> Result<(), CouncilError> {
        for _ in 0..TAKE_TRIES {
            if self.book().get(node).is_some_and(|other| other.up) {
                return Err(CouncilError::Refused(format!(
                    "{name} is up: let it leave by `hallporter cluster leave` there, or stop it first and wait until `hallporter cluster nodes` shows it as down"
                )));
            }
            let expected_boot = house.desk().boot_of(node);
            let revoke = LedgerCommand::Revoke { node, expected_boot, attested: true };
            match agree(house, Motion::Ledger(revoke)).await {
                // Another start was first; it is known here now.
                Ok(Verdict::Ledger(LedgerReply::Stale { .. })) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(CouncilError::NotNow(error.to_string())),
            }
        }
        Err(CouncilError::NotNow(format!(
            "{name} starts again and again, and its rights can't be taken: stop it, and ask again"
        )))
    }

    async fn take_out(&self, house: &Arc<House>, node: NodeId) -> Result<(), CouncilError> {
        let motion = Motion::Roll(RollMotion::Remove { node });
        let agreed = agree(house, motion).await;
        agreed.map_err(|error| CouncilError::NotNow(error.to_string()))?;
        self.spread_roll(house);
        Ok(())
    }

    /// Begins to leave, or hears that it is not to wait; says for how many calls it waits.
    pub(crate) fn leave(
        self: &Arc<Self>,
        house: &Arc<House>,
        now: bool,
    ) -> Result<u64, CouncilError> {
        if !self.book().all().any(|(_, other)| other.connected) {
            return Err(CouncilError::Refused(
                "no other node is reached: who else should know that this one leaves? To end the cluster, stop the daemon".to_owned(),
            ));
        }
        self.may_go(house).map_err(|why| CouncilError::Refused(why.to_owned()))?;
        if now {
            self.at_once.store(true, Ordering::Relaxed);
        }
        if !self.leaving.swap(true, Ordering::Relaxed) {
            tracing::info!(now, "leaving the cluster: not ready, still answering");
            house.drain();
            let (house, nodes) = (Arc::clone(house), Arc::clone(self));
            tokio::spawn(async move { nodes.go(&house).await });
        }
        Ok(house.desk().figures().calls as u64)
    }

    async fn go(&self, house: &Arc<House>) {
        while !self.at_once.load(Ordering::Relaxed) {
            house.handle(Input::Leaving);
            if !mail::is_needed(house).await && house.desk().retire() {
                self.give_up_rights(house).await;
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.hand_over(house).await;
        // The others may part from it before it hears that they have agreed on it.
        while !self.is_removed()
            && let Err(error) = self.take_out(house, self.own.node).await
        {
            tracing::debug!(%error, "the others do not know yet that this node leaves");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.good_bye(house);
        if let Err(error) = self.dir.retire() {
            let error = format!("{error:#}");
            tracing::error!(error, "papers of the cluster could not be written down");
        }
        tracing::info!("this node has left the cluster");
        house.stop.notify_one();
    }

    /// Waits until others have this node's vote: one that is gone is counted as long as it has one,
    /// and those who stay may be too few without it to take it away.
    async fn hand_over(&self, house: &House) {
        while !self.is_removed() {
            let hindered = self.may_go(house).err();
            if hindered.is_none() {
                self.going.store(true, Ordering::Relaxed);
                // Said again: it holds for a connection.
                self.tell_going(&self.connected());
                let accord = Accord::of(house);
                if !accord.voters.contains(&self.own.node) && !accord.changing {
                    return;
                }
            }
            let told = std::mem::replace(&mut *self.lock_hindered(), hindered);
            if let Some(why) = hindered.filter(|why| told != Some(*why)) {
                tracing::warn!(why, "this node can't leave yet");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Why this node, which would like to, can't leave yet, in a sentence.
    pub(super) fn hindered(&self) -> Option<String> {
        self.lock_hindered().map(str::to_owned)
    }

    fn lock_hindered(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.hindered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the others can go on without this node; else why not.
    fn may_go(&self, house: &House) -> Result<(), &'static str> {
        // Without a list nobody else has come in yet.
        let Some((mut seats, chosen)) = self.seats(house) else { return Ok(()) };
        let own = seats.iter_mut().filter(|seat| seat.node == self.own.node);
        own.for_each(|seat| seat.going = true);
        may_go(&Accord::of(house), &seats, chosen.as_deref())
    }

    /// Whether this node leaves and gives its vote to others.
    pub(super) fn is_going(&self) -> bool {
        self.going.load(Ordering::Relaxed)
    }

    /// Lets nodes know that it does.
    pub(super) fn tell_going(&self, to: &[NodeId]) {
        if self.is_going() {
            for node in to {
                let _ = self.send(*node, Lane::Rows, &Letter::Going);
            }
        }
    }

    /// Lets the ledger know that this node has no calls any more and will have none: what somebody
    /// else is just giving back for it stays with the others.
    async fn give_up_rights(&self, house: &Arc<House>) {
        loop {
            let node = self.own.node;
            let expected_boot = house.desk().boot_of(node);
            let revoke = LedgerCommand::Revoke { node, expected_boot, attested: true };
            let agreed = agree(house, Motion::Ledger(revoke)).await;
            let Err(error) = agreed else { return };
            tracing::debug!(%error, "the others do not know yet that this node needs no rights");
            if self.at_once.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
