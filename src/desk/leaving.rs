//! A node that is about to leave for good: what it holds and does not use is for the others.

use crate::domain::PoolId;

use super::Desk;
use super::together::Together;

impl Desk {
    /// Gives back every right that no call needs. Said again and again while a node leaves: calls
    /// end, and what was asked for before may come late.
    pub(super) fn give_back_spare(&mut self) {
        let pools: Vec<PoolId> = self.ledger.held_by(self.settings.node).collect();
        for pool in pools {
            if self.rights.give_up_spare(pool) {
                self.want(pool, 0);
            }
        }
    }

    /// Whether the ledger has this node hold nothing: it may go. Not before the ledger has welcomed
    /// this start, since what is known of an earlier time may be old; and not while a question of
    /// it is on its way, that may be granted when nobody is here any more.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        let is_asking = |it: &Together| {
            !it.on_their_way.is_empty() || !it.wanted.is_empty() || it.waiting.len() > 0
        };
        self.rights.is_welcomed()
            && !self.together.as_deref().is_some_and(is_asking)
            && self.ledger.held_by(self.settings.node).next().is_none()
    }

    /// Ends what this node decides for good, if it has no call and [`Desk::holds_nothing`]: no call
    /// of a capped account gets in from here on, so that somebody may say that all of its are gone.
    /// Says whether it does.
    pub fn retire(&mut self) -> bool {
        let may_go = self.table.is_empty() && self.holds_nothing();
        if let Some(together) = self.together.as_mut().filter(|_| may_go) {
            together.fenced = true;
        }
        may_go
    }
}
