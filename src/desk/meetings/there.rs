//! What nodes ask each other about calls that meet deposits.

use std::sync::Arc;

use crate::domain::{
    CallBackMet, CallbackPolicy, DepositRow, MessageId, NodeId, RouteQuery, Seats, SipUri, Spelled,
};

use super::super::{Desk, Output};
use super::{Meeting, call_back_uri};

#[cfg(test)]
mod tests;

/// What is known of a deposit at another node.
#[derive(Clone, Debug)]
pub(super) struct There {
    /// What its call has of the accounts that are called.
    pub(super) seats: Seats,
    /// The switch where it is left.
    pub(super) sip: Option<Arc<str>>,
}

impl Desk {
    /// Which nodes are to be asked about a call, by what they have told of deposits of its callee:
    /// a node knows best whether one of its own is up still. Each once.
    #[must_use]
    pub fn meets_at(&self, query: &RouteQuery, rows: &[(NodeId, DepositRow)]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = Vec::new();
        for (node, row) in rows {
            if !nodes.contains(node)
                && self.is_call_back(query, row.account, (row.callback, row.scope))
            {
                nodes.push(*node);
            }
        }
        nodes
    }

    /// A deposit here that a call at another node meets was managed. What is free of the accounts
    /// that are called is given back for that node, and the deposit's part is, but with `pause`: its
    /// leg is gone, and its call with it. Given back first and told then: nothing counts twice, and
    /// what is not free is not given.
    pub(in super::super) fn hand_over(
        &mut self,
        query: &RouteQuery,
        (message, policy): (MessageId, CallbackPolicy),
        to: NodeId,
    ) {
        let met = self.met_here(query, message, policy);
        if policy != CallbackPolicy::Pause {
            for seat in self.line_called(query).iter() {
                seat.pools().for_each(|pool| self.give_to(pool, to, 1));
            }
        }
        self.outputs.push_back(Output::Met(met));
    }

    /// What another node would be told about a call there, if it were not only rehearsed.
    #[must_use]
    pub fn would_meet(&self, query: &RouteQuery) -> Option<CallBackMet> {
        let meeting = self.find_meeting(query)?;
        Some(self.met_here(query, meeting.message, meeting.policy))
    }

    fn met_here(
        &self,
        query: &RouteQuery,
        message: MessageId,
        policy: CallbackPolicy,
    ) -> CallBackMet {
        let held = self.held_by(message).map(|(_, seats)| seats).unwrap_or_default();
        let seats = held.among(&self.line_called(query));
        let switch = self.switch_of_deposit(message);
        let switch = switch.filter(|_| policy == CallbackPolicy::Pause);
        CallBackMet { message, policy, seats, switch }
    }

    /// The seats of whom a call calls.
    fn line_called(&self, query: &RouteQuery) -> Seats {
        self.seats_of(None, self.callee(Spelled::read(&query.ruri)).1)
    }

    /// Another node has managed a deposit that a call here meets. Says whether that makes sense.
    pub(in super::super) fn met(
        &mut self,
        query: &RouteQuery,
        node: NodeId,
        met: CallBackMet,
    ) -> bool {
        let Some(meeting) = self.read_met(query, node, met) else { return false };
        if self.table.find(&query.call_id).is_none() {
            for seat in self.line_called(query).iter() {
                seat.pools().for_each(|pool| self.may_have_room(pool));
            }
            self.will_meet(query, meeting);
        }
        true
    }

    /// A peer is believed about its own deposits, and that they sit where they are called.
    pub(super) fn read_met(
        &self,
        query: &RouteQuery,
        node: NodeId,
        met: CallBackMet,
    ) -> Option<Meeting> {
        let CallBackMet { message, policy, seats, switch: sip } = met;
        let paused = policy == CallbackPolicy::Pause;
        let leads = sip.as_ref().is_some_and(|sip| {
            let uri = SipUri::parse(&call_back_uri(message, sip));
            uri.is_ok() && sip.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        });
        let sane = message.node() == node
            && policy != CallbackPolicy::Ignore
            && (leads || (!paused && sip.is_none()));
        let seats = seats.among(&self.line_called(query));
        sane.then_some(Meeting { message, policy, there: Some(There { seats, sip }) })
    }
}
