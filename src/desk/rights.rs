//! Where a call's seats meet the rights, and the rights the ledger.
//!
//! The ledger stands beside the desk for now, so that a question to it is a function call. With
//! several nodes the same commands go through a replicated log, and nothing above changes.

use crate::admission::{Look, seats};
use crate::domain::{
    AccountKey, Caps, LedgerCommand, LedgerReply, Policy, PoolId, PoolKind, Seats, SyncItem,
    UNLIMITED,
};
use crate::registry::Change;

use super::Desk;

impl Desk {
    /// Whether a pool has room for one more call; asks the ledger where the node has no right
    /// left. A ledger that has none left either means: full.
    pub(super) fn room(&mut self, pool: PoolId) -> Look {
        match self.rights.look(pool) {
            Look::Short { want } => {
                let item = self.rights.wanting(pool, want);
                self.sync(item);
                match self.rights.look(pool) {
                    Look::Short { .. } | Look::Full => Look::Full,
                    look @ (Look::Room | Look::Frozen) => look,
                }
            }
            look @ (Look::Room | Look::Full | Look::Frozen) => look,
        }
    }

    pub(super) fn take_seats(&mut self, seats: &Seats) {
        for seat in seats.iter() {
            for pool in seat.pools() {
                if !self.rights.take_right(pool) {
                    self.room(pool);
                    self.rights.take(pool);
                }
            }
        }
    }

    pub(super) fn give_back_seats(&mut self, seats: &Seats) {
        for seat in seats.iter() {
            for pool in seat.pools() {
                self.rights.give_back(pool);
                self.return_surplus(pool);
            }
        }
    }

    /// The seats of a call between two accounts, as the tree of resellers stands now.
    pub(super) fn seats_of(&self, from: Option<AccountKey>, to: Option<AccountKey>) -> Seats {
        let line = |account: Option<AccountKey>| {
            account.into_iter().flat_map(|key| self.registry.line(key)).map(|(key, _)| key)
        };
        seats(line(from), line(to)).seats()
    }

    /// Makes caps follow a change of the registry.
    pub(super) fn caps_follow(&mut self, change: &Change) {
        let (key, caps) = match change {
            Change::Account(key, account) => (key, account.caps),
            // Its calls go on and bring their rights back; nobody will ever ask for them again.
            Change::AccountGone(key) => (key, Caps::default()),
            Change::KeysGiven(_)
            | Change::Identifier(..)
            | Change::IdentifierGone(_)
            | Change::Device(..)
            | Change::DeviceGone(..)
            | Change::Mailbox(..)
            | Change::MailboxGone(..)
            | Change::Rules(..)
            | Change::RulesGone(_)
            | Change::Care(..) => return,
        };
        for (kind, cap) in [
            (PoolKind::Total, caps.max_calls),
            (PoolKind::In, caps.max_in),
            (PoolKind::Out, caps.max_out),
        ] {
            let pool = PoolId::new(*key, kind);
            let cap = cap.unwrap_or(UNLIMITED);
            if self.ledger.cap(pool) == cap {
                continue;
            }
            self.ledger.apply(&LedgerCommand::SetCap { pool, cap });
            self.rights.cap_changed(pool, cap);
            self.return_surplus(pool);
            self.cover_overdraft(pool);
        }
    }

    /// Freezes what strict accounts have left.
    pub(super) fn freeze_strict(&mut self) {
        let strict: Vec<AccountKey> = self
            .registry
            .accounts(None)
            .filter(|(_, account)| account.policy == Policy::Strict)
            .map(|(key, _)| key)
            .collect();
        for key in strict {
            for kind in [PoolKind::Total, PoolKind::In, PoolKind::Out] {
                let pool = PoolId::new(key, kind);
                if self.ledger.cap(pool) < UNLIMITED {
                    // All of it: else the next call would be granted a right that an unseen call
                    // may be using.
                    while let Look::Room | Look::Short { .. } = self.room(pool) {
                        self.rights.freeze(pool);
                    }
                }
            }
        }
    }

    /// The proxies were asked: nothing is frozen any more. What a cap that was lowered meanwhile
    /// does not cover goes back.
    pub(super) fn thaw(&mut self) {
        for pool in self.rights.thaw() {
            self.return_surplus(pool);
        }
    }

    /// After a cap was raised, calls that had no right get one.
    fn cover_overdraft(&mut self, pool: PoolId) {
        let overdraft = self.rights.usage(pool).overdraft;
        if overdraft > 0 {
            let item = self.rights.wanting(pool, overdraft);
            self.sync(item);
        }
    }

    fn return_surplus(&mut self, pool: PoolId) {
        if let Some(item) = self.rights.surplus(pool) {
            self.sync(item);
        }
    }

    fn sync(&mut self, item: SyncItem) {
        let (node, boot) = (self.settings.node, self.settings.boot);
        let command = LedgerCommand::Sync { node, boot, items: vec![item] };
        if let LedgerReply::Granted(grants) = self.ledger.apply(&command) {
            grants.iter().for_each(|grant| self.rights.granted(grant));
        }
    }
}
