//! An account's calls, chained through the table: found without a search, for eight bytes an end.

use crate::domain::AccountKey;

use super::session::{Link, NONE};
use super::{Session, Table};

impl Table {
    /// The account whose chain a call stands in at `end`. A call inside one account stands in its
    /// chain once, as caller.
    fn chained(session: &Session, end: usize) -> Option<AccountKey> {
        let account = session.account_at(end)?;
        (end == 0 || session.caller() != Some(account)).then_some(account)
    }

    pub(super) fn chain_start(&self, account: AccountKey) -> u32 {
        let heads = self.heads.get(account.0 as usize).copied().unwrap_or([NONE; 2]);
        if heads[0] == NONE { heads[1] } else { heads[0] }
    }

    /// The call behind `session` in an account's two chains, first as caller, then as callee.
    pub(super) fn chain_next(&self, account: AccountKey, session: &Session) -> u32 {
        if Self::chained(session, 0) == Some(account) {
            let next = session.links[0].next;
            let callee = || self.heads.get(account.0 as usize).map_or(NONE, |heads| heads[1]);
            return if next == NONE { callee() } else { next };
        }
        if Self::chained(session, 1) == Some(account) { session.links[1].next } else { NONE }
    }

    pub(super) fn link(&mut self, place: u32, end: usize) {
        let Some(account) = self.at(place).and_then(|session| Self::chained(session, end)) else {
            return;
        };
        let index = account.0 as usize;
        if self.heads.len() <= index {
            self.heads.resize(index + 1, [NONE; 2]);
        }
        let next = std::mem::replace(&mut self.heads[index][end], place);
        if let Some(session) = self.at_mut(place) {
            session.links[end] = Link { previous: NONE, next };
        }
        if let Some(behind) = self.at_mut(next) {
            behind.links[end].previous = place;
        }
    }

    pub(super) fn unlink(&mut self, session: &Session, end: usize) {
        let Some(account) = Self::chained(session, end) else { return };
        let Link { previous, next } = session.links[end];
        if let Some(behind) = self.at_mut(next) {
            behind.links[end].previous = previous;
        }
        match self.at_mut(previous) {
            Some(before) => before.links[end].next = next,
            None => self.heads[account.0 as usize][end] = next,
        }
    }
}
