//! What operators want of a call: done here, or at the node whose call it is.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::desk::{Ended, Input};
use crate::domain::{CallEvent, CallRef, CallState, EventKind, LegId, NodeId, SwitchCommand};
use crate::http::CallError;
use crate::http::wire::Why;
use crate::sessions::SessionRow;

use super::call_back;
use super::house::House;
use super::nodes::errands::{self, Done, Errand, NotDone};

/// Ends a call.
pub(super) async fn end(house: Arc<House>, call: CallRef) -> Result<(), CallError> {
    let Some(owner) = owner(&house, call) else { return end_here(&house, call).await };
    match errands::ask(&house, owner, &Errand::End(call), errands::WITHIN).await {
        Ok(Done::Ended) => Ok(()),
        other => Err(not_done(&house, call, owner, other)),
    }
}

/// Frees a call's slot, and writes down why.
pub(super) async fn release(
    house: Arc<House>,
    call: CallRef,
    reason: String,
) -> Result<Ended, CallError> {
    let Some(owner) = owner(&house, call) else {
        return release_here(&house, call, &reason, None).await;
    };
    let errand = Errand::Release(call, reason);
    match errands::ask(&house, owner, &errand, errands::WITHIN).await {
        Ok(Done::Released(ended)) => Ok(ended),
        other => Err(not_done(&house, call, owner, other)),
    }
}

/// What is known of a call, here and at the node whose it is; at all nodes, where nobody is known
/// to have had it.
pub(super) async fn why(house: Arc<House>, key: String) -> Result<Why, String> {
    let mut why = Why { entries: house.history.why(key.clone()).await?, silent: Vec::new() };
    let mut asked = JoinSet::new();
    for node in may_know(&house, &key, why.entries.is_empty()) {
        let (house, errand) = (Arc::clone(&house), Errand::Why(key.clone()));
        asked.spawn(async move {
            let done = errands::ask(&house, node, &errand, errands::WITHIN).await;
            (node, done)
        });
    }
    while let Some(Ok((node, done))) = asked.join_next().await {
        let name = name(&house, node);
        match done {
            Ok(Done::Why(entries)) => why.entries.extend(entries.into_iter().map(|mut entry| {
                entry.node = Some(name.clone());
                entry
            })),
            Ok(
                Done::Ended | Done::Released(_) | Done::Met(_) | Done::Refused(_) | Done::Failed(_),
            )
            | Err(_) => why.silent.push(name),
        }
    }
    why.entries.sort_by_key(|entry| entry.at_ms);
    why.silent.sort();
    Ok(why)
}

/// Does at the node whose call or deposit it is what was asked for at another one.
pub(super) async fn carry_out(house: &Arc<House>, asked_at: NodeId, errand: Errand) -> Done {
    match errand {
        Errand::End(call) => {
            end_here(house, call).await.map_or_else(Done::Refused, |()| Done::Ended)
        }
        Errand::Release(call, reason) => {
            let asked_at = name(house, asked_at);
            let released = release_here(house, call, &reason, Some(asked_at)).await;
            released.map_or_else(Done::Refused, Done::Released)
        }
        Errand::Meet { query, rehearsed } => {
            Done::Met(call_back::answer(house, asked_at, query, rehearsed).await)
        }
        Errand::Why(key) => house.history.why(key).await.map_or_else(Done::Failed, Done::Why),
    }
}

/// The node whose call it is, if that is another one of the cluster. Its number says so, whether or
/// not its row has come.
fn owner(house: &House, call: CallRef) -> Option<NodeId> {
    let node = call.node();
    let own = node == house.node() || house.desk().call(call, house.now()).is_some();
    let listed = || house.roll.look(|roll| roll.has(node)) == Some(true);
    (!own && house.nodes().is_some() && listed()).then_some(node)
}

fn name(house: &House, node: NodeId) -> String {
    house.nodes().map_or_else(|| node.0.to_string(), |nodes| nodes.name_of(house, node))
}

/// Which other nodes have the history of a call.
fn may_know(house: &House, key: &str, unknown_here: bool) -> Vec<NodeId> {
    let Some(nodes) = house.nodes() else { return Vec::new() };
    let numbered = CallRef::parse(key).and_then(|call| owner(house, call));
    let told = || nodes.far_call(house, key).map(|(_, far)| far.node);
    if let Some(node) = numbered.or_else(told) {
        return vec![node];
    }
    if !unknown_here {
        return Vec::new();
    }
    let all = house.roll.look(|roll| roll.members().map(|member| member.node).collect());
    let all: Vec<NodeId> = all.unwrap_or_default();
    all.into_iter().filter(|node| *node != house.node() && !nodes.is_witness(*node)).collect()
}

/// Why something was not done at another node.
fn not_done(house: &House, call: CallRef, owner: NodeId, done: Result<Done, NotDone>) -> CallError {
    let node = name(house, owner);
    match done {
        Ok(Done::Refused(error)) => error,
        Ok(Done::Failed(sentence)) => CallError::Proxy(format!("node {node}: {sentence}")),
        Err(NotDone::Away) => CallError::Away { call, node },
        Ok(Done::Ended | Done::Released(_) | Done::Why(_) | Done::Met(_))
        | Err(NotDone::Silent) => CallError::Silent { call, node },
    }
}

fn own_call(house: &House, call: CallRef) -> Result<SessionRow, CallError> {
    house.desk().call(call, house.now()).ok_or(CallError::NoCall { call })
}

async fn release_here(
    house: &Arc<House>,
    call: CallRef,
    reason: &str,
    asked_at: Option<String>,
) -> Result<Ended, CallError> {
    let row = own_call(house, call)?;
    let mut line = serde_json::json!({
        "call": call.to_string(),
        "call_id": row.call_id,
        "reason": reason,
        "state": row.state,
        "started_ms": row.started_ms,
    });
    if let Some(node) = &asked_at {
        line["asked_at"] = node.as_str().into();
    }
    let at_ms = house.now().wall_ms;
    let written =
        house.in_store(move |store| store.audit(at_ms, "call.release", &line.to_string()));
    written.await.map_err(CallError::NotDurable)?;
    let outcome = house.handle(Input::Release { ticket: House::TICKET, call });
    let ended = outcome.released.flatten().ok_or(CallError::NoCall { call })?;
    tracing::warn!(
        call_id = &*ended.call_id,
        %call,
        reason,
        asked_at,
        "an operator freed the slot of a call"
    );
    house.history.released(&ended, reason);
    Ok(ended)
}

async fn end_here(house: &Arc<House>, call: CallRef) -> Result<(), CallError> {
    let row = own_call(house, call)?;
    // Kamailio would say that all is well, tell that the call failed, and let it ring (measured).
    if row.state == CallState::Reserved {
        return Err(CallError::NotAnswered { call });
    }
    let switch = house.desk().switch_of(&row);
    if let (Some(switch), Some(leg), Some(mail)) =
        (switch, LegId::parse(&row.call_id), house.mail())
    {
        // Its hang-up is told like every other one.
        tracing::warn!(call_id = row.call_id, %call, "an operator ended a call");
        mail.command(switch, SwitchCommand::HangUp { leg, cause: "NORMAL_CLEARING" });
        return Ok(());
    }
    let dialog = row.dialog.ok_or(CallError::NoProxy { call })?;
    let shown = row.proxy.and_then(|id| house.proxies.iter().find(|proxy| proxy.id == id));
    // With one proxy there is no question whose call it is, seen or not.
    let only = || house.proxies.first().filter(|_| house.proxies.len() == 1);
    let proxy = shown.or_else(only).ok_or(CallError::NoProxy { call })?;
    let ended = proxy.rpc.end_dialog(dialog).await;
    let known = ended.map_err(|error| CallError::Proxy(error.to_string()))?;
    tracing::warn!(call_id = row.call_id, %call, known, "an operator ended a call");
    // Kamailio's own event may not come after this (measured), so its word is the end. A
    // dialog that it does not know is over as well.
    house.handle(Input::Event(CallEvent {
        dialog: Some(dialog),
        ..CallEvent::of(EventKind::End, row.call_id.into())
    }));
    Ok(())
}
