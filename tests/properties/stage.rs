//! The desk under test, with the model beside it: every deed is done to both.

use std::collections::BTreeSet;

use hallporter::desk::{Desk, Input, Output, Settings, Ticket};
use hallporter::domain::{
    AccountKey, AccountName, CallEvent, CallRef, CallState, Cause, Decision, EventKind, Now,
    Outcome, ProxyId, RouteQuery, SeenDialog,
};

use super::common::Shelf;
use super::deeds::{Deed, Ends, Seen, tag_text};
use super::model::{ACCOUNTS, Call, Model};

pub(crate) const PROXIES: u8 = 2;

pub(crate) struct Stage {
    settings: Settings,
    pub(crate) desk: Desk,
    pub(crate) model: Model,
    pub(crate) shelf: Shelf,
    /// The keys of the accounts of the model; a new one with every removal.
    pub(crate) keys: Vec<AccountKey>,
    pub(crate) now: Now,
    /// Calls that were ringing in a proxy's list before anybody asked about them.
    found: BTreeSet<String>,
    /// The deed may put calls above a cap.
    pub(crate) forced: bool,
}

pub(crate) fn name(account: usize) -> AccountName {
    AccountName::parse(&format!("a{account}")).unwrap()
}

pub(crate) fn number(account: usize) -> String {
    format!("+4930{account}")
}

pub(crate) fn uri(callee: Option<usize>) -> String {
    format!("sip:{}@h", callee.map_or_else(|| "+4411".to_owned(), number))
}

impl Stage {
    pub(crate) fn new(grace: bool, strict: bool) -> Self {
        let settings = Settings {
            proxies: PROXIES,
            emergency_grace_ms: if grace { 1 << 50 } else { 0 },
            duration_max_ms: 3_600_000,
            ..Settings::default()
        };
        let now = Now { mono_ms: 1_000, wall_ms: 1_700_000_000_000 };
        let mut stage = Self {
            desk: Desk::new(settings.clone()),
            settings,
            model: Model::new(),
            shelf: Shelf::default(),
            keys: Vec::new(),
            now,
            found: BTreeSet::new(),
            forced: false,
        };
        for account in 0..ACCOUNTS {
            stage.add(account);
            if strict {
                stage.enable(account, true, true);
                stage.caps(account, [Some(3), None, Some(2)]);
            }
        }
        stage
    }

    /// Does one deed, and holds the desk against the model.
    pub(crate) fn act(&mut self, deed: &Deed) {
        let before: Vec<[u32; 3]> = (0..ACCOUNTS).map(|n| self.model.live(n)).collect();
        self.forced = false;
        match deed {
            Deed::Route { call, tag, h, ends, trail } => {
                self.route(*call, *tag, *h, *ends, *trail, &uri(ends.to));
            }
            Deed::Emergency { call, tag, h, from } => {
                self.forced = true;
                self.route(*call, *tag, *h, Ends { from: *from, to: None }, None, "sip:112@h");
            }
            Deed::Event { kind, call, tag, h, ends } => self.event(*kind, *call, *tag, *h, *ends),
            Deed::LookBegin { proxy, restarted } => {
                let (proxy, restarted) = (ProxyId(*proxy), *restarted);
                self.handle(Input::LookBegin { proxy, restarted }, &[]);
            }
            Deed::LookSeen { proxy, seen } => {
                let dialogs = seen.iter().map(dialog).collect();
                self.forced = true;
                self.handle(Input::LookSeen { proxy: ProxyId(*proxy), dialogs }, seen);
            }
            Deed::LookEnd { proxy } => self.handle(Input::LookEnd { proxy: ProxyId(*proxy) }, &[]),
            Deed::LookFailed { proxy } => {
                self.handle(Input::LookFailed { proxy: ProxyId(*proxy) }, &[]);
            }
            Deed::Wakeup => self.handle(Input::Wakeup, &[]),
            Deed::Wait { seconds } => self.wait(u64::from(*seconds) * 1000),
            Deed::Release { call } => {
                let call = self.desk.find_call(&call_id(*call)).unwrap_or(CallRef(9));
                self.handle(Input::Release { ticket: Ticket(0), call }, &[]);
            }
            Deed::Caps { account, caps } => self.caps(*account, *caps),
            Deed::Move { account, parent } => self.move_under(*account, *parent),
            Deed::Enable { account, enabled, strict } => self.enable(*account, *enabled, *strict),
            Deed::Remove { account } => self.remove(*account),
            Deed::Add { account } => self.add(*account),
            Deed::Save => self.shelf.save(&mut self.desk, self.now),
            Deed::Restart { saved } => {
                self.forced = !saved;
                self.restart(*saved);
            }
        }
        self.check(&before);
    }

    /// Counts as the model has them; none grew above its cap unless it was forced.
    pub(crate) fn check(&self, before: &[[u32; 3]]) {
        for (account, before) in before.iter().enumerate() {
            let usage = self.desk.usage(self.keys[account]);
            let desk = [usage.total.live, usage.incoming.live, usage.outgoing.live];
            let model = self.model.live(account);
            assert_eq!(desk, model, "account {account}: {:?}", self.model);
            for (kind, pool) in [usage.total, usage.incoming, usage.outgoing].iter().enumerate() {
                let cap = self.model.accounts[account].caps[kind];
                assert_eq!(pool.cap, cap, "account {account}");
                let grew = model[kind] > before[kind];
                let above = cap.is_some_and(|cap| model[kind] > cap);
                assert!(self.forced || !grew || !above, "account {account} grew above its cap");
                let used = u64::from(pool.live - pool.overdraft) + u64::from(pool.frozen);
                assert!(used <= pool.held, "account {account}: {pool:?}");
            }
        }
        assert_eq!(self.desk.figures().calls, self.model.calls.len());
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else may come")]
    pub(crate) fn handle(&mut self, input: Input, seen: &[Seen]) {
        self.desk.handle(input, self.now);
        while let Some(output) = self.desk.poll() {
            match output {
                Output::Ended(ended) => self.drop_call(&ended.call_id),
                Output::Released { ended: Some(ended), .. } => self.drop_call(&ended.call_id),
                Output::Adopted { call, call_id } => {
                    let row = self.desk.call(call, self.now).expect("it was adopted just now");
                    let key =
                        |end: Option<usize>| end.filter(|_| self.has(end)).map(|n| self.keys[n]);
                    let mut items = seen.iter().filter(|seen| call_id[..] == call_id_of(seen));
                    // The same list may show another dialog of it, which has just ended.
                    let fits = |seen: &&Seen| {
                        (key(seen.ends.from), key(seen.ends.to)) == (row.caller, row.callee)
                            && self.desk_has_tag(&call_id, &tag_text(seen.tag))
                    };
                    let seen = items.find(fits).expect("nobody has shown it like this");
                    let seats = self.model.seats(seen.ends.from, seen.ends.to);
                    let call = Call { tag: tag_text(seen.tag), seats };
                    if row.state == CallState::Reserved {
                        self.found.insert(call_id.to_string());
                    }
                    assert_eq!(self.model.calls.insert(call_id.to_string(), call), None);
                }
                Output::Applied { result, .. } => assert_eq!(result, Ok(())),
                Output::Released { ended: None, .. } | Output::Answer { .. } => {}
                other => panic!("there are no messages here: {other:?}"),
            }
        }
    }

    fn drop_call(&mut self, call_id: &str) {
        assert!(self.model.calls.remove(call_id).is_some(), "{call_id} ended twice");
        self.found.remove(call_id);
    }

    fn route(
        &mut self,
        call: u8,
        tag_number: u8,
        h: Option<u8>,
        ends: Ends,
        trail: Option<u8>,
        ruri: &str,
    ) {
        let query = RouteQuery {
            call_id: call_id(call).into(),
            from_tag: tag_text(tag_number).into(),
            from_uri: "sip:x@h".into(),
            ruri: ruri.into(),
            account: ends.from.map(name),
            dialog: h.map(|h| (1, h.into())),
            trail: trail.map_or_else(Vec::new, |passed| vec![1_000 + u32::from(passed)]),
            ..RouteQuery::default()
        };
        if trail.is_none() {
            self.is_decided_at_last(&call_id(call), &tag_text(tag_number));
        }
        let input = Input::Route { ticket: Ticket(1), query: Box::new(query) };
        self.desk.handle(input, self.now);
        let Some(Output::Answer { decision, repeated, .. }) = self.desk.poll() else {
            panic!("no answer");
        };
        assert!(self.desk.poll().is_none());
        if !repeated {
            self.answered(&decision, &tag_text(tag_number), ends, ruri == "sip:112@h");
        }
    }

    /// A call that was found ringing, and is asked about now: it begins anew.
    fn is_decided_at_last(&mut self, call_id: &str, tag: &str) {
        let row = self.desk.find_call(call_id).and_then(|call| self.desk.call(call, self.now));
        let rings = row.is_some_and(|row| row.state == CallState::Reserved);
        let same = self.model.calls.get(call_id).is_some_and(|call| call.tag == tag);
        if self.found.contains(call_id) && rings && same {
            self.drop_call(call_id);
        }
    }

    /// Holds a new decision against what the model would say.
    fn answered(&mut self, decision: &Decision, tag: &str, ends: Ends, emergency: bool) {
        let known = self.model.calls.get(&*decision.call_id);
        let foreign = known.as_ref().is_some_and(|known| known.tag != tag);
        let held = known.map_or_else(BTreeSet::new, |known| known.seats.clone());
        let grace = ends.to.is_some_and(|to| self.model.accounts[to].grace) && self.has(ends.to);
        let to = ends.to.filter(|_| self.has(ends.to));
        let from = ends.from.filter(|_| self.has(ends.from));
        let sits = |account| held.iter().any(|seat| seat.0 == account);
        let wanted = self.model.seats(from, to);
        let added: BTreeSet<_> = wanted.into_iter().filter(|seat| !sits(seat.0)).collect();
        if emergency && let Some(from) = from {
            self.model.accounts[from].grace = self.settings.emergency_grace_ms > 0;
        }
        match &decision.outcome {
            Outcome::Refuse(refusal) => {
                assert!(!emergency, "an emergency call was refused: {refusal:?}");
                let true_of = match refusal.cause {
                    Cause::CapIn | Cause::CapOut | Cause::CapParent => {
                        !self.model.has_room(&added) && !grace
                    }
                    Cause::Disabled => self.model.is_disabled(from) || self.model.is_disabled(to),
                    Cause::CallIdReuse => known.is_some(),
                    Cause::Settling => !self.desk.figures().settled,
                    Cause::Unknown => from.is_none(),
                    Cause::Cancelled | Cause::Loop => true,
                    Cause::NoDevice
                    | Cause::Rule
                    | Cause::SelfCare
                    | Cause::TableFull
                    | Cause::Unreachable => false,
                };
                assert!(true_of, "refused without reason: {refusal:?} {:?}", self.model);
            }
            Outcome::Pass { .. } => {
                self.forced |= grace;
                let room = emergency || grace || self.model.has_room(&added);
                assert!(room, "let in above a cap: {:?}", self.model);
                let counted = decision.call.and_then(|call| self.desk.call(call, self.now));
                if counted.is_some() && !foreign {
                    let seats = held.union(&added).copied().collect();
                    let call = Call { tag: tag.to_owned(), seats };
                    self.model.calls.insert(decision.call_id.to_string(), call);
                }
            }
            Outcome::Fork(_) => panic!("nobody has a device"),
        }
    }

    fn has(&self, account: Option<usize>) -> bool {
        account.is_some_and(|account| self.model.accounts[account].there)
    }

    fn event(&mut self, kind: EventKind, call: u8, tag_number: u8, h: Option<u8>, ends: Ends) {
        let seen = Seen { call, tag: tag_number, h: h.unwrap_or(0), up: true, ends };
        let event = CallEvent {
            kind,
            call_id: call_id(call).into(),
            from_tag: tag_text(tag_number).into(),
            dialog: h.map(|h| (1, h.into())),
            device: None,
            code: None,
            branches: [].into(),
            account: ends.from.map(name),
            ruri: Some(uri(ends.to).into()),
            from_uri: None,
        };
        self.forced = true;
        self.handle(Input::Event(event), &[seen]);
    }

    /// Time passes; the desk is woken whenever it wants to be.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        while let Some(due) = self.desk.wakeup().filter(|due| *due <= until) {
            self.pass(due.saturating_sub(self.now.mono_ms));
            self.handle(Input::Wakeup, &[]);
        }
        self.pass(until - self.now.mono_ms);
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono_ms += ms;
        self.now.wall_ms += i64::try_from(ms).unwrap();
    }

    fn restart(&mut self, saved: bool) {
        if saved {
            self.shelf.save(&mut self.desk, self.now);
        }
        self.settings.boot += 1;
        self.found.clear();
        self.now.mono_ms += 77_777;
        self.desk = self.shelf.open(self.settings.clone(), self.now);
        self.only_emergencies_leave_grace();
        let there: BTreeSet<String> = self.calls().map(|(id, _)| id).collect();
        if saved {
            let known: BTreeSet<String> = self.model.calls.keys().cloned().collect();
            assert_eq!(there, known, "calls were lost or found");
            return;
        }
        // What was not saved is lost; what is there holds what it held when it was saved.
        self.model.calls = self.calls().collect();
    }

    /// A start keeps the grace of those whose emergency call was kept.
    fn only_emergencies_leave_grace(&mut self) {
        let page = self.desk.calls(None, None, 1000, self.now);
        let callers: Vec<_> =
            page.rows.iter().filter(|row| row.emergency).filter_map(|row| row.caller).collect();
        for (account, key) in self.model.accounts.iter_mut().zip(&self.keys) {
            account.grace = self.settings.emergency_grace_ms > 0 && callers.contains(key);
        }
    }

    /// The calls of the desk as the model would have them, with tags that fit anybody.
    fn calls(&self) -> impl Iterator<Item = (String, Call)> {
        let page = self.desk.calls(None, None, 1000, self.now);
        let account = |key| self.keys.iter().position(|known| *known == key);
        page.rows.into_iter().map(move |row| {
            let seats = row
                .seats
                .iter()
                .filter_map(|seat| Some((account(seat.account)?, seat.incoming, seat.outgoing)));
            let tag = (0..2).map(tag_text).find(|t| self.desk_has_tag(&row.call_id, t));
            (row.call_id.clone(), Call { tag: tag.unwrap_or_default(), seats: seats.collect() })
        })
    }

    /// Whether a question with this tag would be another's: asked of a copy.
    fn desk_has_tag(&self, call_id: &str, tag: &str) -> bool {
        let mut copy = self.desk.clone();
        let query = RouteQuery {
            call_id: call_id.into(),
            from_tag: tag.into(),
            ruri: uri(None).into(),
            ..RouteQuery::default()
        };
        let input = Input::Route { ticket: Ticket(2), query: Box::new(query) };
        copy.handle(input, self.now);
        !matches!(copy.poll(), Some(Output::Answer { decision, .. })
            if matches!(&decision.outcome, Outcome::Refuse(refusal)
                if refusal.cause == Cause::CallIdReuse))
    }
}

pub(crate) fn call_id(call: u8) -> String {
    format!("call-{call}")
}

fn call_id_of(seen: &Seen) -> String {
    call_id(seen.call)
}

fn dialog(seen: &Seen) -> SeenDialog {
    SeenDialog {
        call_id: call_id(seen.call).into(),
        from_tag: tag_text(seen.tag).into(),
        dialog: (1, seen.h.into()),
        state: if seen.up { CallState::Up } else { CallState::Reserved },
        started_s: 1_700_000_000,
        account: seen.ends.from.map(name),
        ruri: Some(uri(seen.ends.to).into()),
        from_uri: "sip:x@h".into(),
        emergency: false,
    }
}
