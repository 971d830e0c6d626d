//! The accounts of the world as the whole log has them: who is above whom, and which caps were in
//! force from which entry on.

use std::collections::{BTreeMap, BTreeSet};

use hallporter::admission::seats;
use hallporter::cluster::Ledger;
use hallporter::domain::{
    AccountKey, Identifier, LedgerCommand, Policy, PoolId, PoolKind, Seats, UNLIMITED,
};
use hallporter::registry::{Change, Command, Registry};
use serde_json::{Value, json};

use super::dice::Dice;
use super::world::Planted;

/// The first is above the next two, where there is a tree; the rest stand alone.
pub(crate) const ACCOUNTS: usize = 4;
const CAPS: [u32; 5] = [1, 2, 5, 12, 24];

pub(crate) struct Book {
    pub(crate) registry: Registry,
    /// What each command has changed, as a store would have it.
    pub(crate) changes: Vec<Change>,
    applied: u64,
    /// Of each pool that has a cap: which, and from which entry of the log on. A pool has always
    /// one or never.
    caps: BTreeMap<PoolId, Vec<(usize, u32)>>,
    strict: BTreeSet<AccountKey>,
    /// How each account is laid down: by its place among [`ACCOUNTS`].
    plans: Vec<Plan>,
}

#[derive(Clone, Debug)]
struct Plan {
    strict: bool,
    parent: Option<usize>,
    /// By [`PoolKind`].
    caps: [Option<u32>; 3],
    there: bool,
}

pub(crate) fn name(account: usize) -> String {
    format!("a{account}")
}

pub(crate) fn number(account: usize) -> String {
    format!("+4930123{account}")
}

fn command(value: Value) -> Command {
    serde_json::from_value(value).unwrap()
}

impl Book {
    pub(crate) fn new(dice: &mut Dice, planted: Planted) -> Self {
        let tree = dice.chance(60) || planted == Planted::ParentForgotten;
        let available = planted.wants_available() || dice.chance(25);
        let all_strict = dice.chance(40);
        let sides = dice.chance(60) || planted == Planted::DirectionsForgotten;
        let plans = (0..ACCOUNTS).map(|account| {
            let mut cap = |of: usize| dice.chance(of).then(|| CAPS[dice.below(CAPS.len())]);
            let of_side = if sides { 50 } else { 0 };
            let caps = [cap(85), cap(of_side), cap(of_side)];
            let strict = !available && (all_strict || dice.chance(60));
            Plan {
                strict,
                parent: (tree && [1, 2].contains(&account)).then_some(0),
                caps,
                there: false,
            }
        });
        Self {
            registry: Registry::new(1),
            changes: Vec::new(),
            applied: 0,
            caps: BTreeMap::new(),
            strict: BTreeSet::new(),
            plans: plans.collect(),
        }
    }

    pub(crate) fn all_strict(&self) -> bool {
        self.plans.iter().all(|plan| plan.strict)
    }

    pub(crate) fn is_there(&self, account: usize) -> bool {
        self.plans[account].there
    }

    pub(crate) fn has_children(&self, account: usize) -> bool {
        self.plans.iter().any(|plan| plan.there && plan.parent == Some(account))
    }

    /// Whether whoever it is below of is there.
    pub(crate) fn has_parent(&self, account: usize) -> bool {
        self.plans[account].parent.is_none_or(|parent| self.plans[parent].there)
    }

    /// The commands that bring an account about.
    pub(crate) fn adding(&self, account: usize) -> [Command; 2] {
        let Plan { strict, parent, caps: [total, into, out], .. } = &self.plans[account];
        let policy = if *strict { "strict" } else { "available" };
        let mut spec = json!({"command": "account_add", "name": name(account),
            "max_calls": total, "max_in": into, "max_out": out, "policy": policy});
        if let Some(parent) = parent {
            spec["parent"] = json!(name(*parent));
        }
        let number = json!({"command": "number_add", "identifier": number(account),
            "account": name(account)});
        [command(spec), command(number)]
    }

    pub(crate) fn removing(account: usize) -> Command {
        command(json!({"command": "account_remove", "name": name(account)}))
    }

    /// Another cap for one of the pools that have one.
    pub(crate) fn lowering(&mut self, account: usize, dice: &mut Dice) -> Option<Command> {
        let kind = dice.below(3);
        let cap = self.plans[account].caps[kind].as_mut()?;
        *cap = CAPS[dice.below(CAPS.len())];
        let word = ["max_calls", "max_in", "max_out"][kind];
        Some(command(json!({"command": "account_set", "name": name(account), word: *cap})))
    }

    /// An entry of the log, at its place.
    pub(crate) fn apply(&mut self, entry: usize, command: &Command, truth: &mut Ledger) {
        self.applied += 1;
        let changes = self.registry.apply(self.applied, command).unwrap();
        for change in &changes {
            match change {
                Change::Account(key, account) => {
                    let caps = account.caps;
                    if account.policy == Policy::Strict {
                        self.strict.insert(*key);
                    }
                    truth.set_strict(*key, account.policy == Policy::Strict);
                    let caps = [caps.max_calls, caps.max_in, caps.max_out];
                    for (kind, cap) in PoolKind::ALL.into_iter().zip(caps) {
                        self.set_cap(entry, PoolId::new(*key, kind), cap, truth);
                    }
                }
                Change::AccountGone(key) => {
                    truth.set_strict(*key, false);
                    for kind in PoolKind::ALL {
                        let pool = PoolId::new(*key, kind);
                        truth.apply(&LedgerCommand::SetCap { pool, cap: UNLIMITED });
                    }
                }
                _ => {}
            }
        }
        self.changes.extend(changes);
        for account in 0..ACCOUNTS {
            self.plans[account].there = self.registry.find(&name(account)).is_some();
        }
    }

    fn set_cap(&mut self, entry: usize, pool: PoolId, cap: Option<u32>, truth: &mut Ledger) {
        let Some(cap) = cap else { return };
        let caps = self.caps.entry(pool).or_default();
        if caps.last().is_none_or(|(_, last)| *last != cap) {
            caps.push((entry, cap));
            truth.apply(&LedgerCommand::SetCap { pool, cap });
        }
    }

    /// How many registry commands have been entered.
    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// All pools that have a cap, or had one until their account went.
    pub(crate) fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.caps.keys().copied()
    }

    pub(crate) fn is_strict(&self, pool: PoolId) -> bool {
        self.strict.contains(&pool.account())
    }

    /// The highest of the caps that a node which has read so many entries has read last, and those
    /// after it; `None`: there is none. Whoever has not read yet that an account is gone may
    /// still let its calls in, by the last cap that it had.
    pub(crate) fn cap(&self, pool: PoolId, read: usize) -> Option<u64> {
        let caps = self.caps.get(&pool)?;
        let first = caps.iter().rposition(|(entry, _)| *entry < read).unwrap_or(0);
        caps[first..].iter().map(|(_, cap)| u64::from(*cap)).max()
    }

    pub(crate) fn seats(&self, from: Option<usize>, to: Option<usize>) -> Seats {
        seats_in(&self.registry, from, to)
    }
}

/// What a call between two of the accounts holds, as a registry has them.
pub(crate) fn seats_in(registry: &Registry, from: Option<usize>, to: Option<usize>) -> Seats {
    let line = |key: Option<AccountKey>| {
        key.into_iter().flat_map(|key| registry.line(key)).map(|(key, _)| key)
    };
    let from = from.and_then(|account| registry.find(&name(account)));
    // An account whose number is not there yet is called by nobody.
    let to = to.and_then(|account| registry.owner(&Identifier::parse(&number(account)).ok()?));
    seats(line(from), line(to)).seats()
}
