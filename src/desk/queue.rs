//! The questions that wait, and how each is found: by the call, and by the pool that it lacks a
//! right of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{PoolId, RouteQuery};

use super::Ticket;

/// The questions that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pub(super) questions: BTreeMap<u64, Question>,
    by_pool: BTreeMap<PoolId, BTreeSet<u64>>,
    by_call: BTreeMap<Arc<str>, Vec<u64>>,
    pub(super) given: u64,
    pub(super) tickets: usize,
    pub(super) full_until_ms: BTreeMap<PoolId, u64>,
    /// When the holders of a pool were asked last, and for how many.
    pub(super) recalled: BTreeMap<PoolId, (u64, u32)>,
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) asked: Vec<(Ticket, Box<RouteQuery>)>,
    pub(super) since_ms: u64,
    pub(super) poll_ms: u64,
    pub(super) until_ms: u64,
    pub(super) missing: Vec<(PoolId, u32)>,
    pub(super) heard: bool,
}

impl Waiting {
    pub(super) fn wants(&self, pool: PoolId) -> bool {
        self.by_pool.contains_key(&pool)
    }

    pub(super) fn has_call(&self, call_id: &str) -> bool {
        self.by_call.contains_key(call_id)
    }

    pub(super) fn wakeup(&self) -> Option<u64> {
        self.questions.values().map(|question| question.until_ms.min(question.poll_ms)).min()
    }

    /// Since when the oldest question waits.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        self.questions.values().map(|question| question.since_ms).min()
    }

    pub(super) fn len(&self) -> usize {
        self.tickets
    }

    /// How many questions wait for a right of a pool. Asked for each one that comes: not a walk.
    pub(super) fn count(&self, pool: PoolId) -> usize {
        self.by_pool.get(&pool).map_or(0, BTreeSet::len)
    }

    pub(super) fn of_call(&self, call_id: &str) -> Vec<u64> {
        self.by_call.get(call_id).cloned().unwrap_or_default()
    }

    pub(super) fn of_pool(&self, pool: PoolId) -> Vec<u64> {
        self.by_pool.get(&pool).into_iter().flatten().copied().collect()
    }

    /// The question that is asked again by this one.
    pub(super) fn same(&mut self, query: &RouteQuery) -> Option<&mut Question> {
        let numbers = self.by_call.get(&query.call_id)?;
        let number = numbers.iter().copied().find(|number| {
            let first = self.questions.get(number).and_then(|it| it.asked.first());
            first.is_some_and(|(_, first)| {
                first.ruri == query.ruri
                    && first.from_tag == query.from_tag
                    && first.trail == query.trail
            })
        })?;
        self.questions.get_mut(&number)
    }

    pub(super) fn insert(&mut self, number: u64, question: Question) {
        for (pool, _) in &question.missing {
            self.by_pool.entry(*pool).or_default().insert(number);
        }
        if let Some((_, query)) = question.asked.first() {
            self.by_call.entry(Arc::clone(&query.call_id)).or_default().push(number);
        }
        self.questions.insert(number, question);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Question> {
        let question = self.questions.remove(&number)?;
        self.tickets = self.tickets.saturating_sub(question.asked.len());
        for (pool, _) in &question.missing {
            if let Some(numbers) = self.by_pool.get_mut(pool)
                && numbers.remove(&number)
                && numbers.is_empty()
            {
                self.by_pool.remove(pool);
            }
        }
        if let Some((_, query)) = question.asked.first()
            && let Some(numbers) = self.by_call.get_mut(&query.call_id)
        {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_call.remove(&query.call_id);
            }
        }
        if self.questions.is_empty() {
            self.recalled.clear();
        }
        Some(question)
    }
}
