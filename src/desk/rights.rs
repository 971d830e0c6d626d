//! Where a call's seats meet the rights, and the rights the ledger.
//!
//! The ledger of a node that is alone stands beside the desk, so that a question to it is a
//! function call. With several nodes the same commands go through a replicated log: see
//! `together.rs`.

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
                let right = self.rights.take_right(pool);
                if self.together.is_some() {
                    self.taken(pool, right);
                } else if !right {
                    self.room(pool);
                    self.rights.take(pool);
                }
            }
        }
        self.calls_change(seats);
    }

    /// A call was counted in among others; without a right it has to be covered.
    fn taken(&mut self, pool: PoolId, right: bool) {
        if right {
            return self.prefetch(pool);
        }
        self.rights.take(pool);
        if self.rights.is_settled() && self.ledger.free(pool) > 0 {
            self.want(pool, self.rights.usage(pool).overdraft);
        }
    }

    pub(super) fn give_back_seats(&mut self, seats: &Seats) {
        for seat in seats.iter() {
            for pool in seat.pools() {
                self.rights.give_back(pool);
                self.return_surplus(pool);
            }
        }
        self.calls_change(seats);
    }

    /// The seats of a call between two accounts, as the tree of resellers stands now.
    pub(super) fn seats_of(&self, from: Option<AccountKey>, to: Option<AccountKey>) -> Seats {
        let line = |account: Option<AccountKey>| {
            account.into_iter().flat_map(|key| self.registry.line(key)).map(|(key, _)| key)
        };
        seats(line(from), line(to)).seats()
    }

    /// Puts another state of the registry, up to command number `applied`, in the place of this
    /// one, while calls are up. An account that stays keeps its caps all the while: were they taken
    /// away in between, its calls would need no rights for that moment, and all would go back.
    pub fn replace_registry(&mut self, changes: Vec<Change>, applied: u64) {
        let old: Vec<AccountKey> = self.registry.accounts(None).map(|(key, _)| key).collect();
        old.iter().for_each(|key| self.registry.restore(Change::AccountGone(*key)));
        changes.into_iter().for_each(|change| self.restore_registry(change));
        self.registry.restored_to(applied);
        for key in old {
            if self.registry.account(key).is_none() {
                self.follow(&Change::AccountGone(key));
            }
        }
    }

    /// Makes all else follow a change of the registry.
    pub(super) fn follow(&mut self, change: &Change) {
        self.caps_follow(change);
        self.devices_follow(change);
    }

    fn caps_follow(&mut self, change: &Change) {
        let (key, caps, policy) = match change {
            Change::Account(key, account) => (key, account.caps, account.policy),
            // Its calls go on and bring their rights back; nobody will ever ask for them again.
            Change::AccountGone(key) => (key, Caps::default(), Policy::Available),
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
        self.ledger.set_strict(*key, policy == Policy::Strict);
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
            for kind in PoolKind::ALL {
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
        if self.together.is_some() {
            return self.pool_changed(pool);
        }
        if let Some(item) = self.rights.surplus(pool) {
            self.sync(item);
        }
    }

    fn sync(&mut self, item: SyncItem) {
        if self.together.is_some() {
            return self.want(item.pool, item.want);
        }
        let (node, boot) = (self.settings.node, self.settings.boot);
        let command = LedgerCommand::Sync { node, boot, items: vec![item] };
        if let LedgerReply::Granted(grants) = self.ledger.apply(&command) {
            grants.iter().for_each(|grant| self.rights.granted(grant));
        }
    }
}
