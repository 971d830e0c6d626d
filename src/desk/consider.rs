//! One question, considered: what the answer is and what it takes. Nothing is done yet.

use std::sync::Arc;

use crate::admission::{refusal, seats};
use crate::domain::{
    AccountKey, Cause, Decision, ForkOrder, GreetingName, Identifier, Method, Now, Outcome,
    PoolKind, RefusalCodes, Room, RouteQuery, Rules, Seats, Side, Spelled, Step, TRAIL_MAX, Target,
};
use crate::routing::{List, honour, order};

use super::Desk;
use super::greeting::Coming;
use super::named::Named;
use super::rules::{Asked, Ordered};
use super::trail::trail_header;

/// How many identifiers of an account are looked through one by one.
const OWN_FEW: usize = 8;

/// A decision, and what it needs to become true.
pub(super) struct Considered {
    pub(super) decision: Decision,
    pub(super) caller: Option<AccountKey>,
    pub(super) callee: Option<AccountKey>,
    pub(super) seats: Seats,
    pub(super) emergency: bool,
    /// How long all stages together may ring, in milliseconds.
    pub(super) ring_ms: u64,
}

impl Desk {
    /// Considers a question from the beginning: emergency, who calls, who is called, whether they
    /// may, who rings. `held` are the seats of a call that is known already: it is not asked for
    /// room where it sits.
    pub(super) fn consider(
        &mut self,
        named: &Named<'_>,
        held: Option<&Seats>,
        now: Now,
    ) -> Considered {
        let query = named.query;
        let mut steps = Vec::with_capacity(12);
        if named.emergency {
            let number = self.emergency(named.ruri).unwrap_or_default();
            steps.push(Step::Emergency { number: number.into() });
            let found = query.account.as_ref().and_then(|name| self.registry.find(name.as_str()));
            let caller = self.caller(query, found).ok().flatten();
            let seats = self.seats_of(caller, None);
            let outcome = Outcome::Pass { headers: Arc::default() };
            return considered(query, now, outcome, steps, (caller, None), seats, true);
        }
        if let Some(outcome) = self.answer_code(query, &mut steps) {
            let nobody = (None, None);
            return considered(query, now, outcome, steps, nobody, Seats::default(), false);
        }
        let (identifier, callee) = self.callee_named(named);
        let caller = match self.caller(query, named.account) {
            Ok(caller) => caller,
            // Not even an account that nobody knows is kept from calling back.
            Err(_) if self.in_grace(callee, now) => None,
            Err(cause) => {
                steps.push(Step::Caller { account: query.account.clone(), authenticated: true });
                let outcome = refused(cause, Side::From, RefusalCodes::default());
                let nobody = (None, None);
                return considered(query, now, outcome, steps, nobody, Seats::default(), false);
            }
        };
        let name = |key: Option<AccountKey>| Some(self.registry.account(key?)?.name.clone());
        steps.push(Step::Caller { account: name(caller), authenticated: query.is_authenticated() });
        steps.push(Step::Callee { identifier, account: name(callee) });
        let ends = (caller, callee);
        match self.admit_and_order(query, ends, held, &mut steps, now) {
            Ok((outcome, seats)) => considered(query, now, outcome, steps, ends, seats, false),
            Err(outcome) => considered(query, now, outcome, steps, ends, Seats::default(), false),
        }
    }

    fn admit_and_order(
        &mut self,
        query: &RouteQuery,
        (caller, callee): (Option<AccountKey>, Option<AccountKey>),
        held: Option<&Seats>,
        steps: &mut Vec<Step>,
        now: Now,
    ) -> Result<(Outcome, Seats), Outcome> {
        let forced = self.in_grace(callee, now);
        if let Some((cause, side)) = self.barred(query, caller, callee, forced, steps) {
            return Err(refused(cause, side, RefusalCodes::default()));
        }
        let seats = match query.method {
            Method::Message => Seats::default(),
            Method::Invite if caller.is_none() && callee.is_none() => Seats::default(),
            Method::Invite => {
                if held.is_none() && self.table.is_full() && !forced {
                    return Err(refused(Cause::TableFull, Side::To, RefusalCodes::default()));
                }
                match self.find_seats((caller, callee), held, forced, steps) {
                    // It is not answered like this: it waits for them.
                    Ok(_) if !self.missing.is_empty() => {
                        return Err(refused(
                            Cause::Unreachable,
                            Side::From,
                            RefusalCodes::default(),
                        ));
                    }
                    Ok(seats) => seats,
                    // Whatever is missing for nothing is not asked for in vain.
                    Err(refused) => {
                        // Whoever can't be called can be left a message, which counts for the
                        // caller: his rights are wanted all the same.
                        let mut missing = std::mem::take(&mut self.missing);
                        let (outcome, seats) =
                            self.to_mailbox(query, refused, (caller, callee), steps)?;
                        missing.retain(|(pool, _)| seats.has(pool.account()));
                        self.missing = missing;
                        return Ok((outcome, seats));
                    }
                }
            }
        };
        match self.order_for(query, (caller, callee), held, steps, now) {
            Ordered::Rings(outcome) => Ok((outcome, seats)),
            Ordered::Nobody(cause, greeting) => {
                let refused = refused(cause, Side::To, RefusalCodes::default());
                let coming = Coming { at_once: Some(cause), greeting };
                self.at_mailbox(query, refused, &coming, (caller, callee), steps)
            }
            Ordered::Refused(refused) => Err(refused),
        }
    }

    /// A call that nobody can take goes to the called account's mailbox, if it has one; it counts
    /// for the caller alone then.
    fn to_mailbox(
        &self,
        query: &RouteQuery,
        refused: Outcome,
        (caller, callee): (Option<AccountKey>, Option<AccountKey>),
        steps: &mut Vec<Step>,
    ) -> Result<(Outcome, Seats), Outcome> {
        let Outcome::Refuse(refusal) = &refused else { return Err(refused) };
        let of_callee = match refusal.cause {
            Cause::CapIn | Cause::NoDevice => true,
            // The caller's provider stands at 403, the called party's at 486.
            Cause::CapParent => refusal.headers.contains("cause=17;"),
            Cause::CallIdReuse
            | Cause::Cancelled
            | Cause::CapOut
            | Cause::Disabled
            | Cause::Loop
            | Cause::Rule
            | Cause::SelfCare
            | Cause::Settling
            | Cause::TableFull
            | Cause::Unknown
            | Cause::Unreachable => false,
        };
        let coming = Coming { at_once: Some(refusal.cause), greeting: None };
        if !of_callee {
            return Err(refused);
        }
        self.at_mailbox(query, refused, &coming, (caller, callee), steps)
    }

    /// The same for a call of which is known that a mailbox may take it.
    fn at_mailbox(
        &self,
        query: &RouteQuery,
        refused: Outcome,
        coming: &Coming,
        (caller, callee): (Option<AccountKey>, Option<AccountKey>),
        steps: &mut Vec<Step>,
    ) -> Result<(Outcome, Seats), Outcome> {
        match self.mailbox_wanted(query, callee, coming, steps) {
            Some(stage) => {
                let order = ForkOrder { stages: vec![stage] };
                Ok((Outcome::Fork(Arc::new(order)), self.seats_of(caller, None)))
            }
            None => Err(refused),
        }
    }

    /// The account that a call counts for at the calling end.
    /// `found` is the one that the proxy named, if there is such an account.
    pub(super) fn caller(
        &self,
        query: &RouteQuery,
        found: Option<AccountKey>,
    ) -> Result<Option<AccountKey>, Cause> {
        if query.is_authenticated() {
            return found.map(Some).ok_or(Cause::Unknown);
        }
        if !self.settings.trust_from {
            return Ok(None);
        }
        Ok(self.callee(Spelled::read(&query.from_uri)).1)
    }

    /// Reasons that no cap has to be asked for.
    fn barred(
        &self,
        query: &RouteQuery,
        caller: Option<AccountKey>,
        callee: Option<AccountKey>,
        forced: bool,
        steps: &mut Vec<Step>,
    ) -> Option<(Cause, Side)> {
        let circle = callee.is_some_and(|callee| query.trail.contains(&callee.0));
        if circle || query.trail.len() >= TRAIL_MAX {
            return Some((Cause::Loop, Side::To));
        }
        for (end, side) in [(caller, Side::From), (callee, Side::To)] {
            let line = end.into_iter().flat_map(|key| self.registry.line(key));
            let disabled = line.map(|(_, account)| account).find(|account| !account.enabled);
            if let Some(account) = disabled.filter(|_| !forced) {
                steps.push(Step::Disabled { account: account.name.clone(), side });
                return Some((Cause::Disabled, side));
            }
        }
        None
    }

    /// Finds a seat for the call in every account of it: all or none, those among them that have to
    /// be asked for (`missing`). Nothing is taken yet, and
    /// nothing can come between: the desk does one thing at a time.
    fn find_seats(
        &mut self,
        (caller, callee): (Option<AccountKey>, Option<AccountKey>),
        held: Option<&Seats>,
        forced: bool,
        steps: &mut Vec<Step>,
    ) -> Result<Seats, Outcome> {
        let line = |account: Option<AccountKey>| {
            account.into_iter().flat_map(|key| self.registry.line(key)).map(|(key, _)| key)
        };
        let sides = seats(line(caller), line(callee));
        for found in sides.as_slice() {
            if held.is_some_and(|held| held.has(found.seat.account)) {
                continue;
            }
            for pool in found.seat.pools() {
                let room = if forced { Room::Forced } else { self.room_for(pool) };
                let usage = self.rights.usage(pool);
                let Some(account) = self.registry.account(found.seat.account) else { continue };
                if usage.cap.is_some() || pool.kind() == PoolKind::Total {
                    steps.push(Step::Cap {
                        account: account.name.clone(),
                        side: found.side,
                        kind: pool.kind(),
                        used: usage.live,
                        cap: usage.cap,
                        room,
                    });
                }
                let cause = match (room, found.own, found.side) {
                    (Room::Yes | Room::Forced | Room::Overdraft | Room::Elsewhere, ..) => continue,
                    (Room::Frozen, ..) => Cause::Settling,
                    (Room::Unreachable, ..) => Cause::Unreachable,
                    (Room::Full, false, _) => Cause::CapParent,
                    (Room::Full, true, Side::From) => Cause::CapOut,
                    (Room::Full, true, Side::To) => Cause::CapIn,
                };
                let end = if found.side == Side::From { caller } else { callee };
                let codes = end.and_then(|key| self.registry.account(key));
                let codes = codes.map_or_else(RefusalCodes::default, |end| end.refusal_codes);
                return Err(refused(cause, found.side, codes));
            }
        }
        Ok(sides.seats())
    }

    fn order_for(
        &self,
        query: &RouteQuery,
        (caller, callee): (Option<AccountKey>, Option<AccountKey>),
        held: Option<&Seats>,
        steps: &mut Vec<Step>,
        now: Now,
    ) -> Ordered {
        let devices = callee.map_or(&[][..], |callee| self.registry.devices(callee));
        let rules = callee.and_then(|callee| self.registry.rules(callee));
        let Some(callee) = callee.filter(|_| !devices.is_empty() || rules.is_some()) else {
            // Not ours, or an account that only has its calls counted here: the proxy knows best.
            return Ordered::Rings(Outcome::Pass { headers: Arc::default() });
        };
        let headers: Arc<str> = trail_header(&query.trail, callee).into();
        let states = self.devices.of(callee);
        let list = List {
            by_switch: query.switch.is_some(),
            confirms: query.switch.is_some() || self.can_confirm(),
            wait_s: self.wait_s(query),
            devices,
            registrations: &query.registrations,
            states: &states,
            gateway: self.settings.gateway.as_deref(),
            headers: &headers,
            limits: self.settings.limits,
        };
        let asked = Asked { query, caller, callee, held, now };
        let ordered = self.ordered(rules.map(Arc::as_ref), &asked, &list, steps);
        if matches!(ordered, Ordered::Rings(_)) || !self.in_grace(Some(callee), now) {
            return ordered;
        }
        self.order_in_grace(&asked, &list, steps).unwrap_or(ordered)
    }

    /// The order of an account of ours: its own hand's, its rules', or the notification list.
    fn ordered(
        &self,
        rules: Option<&Rules>,
        asked: &Asked<'_>,
        list: &List<'_>,
        steps: &mut Vec<Step>,
    ) -> Ordered {
        let Asked { query, callee, .. } = *asked;
        if let Some(order) = self.order_by_hand(asked, list, steps) {
            return self.with_mailbox(asked, order, None, steps);
        }
        if let Some(rules) = rules {
            return self.order_by_rules(rules, asked, list, steps);
        }
        let own = self.registry.identifiers(callee);
        let few = query.trail.is_empty() && own.len() <= OWN_FEW;
        let own_address = own.iter().any(Identifier::is_address);
        let leads_back = |target: &Target| match target {
            // On its first way through a call has passed nobody but the called account, whose
            // few numbers are at hand: no look-up among all there are.
            Target::Number(number) if few => own.contains(&Identifier::Number(*number)),
            Target::Uri(uri) if few && !own_address && !uri.may_spell_a_number() => false,
            Target::Number(_) | Target::Uri(_) | Target::Aor(_) => {
                self.leads_back(target, callee, &query.trail)
            }
        };
        let order = order(list, leads_back, steps);
        let order = self.forwards_behind(asked, list, order, steps);
        if order.stages.is_empty() {
            return Ordered::Nobody(Cause::NoDevice, None);
        }
        self.with_mailbox(asked, order, None, steps)
    }

    /// An order as the caller wishes it, and behind it the mailbox, if there is one, with the
    /// greeting that a rule has chosen.
    pub(super) fn with_mailbox(
        &self,
        asked: &Asked<'_>,
        mut order: ForkOrder,
        greeting: Option<GreetingName>,
        steps: &mut Vec<Step>,
    ) -> Ordered {
        honour(&mut order, asked.query.wishes, steps);
        let coming = Coming { at_once: None, greeting };
        order.stages.extend(self.mailbox_wanted(asked.query, Some(asked.callee), &coming, steps));
        Ordered::Rings(Outcome::Fork(Arc::new(order)))
    }
}

pub(super) fn refused(cause: Cause, side: Side, codes: RefusalCodes) -> Outcome {
    Outcome::Refuse(refusal(cause, side, codes))
}

fn considered(
    query: &RouteQuery,
    now: Now,
    outcome: Outcome,
    steps: Vec<Step>,
    (caller, callee): (Option<AccountKey>, Option<AccountKey>),
    seats: Seats,
    emergency: bool,
) -> Considered {
    let ring_ms = match &outcome {
        Outcome::Fork(order) => order.stages.iter().map(|stage| u64::from(stage.longest_s())).sum(),
        Outcome::Pass { .. } | Outcome::Refuse(_) => PASS_RING_S,
    } * 1000;
    let decision = Decision {
        call: None,
        call_id: Arc::clone(&query.call_id),
        at_ms: now.wall_ms,
        from_uri: Arc::clone(&query.from_uri),
        ruri: Arc::clone(&query.ruri),
        outcome,
        steps,
    };
    Considered { decision, caller, callee, seats, emergency, ring_ms }
}

/// How long a call that we do not route may ring: timer C of a proxy (RFC 3261 §16.6) is more
/// than three minutes, and starts anew with every provisional answer.
const PASS_RING_S: u64 = 240;
