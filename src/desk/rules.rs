//! The called account's rules, asked about one call.

use std::sync::Arc;

use crate::admission::refusal_by_rule;
use crate::domain::{
    AccountKey, Cause, Communication, GreetingName, Method, Now, Outcome, RefusalCodes, RouteQuery,
    RuleEnd, Rules, Seats, Side, Spelled, Step, Target,
};
use crate::routing::{Caller, Followed, Forwarded, List, Question, follow, honour};

use super::Desk;
use super::consider::refused;

/// A question, and what stands around it.
pub(super) struct Asked<'a> {
    pub(super) query: &'a RouteQuery,
    pub(super) caller: Option<AccountKey>,
    pub(super) callee: AccountKey,
    /// The seats of a call that is known already.
    pub(super) held: Option<&'a Seats>,
    pub(super) now: Now,
}

/// What an order has come to.
pub(super) enum Ordered {
    /// Somebody rings, or the call passes.
    Rings(Outcome),
    /// Nobody rings, and the account's mailbox takes the call, if there is one, with this greeting.
    Nobody(Cause, Option<GreetingName>),
    /// The caller is refused, whether there is a mailbox or not.
    Refused(Outcome),
}

impl Desk {
    /// Who rings, as the rules of the called account say.
    pub(super) fn order_by_rules(
        &self,
        rules: &Rules,
        asked: &Asked<'_>,
        list: &List<'_>,
        steps: &mut Vec<Step>,
    ) -> Ordered {
        let Asked { query, caller, callee, held, now } = *asked;
        let account = |key: AccountKey| self.registry.account(key);
        let name = caller.and_then(account).map(|caller| &caller.name);
        let zone = account(callee).and_then(|callee| callee.zone.as_ref());
        let up = self.calls_up(callee);
        let dialled = self.callee(Spelled::read(&query.ruri)).0;
        let question = Question {
            at_ms: now.wall_ms,
            zone: zone.unwrap_or(&self.settings.zone),
            kind: kind(query),
            from: Caller::of(&query.from_uri, &self.settings.numbering, name),
            forwarded: Forwarded { dialled: dialled.as_ref(), history: &query.history },
            wishes: query.wishes,
            // A call that is asked about again sits there itself.
            calls: up.saturating_sub(u32::from(held.is_some_and(|held| held.has(callee)))),
        };
        let leads_back = |target: &Target| self.leads_back(target, callee, &query.trail);
        match follow(rules, &question, list, leads_back, steps) {
            // Whom it tells stands in the steps, which come to the desk with the decision.
            Followed::Notify { end: RuleEnd::Refuse { code, .. }, reason, .. } => {
                Ordered::Refused(Outcome::Refuse(refusal_by_rule(code, reason)))
            }
            Followed::Notify { end: RuleEnd::NoMailbox, .. } => {
                Ordered::Refused(refused(Cause::Rule, Side::To, RefusalCodes::default()))
            }
            Followed::Notify { greeting, .. } => Ordered::Nobody(Cause::Rule, greeting),
            Followed::Refuse { code, reason } => {
                Ordered::Refused(Outcome::Refuse(refusal_by_rule(code, reason)))
            }
            Followed::Order { mut order, mailbox, mailbox_alone, greeting } => {
                self.confirm_through_switch(query, callee, &mut order);
                if !mailbox_alone {
                    order = self.forwards_behind(asked, list, order, steps);
                }
                if order.stages.is_empty() {
                    let cause = if mailbox_alone { Cause::Rule } else { Cause::NoDevice };
                    return match mailbox {
                        true => Ordered::Nobody(cause, greeting),
                        false => {
                            Ordered::Refused(refused(cause, Side::To, RefusalCodes::default()))
                        }
                    };
                }
                if mailbox {
                    return self.with_mailbox(asked, order, greeting, steps);
                }
                honour(&mut order, query.wishes, steps);
                Ordered::Rings(Outcome::Fork(Arc::new(order)))
            }
        }
    }
}

pub(super) fn kind(query: &RouteQuery) -> Communication {
    match (query.method, query.video) {
        (Method::Message, _) => Communication::Text,
        (Method::Invite, true) => Communication::Video,
        (Method::Invite, false) => Communication::Call,
    }
}
