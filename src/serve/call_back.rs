//! A call to somebody who leaves a message just now: the recording is managed before the call is
//! decided, at whatever node it is made.

use std::sync::Arc;
use std::time::Duration;

use crate::desk::Input;
use crate::domain::{CallBackMet, CallBackQuery, NodeId, RouteQuery};

use super::house::House;
use super::nodes::Nodes;
use super::nodes::errands::{self, Done, Errand, NotDone};

/// How long a call back waits until a recording here is managed. The proxy waits 400 ms for the
/// whole answer.
const HERE_WITHIN: Duration = Duration::from_millis(300);
/// How long it waits for all other nodes that may have one. Shorter: behind it the call may have to
/// wait 170 ms for rights, which a deposit here brings with it.
const THERE_WITHIN: Duration = Duration::from_millis(200);
/// How long another node's call waits until a recording here is managed: the answer has to be there
/// before its time is up.
const FOR_ANOTHER_WITHIN: Duration = Duration::from_millis(150);

/// Does what a call wants done first that will be asked about in a moment.
pub(super) async fn meet(house: &House, query: &RouteQuery) {
    if let Some(mail) = house.mail()
        && mail.meet(house, query, None, HERE_WITHIN).await.is_some()
    {
        return;
    }
    if let Some((node, met)) = there(house, query, false).await {
        let query = Box::new(query.clone());
        let sane = house.handle(Input::Met { query, node, met }).known;
        if let (Some(false), Some(nodes)) = (sane, house.nodes()) {
            nodes.count_nonsense(node);
        }
    }
}

/// The deposit at another node that a call would meet there. Nothing is done about it.
pub(super) async fn rehearse(house: &House, query: &RouteQuery) -> Option<(NodeId, CallBackMet)> {
    there(house, query, true).await
}

/// Asks the nodes that have told of deposits that a call may meet.
async fn there(
    house: &House,
    query: &RouteQuery,
    rehearsed: bool,
) -> Option<(NodeId, CallBackMet)> {
    let nodes = house.nodes().filter(|nodes| nodes.rows.has_deposits())?;
    let called = house.desk().whom_it_calls(query)?;
    let rows = nodes.rows.deposits_of(&called);
    if rows.is_empty() {
        return None;
    }
    let asked = house.desk().meets_at(query, &rows);
    let errand = Errand::Meet { query: CallBackQuery::of(query), rehearsed };
    let mut last = None;
    let first = async {
        for node in asked {
            last = Some(node);
            // Its time is that of all.
            match errands::ask(house, node, &errand, errands::WITHIN).await {
                Ok(Done::Met(Some(met))) => return Some((node, met)),
                Ok(Done::Met(None)) => {}
                Ok(
                    Done::Ended
                    | Done::Released(_)
                    | Done::Why(_)
                    | Done::Refused(_)
                    | Done::Failed(_),
                ) => nodes.count_nonsense(node),
                Err(NotDone::Away | NotDone::Silent) => not_met(house, nodes, query, node),
            }
        }
        None
    };
    let met = tokio::time::timeout(THERE_WITHIN, first).await;
    if let (Err(_), Some(node)) = (&met, last) {
        not_met(house, nodes, query, node);
    }
    met.ok().flatten()
}

fn not_met(house: &House, nodes: &Nodes, query: &RouteQuery, node: NodeId) {
    tracing::warn!(
        call_id = &*query.call_id,
        node = nodes.name_of(house, node),
        "a node has not said whether a call meets a message that is left there; the call goes on"
    );
}

/// A call that another node will decide: whether it meets a deposit here, which is managed then.
pub(super) async fn answer(
    house: &Arc<House>,
    asked_at: NodeId,
    query: CallBackQuery,
    rehearsed: bool,
) -> Option<CallBackMet> {
    let query = query.into_query()?;
    if rehearsed {
        return house.desk().would_meet(&query);
    }
    let mail = house.mail()?;
    let met = mail.meet(house, &query, Some(asked_at), FOR_ANOTHER_WITHIN).await;
    // What was not done in time may be up for longer: it keeps what it has until it is over.
    let (deposit, _) = met.filter(|(_, in_time)| *in_time)?;
    let query = Box::new(query);
    house.handle(Input::HandOver { query, deposit, to: asked_at }).met
}
