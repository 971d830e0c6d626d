//! Questions that wait for rights of other nodes: a call is never answered on half of them.

use crate::admission::Look;
use crate::domain::{NodeId, Now, Policy, PoolId, Room, RouteQuery};

use super::queue::Question;
use super::{Desk, Output, Ticket};

/// How often the ledger is asked again while a call waits.
const POLL_EVERY_MS: u64 = 45;
/// How long others have to give something back before a pool is taken for full, where calls wait for
/// as long as is usual.
const FULL_AFTER_MS: u64 = 100;
/// The usual time.
const USUAL_WITHIN_MS: u64 = 170;
/// How long it is remembered that a pool was full everywhere, so that not every call that is
/// refused is a question to the ledger.
const FULL_FOR_MS: u64 = 200;
/// How often the same holders are asked for the same rights, unless twice as many are wanted.
const RECALL_EVERY_MS: u64 = 40;
/// How many pools are remembered to be full; all are forgotten beyond it.
const FULL_MAX: usize = 100_000;

/// What a question that finds no right left here comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stance {
    /// It waits.
    #[default]
    Ask,
    /// It has waited. `heard`: the ledger has answered that there is none.
    Last { heard: bool },
    /// It is not meant: nobody is asked for it.
    Rehearse,
}

impl Desk {
    /// Whether a pool has room for one more call, here or, if it can wait for it, elsewhere.
    pub(super) fn room_for(&mut self, pool: PoolId) -> Room {
        let Some(together) = &self.together else {
            return match self.room(pool) {
                Look::Room => Room::Yes,
                Look::Full | Look::Short { .. } => Room::Full,
                Look::Frozen => Room::Frozen,
            };
        };
        let (fenced, until) = (together.fenced, together.waiting.full_until_ms.get(&pool).copied());
        let want = match self.rights.look(pool) {
            _ if fenced && self.ledger.cap(pool) < crate::domain::UNLIMITED => {
                return Room::Unreachable;
            }
            Look::Room | Look::Short { .. } if self.is_unvouched(pool) => return Room::Frozen,
            Look::Room => return Room::Yes,
            Look::Full => return Room::Full,
            Look::Frozen => return Room::Frozen,
            Look::Short { want } => want,
        };
        let free = self.ledger.free(pool) > 0;
        if until.is_some_and(|until| self.now_ms < until) && !free {
            return Room::Full;
        }
        match self.stance {
            Stance::Ask => {
                self.missing.push((pool, want));
                Room::Yes
            }
            Stance::Rehearse if free => Room::Yes,
            // Whether the others have one to spare is known to them alone.
            Stance::Rehearse if self.may_be_elsewhere(pool) => Room::Elsewhere,
            Stance::Rehearse => self.room_at_last(pool, true),
            Stance::Last { heard } => self.room_at_last(pool, heard),
        }
    }

    fn room_at_last(&self, pool: PoolId, heard: bool) -> Room {
        // A cap that was lowered below what is out is nobody's to fill, with or without a right.
        if self.ledger.out(pool) > u64::from(self.ledger.cap(pool)) {
            return Room::Full;
        }
        if heard && self.are_holders_up(pool) {
            return Room::Full;
        }
        let bound = self.settings.together.overdraft;
        let left = self.rights.usage(pool).overdraft < bound && self.rights.is_settled();
        if self.policy(pool) == Policy::Available && left {
            Room::Overdraft
        } else {
            Room::Unreachable
        }
    }

    /// Whether others can be asked for a right that they may have left.
    fn may_be_elsewhere(&self, pool: PoolId) -> bool {
        let within_cap = self.ledger.out(pool) <= u64::from(self.ledger.cap(pool));
        within_cap && !self.holders(pool).is_empty() && self.are_holders_up(pool)
    }

    fn are_holders_up(&self, pool: PoolId) -> bool {
        self.holders(pool).iter().all(|(node, _)| {
            self.together.as_ref().is_some_and(|together| together.up.contains(node))
        })
    }

    /// Who else holds rights of a pool, the one with most first.
    fn holders(&self, pool: PoolId) -> Vec<(NodeId, u64)> {
        let own = self.settings.node;
        let shares = self.ledger.shares(pool).into_iter();
        let mut holders: Vec<(NodeId, u64)> = shares
            .filter(|share| share.held > 0 && share.node != own)
            .map(|share| (share.node, share.held))
            .collect();
        holders.sort_by_key(|(node, held)| (std::cmp::Reverse(*held), *node));
        holders
    }

    /// A question waits for what is missing; or is decided at once, if too many wait.
    pub(super) fn wait(&mut self, ticket: Ticket, query: Box<RouteQuery>, now: Now) {
        let missing = std::mem::take(&mut self.missing);
        let (max, within_ms) =
            (self.settings.together.waiting_max, self.settings.together.ask_within_ms);
        let Some(together) = &mut self.together else { return };
        let waiting = &mut together.waiting;
        if waiting.tickets >= max {
            return self.decide_at_last(vec![(ticket, query)], false, now);
        }
        waiting.tickets += 1;
        if let Some(question) = waiting.same(&query) {
            return question.asked.push((ticket, query));
        }
        waiting.given += 1;
        let question = Question {
            asked: vec![(ticket, query)],
            since_ms: now.mono_ms,
            poll_ms: now.mono_ms + POLL_EVERY_MS,
            until_ms: now.mono_ms + within_ms,
            missing: missing.clone(),
            heard: false,
        };
        waiting.insert(waiting.given, question);
        for (pool, want) in missing {
            if self.ledger.free(pool) > 0 {
                self.want(pool, want);
            } else {
                self.recall(pool, now);
            }
        }
    }

    /// Asks whoever has rights of a pool to give some back.
    fn recall(&mut self, pool: PoolId, now: Now) {
        let holders = self.holders(pool);
        let beneficiary = self.settings.node;
        let Some(together) = &mut self.together else { return };
        // No more than wait here: others may be waiting for the rest. While ever more come, not each
        // of them is a letter.
        let want = u32::try_from(together.waiting.count(pool)).unwrap_or(u32::MAX).max(1);
        let last = together.waiting.recalled.get(&pool);
        let lately = |(at_ms, asked): &(u64, u32)| {
            now.mono_ms < at_ms + RECALL_EVERY_MS && want < asked.saturating_mul(2)
        };
        if last.is_some_and(lately) {
            return;
        }
        together.waiting.recalled.insert(pool, (now.mono_ms, want));
        for (to, _) in holders.into_iter().filter(|(node, _)| together.up.contains(node)) {
            self.figures.recalls_sent += 1;
            self.outputs.push_back(Output::Recall { to, pool, beneficiary, want });
        }
    }

    /// The ledger has nothing left of a pool.
    pub(super) fn short(&mut self, pool: PoolId, now: Now) {
        let up = self.are_holders_up(pool);
        let Some(together) = &mut self.together else { return };
        let waiting = &mut together.waiting;
        let mut full = Vec::new();
        for number in waiting.of_pool(pool) {
            let Some(question) = waiting.questions.get_mut(&number) else { continue };
            question.heard = true;
            if up && now.mono_ms >= question.since_ms + full_after_ms(question) {
                full.push(number);
            }
        }
        if full.is_empty() {
            return;
        }
        if waiting.full_until_ms.len() >= FULL_MAX {
            waiting.full_until_ms.clear();
        }
        waiting.full_until_ms.insert(pool, now.mono_ms + FULL_FOR_MS);
        for number in full {
            self.over(number, now);
        }
    }

    /// Something of a pool is about to become free, whatever was heard of it a moment ago.
    pub(super) fn may_have_room(&mut self, pool: PoolId) {
        if let Some(together) = &mut self.together {
            together.waiting.full_until_ms.remove(&pool);
        }
    }

    /// A question has waited long enough.
    fn over(&mut self, number: u64, now: Now) {
        let Some(together) = &mut self.together else { return };
        if let Some(question) = together.waiting.remove(number) {
            self.decide_at_last(question.asked, question.heard, now);
        }
    }

    fn decide_at_last(&mut self, asked: Vec<(Ticket, Box<RouteQuery>)>, heard: bool, now: Now) {
        for (ticket, query) in asked {
            self.stance = Stance::Last { heard };
            let decided = self.decide(&query, now);
            self.stance = Stance::Ask;
            if let Some(decided) = decided {
                self.answer(ticket, query, decided);
            }
        }
    }

    /// Considers again a question that waits; it goes on waiting if there still is something
    /// missing.
    fn consider_again(&mut self, number: u64, now: Now) {
        let Some(together) = &mut self.together else { return };
        let Some(mut question) = together.waiting.remove(number) else { return };
        let mut asked = std::mem::take(&mut question.asked).into_iter();
        while let Some((ticket, query)) = asked.next() {
            if let Some(decided) = self.decide(&query, now) {
                self.answer(ticket, query, decided);
                continue;
            }
            question.missing = std::mem::take(&mut self.missing);
            question.asked = std::iter::once((ticket, query)).chain(asked.by_ref()).collect();
        }
        if question.asked.is_empty() {
            return;
        }
        for (pool, want) in question.missing.clone() {
            if self.ledger.free(pool) > 0 {
                self.want(pool, want);
            }
        }
        if let Some(together) = &mut self.together {
            together.waiting.tickets += question.asked.len();
            together.waiting.insert(number, question);
        }
    }

    /// Something has become known of a call that may wait.
    pub(super) fn consider_call_again(&mut self, call_id: &str, now: Now) {
        let Some(together) = &self.together else { return };
        let numbers = together.waiting.of_call(call_id);
        numbers.into_iter().for_each(|number| self.consider_again(number, now));
    }

    /// Goes through what waits: in the order in which it was asked, where something has become
    /// free; what is to be asked again; and what has waited long enough.
    pub(super) fn go_through_waiting(&mut self, now: Now) {
        loop {
            let Some(together) = &mut self.together else { return };
            let Some(pool) = together.freed.pop_first() else { break };
            for number in together.waiting.of_pool(pool) {
                if let Look::Short { .. } = self.rights.look(pool) {
                    break;
                }
                self.consider_again(number, now);
            }
        }
        let Some(together) = &self.together else { return };
        let questions = together.waiting.questions.iter();
        let due = |ms: u64| now.mono_ms >= ms;
        let over = questions.clone().filter(|(_, it)| due(it.until_ms));
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        let polled = questions.filter(|(_, it)| due(it.poll_ms));
        let polled: Vec<u64> = polled.map(|(number, _)| *number).collect();
        over.into_iter().for_each(|number| self.over(number, now));
        polled.into_iter().for_each(|number| self.poll_ledger(number, now));
    }

    /// Asks for what a question waits for, whether or not there seems to be any: the answer says
    /// that somebody is there to answer.
    fn poll_ledger(&mut self, number: u64, now: Now) {
        let Some(together) = &mut self.together else { return };
        let Some(question) = together.waiting.questions.get_mut(&number) else { return };
        question.poll_ms = now.mono_ms + POLL_EVERY_MS;
        // What is given back is only here when the ledger has it. Too late for this question, it
        // would be missed where it was.
        let in_time = now.mono_ms + together.on_their_way.takes_ms() < question.until_ms;
        for (pool, want) in question.missing.clone() {
            if in_time && self.ledger.free(pool) == 0 {
                self.recall(pool, now);
            }
            self.want(pool, want);
        }
    }
}

/// How long others have before what a question wants is taken for gone. Whoever lets calls wait for
/// longer has nodes that are far apart: a right that is given back goes four ways and through the
/// disk, and comes when 100 ms are long over.
fn full_after_ms(question: &Question) -> u64 {
    let within_ms = question.until_ms - question.since_ms;
    FULL_AFTER_MS + 2 * within_ms.saturating_sub(USUAL_WITHIN_MS)
}
