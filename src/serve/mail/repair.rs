//! What is amiss with recordings at several nodes, and is put right as soon as it can be: messages
//! that one node alone has, greetings that this one lacks, nodes that have left for good.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::domain::{Message, MessageId, MessageMotion, NodeId};
use crate::store::{MessageFilter, Store};

use super::super::house::House;
use super::super::nodes::Nodes;
use super::{Mail, carried, copies};

/// How often it is looked without a bell.
const EVERY: Duration = Duration::from_secs(5);
/// How long it is waited when nodes are there and none takes a copy.
const REFUSED: Duration = Duration::from_secs(60);
/// How often it is looked whether all is here that is said to be.
const AUDIT_EVERY_MS: u64 = 60 * 60 * 1000;
/// The same after something was missing that others did not give: at first, and at most, for all
/// messages are looked through. Who has just come may not be ready to give anything.
const AUDIT_AGAIN_MS: (u64, u64) = (5_000, 60_000);
/// How many messages are looked up at once.
const TURN: usize = 100;
/// How long one message may be on its way; a peer that does nothing is given up long before.
const COPIED_WITHIN: Duration = Duration::from_secs(600);

/// For ever; ends with the process.
pub(super) async fn run(house: Arc<House>) {
    let Some(mail) = house.mail() else { return };
    // Up to which change of the registry all greetings are here.
    let mut greeted = None;
    let (mut audit_at_ms, mut audit_again_ms) = (0, AUDIT_AGAIN_MS.0);
    // Up to which change of the list of nodes nothing is left of those that have gone.
    let mut buried = None;
    loop {
        let bell = mail.repair.notified();
        let mut wait = EVERY;
        if let Some(nodes) = house.nodes() {
            let applied = house.desk().registry().applied();
            if greeted != Some(applied) {
                greeted = greetings(&house, mail).await.then_some(applied);
            }
            let listed = house.roll.applied();
            if is_first(nodes) && buried != Some(listed) {
                buried = bury(&house, nodes).await.then_some(listed);
            }
            let there = copies::others(nodes).iter().any(|(.., up)| *up);
            let now_ms = house.now().mono_ms;
            if there && now_ms >= audit_at_ms {
                // Whoever has gone may have put something last.
                buried = None;
                if audit(&house, mail, nodes.own.node).await {
                    (audit_at_ms, audit_again_ms) = (now_ms + AUDIT_EVERY_MS, AUDIT_AGAIN_MS.0);
                } else {
                    audit_at_ms = now_ms + audit_again_ms;
                    audit_again_ms = (audit_again_ms * 2).min(AUDIT_AGAIN_MS.1);
                }
            }
            if there && !copy_all(&house, mail, nodes).await {
                wait = REFUSED;
            }
            count(&house, mail).await;
        }
        tokio::select! {
            () = bell => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Counts messages that one node alone has, where that is not enough.
pub(super) async fn count(house: &Arc<House>, mail: &Mail) {
    let alone = match wants_more(house) {
        true => house.in_store(|store| store.count_alone()).await,
        false => Ok(0),
    };
    match alone {
        Ok(alone) => mail.alone.store(alone, Ordering::Relaxed),
        Err(error) => tracing::error!(error, "messages that one node alone has can't be counted"),
    }
}

/// Whether there is a message that this node alone has. What can't be looked up counts as one.
pub(super) async fn has_some_alone(house: &Arc<House>) -> bool {
    let own = house.node();
    let look = move |store: &Store| {
        let mut after = None;
        loop {
            let page = store.messages_alone(after, TURN)?;
            for id in &page {
                if store.message(*id)?.is_some_and(|message| message.held_by() == [own]) {
                    return Ok(true);
                }
            }
            after = page.last().copied();
            if page.len() < TURN {
                return Ok(false);
            }
        }
    };
    house.in_store(look).await.unwrap_or(true)
}

/// Fetches what this node is said to have and has not: its disk was replaced, say. Says whether
/// nothing is missing that others should be able to give.
pub(super) async fn audit(house: &Arc<House>, mail: &Mail, own: NodeId) -> bool {
    let (mut after, mut fetched, mut whole) = (None, 0_u64, true);
    loop {
        let page = move |store: &Store| store.messages(&MessageFilter::default(), after, TURN);
        let Ok(page) = house.in_store(page).await else { return false };
        for message in page.iter().filter(|message| message.held_by().contains(&own)) {
            for content in message.contents() {
                if mail.spool.has(content) {
                    continue;
                }
                match copies::fetch(house, mail, content).await {
                    Ok(()) => fetched += 1,
                    Err(copies::NotFetched::Away(_)) => whole = false,
                    Err(copies::NotFetched::Nowhere) => {}
                }
            }
        }
        after = page.last().map(|last| (last.left_ms, last.id));
        if page.len() < TURN {
            break;
        }
    }
    if fetched > 0 {
        tracing::warn!(files = fetched, "recordings that should have been here were fetched anew");
    }
    whole
}

/// Whether there is any other node for copies.
pub(super) fn wants_copies(nodes: &Nodes) -> bool {
    !copies::others(nodes).is_empty()
}

/// Whether one node is not enough for a recording: there are others, or a bucket.
pub(super) fn wants_more(house: &House) -> bool {
    house.mail().is_some_and(|mail| mail.shared.is_some())
        || house.nodes().is_some_and(|nodes| wants_copies(nodes))
}

/// Whether this is the one that does what one node has to do; two of them do no harm.
pub(super) fn is_first(nodes: &Nodes) -> bool {
    copies::others(nodes).iter().all(|(node, _, up)| !up || nodes.own.node < *node)
}

/// Nodes that are named, and are not in the cluster any more: nothing is waited for from them.
/// Says whether nobody is left.
async fn bury(house: &Arc<House>, nodes: &Nodes) -> bool {
    let Ok(named) = house.in_store(|store| store.nodes_named()).await else { return false };
    let gone = |node: &NodeId| house.roll.look(|roll| roll.has(*node)) == Some(false);
    let mut all = true;
    for node in named.into_iter().filter(gone) {
        let motion = MessageMotion::NodeGone { node, heir: nodes.own.node };
        match carried::put(house, motion).await {
            Ok(_) => tracing::info!(node = node.0, "a node's messages and notices are taken over"),
            Err(error) => {
                all = false;
                tracing::debug!(%error, "a node's notices are not taken over yet");
            }
        }
    }
    all
}

/// Every node has all greetings: a switch plays them from its disk. Says whether they are here now.
async fn greetings(house: &Arc<House>, mail: &Mail) -> bool {
    let spool = Arc::clone(&mail.spool);
    let missing = move |store: &Store| {
        let mut greetings = store.greetings()?;
        greetings.retain(|content| !spool.has(*content));
        Ok(greetings)
    };
    let missing = match house.in_store(missing).await {
        Ok(missing) => missing,
        Err(error) => {
            tracing::error!(error, "greetings can't be looked up");
            return false;
        }
    };
    let mut all = true;
    for content in missing {
        if copies::fetch(house, mail, content).await.is_err() {
            all = false;
            continue;
        }
        let spool = Arc::clone(&mail.spool);
        let named = tokio::task::spawn_blocking(move || spool.name_sound(content)).await;
        if let Ok(Err(error)) = named {
            tracing::error!(%error, "a greeting can't be kept");
            all = false;
        }
    }
    all
}

/// `false`: nobody takes any now.
async fn copy_all(house: &Arc<House>, mail: &Mail, nodes: &Nodes) -> bool {
    let mut after = None;
    loop {
        let page = house.in_store(move |store| store.messages_alone(after, TURN)).await;
        let Ok(page) = page else { return false };
        for id in &page {
            let found = house.in_store({
                let id = *id;
                move |store| store.message(id)
            });
            if let Ok(Some(message)) = found.await
                && !copy(house, mail, nodes, &message).await
            {
                return false;
            }
        }
        after = page.last().copied();
        if page.len() < TURN {
            return true;
        }
    }
}

/// Copies a message that this node alone has. `false`: nobody takes any now.
async fn copy(house: &Arc<House>, mail: &Mail, nodes: &Nodes, message: &Message) -> bool {
    let holders = message.held_by();
    let contents: Vec<_> = message.contents().into_iter().collect();
    if !holders.contains(&nodes.own.node) || !contents.iter().all(|one| mail.spool.has(*one)) {
        return true;
    }
    let to = copies::bring(nodes, &contents, turn_of(message.id), &holders, COPIED_WITHIN).await;
    let Some(node) = to else { return false };
    let motion = MessageMotion::Held { message: message.id, node, here: true };
    match carried::put(house, motion).await {
        Ok(_) => {
            tracing::info!(message = %message.id, node = node.0, "a message has come to a second node");
            true
        }
        Err(error) => {
            tracing::debug!(message = %message.id, %error, "it is not agreed where a message is");
            false
        }
    }
}

/// Which node comes first.
pub(super) fn turn_of(message: MessageId) -> u64 {
    message.0
}
