//! The reference: calls by Call-ID, each with its seats; every count is made anew from them.

use std::collections::{BTreeMap, BTreeSet};

/// How many accounts there are; account 0 can't be removed.
pub(crate) const ACCOUNTS: usize = 6;

/// Whose seat, incoming, outgoing.
pub(crate) type Seat = (usize, bool, bool);

/// An account as the operators have laid it down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) there: bool,
    /// Total, in, out.
    pub(crate) caps: [Option<u32>; 3],
    pub(crate) parent: Option<usize>,
    pub(crate) enabled: bool,
    pub(crate) strict: bool,
    pub(crate) grace: bool,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) tag: String,
    pub(crate) seats: BTreeSet<Seat>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) accounts: Vec<Account>,
    pub(crate) calls: BTreeMap<String, Call>,
}

impl Model {
    pub(crate) fn new() -> Self {
        let account = |_| Account { there: true, enabled: true, ..Account::default() };
        Self { accounts: (0..ACCOUNTS).map(account).collect(), calls: BTreeMap::new() }
    }

    /// The account and those above it.
    pub(crate) fn line(&self, account: Option<usize>) -> Vec<usize> {
        let mut line = Vec::new();
        let mut next = account.filter(|account| self.accounts[*account].there);
        while let Some(account) = next {
            line.push(account);
            next = self.accounts[account].parent;
        }
        line
    }

    /// The seats of a call between two accounts.
    pub(crate) fn seats(&self, from: Option<usize>, to: Option<usize>) -> BTreeSet<Seat> {
        let (from, to) = (self.line(from), self.line(to));
        let everybody: BTreeSet<usize> = from.iter().chain(&to).copied().collect();
        everybody.into_iter().map(|n| (n, to.contains(&n), from.contains(&n))).collect()
    }

    /// Live calls of an account: total, in, out.
    pub(crate) fn live(&self, account: usize) -> [u32; 3] {
        let seats = self.calls.values().flat_map(|call| &call.seats);
        seats.filter(|seat| seat.0 == account).fold([0; 3], |[total, incoming, outgoing], seat| {
            [total + 1, incoming + u32::from(seat.1), outgoing + u32::from(seat.2)]
        })
    }

    /// Whether every cap that these seats meet has room for one more.
    pub(crate) fn has_room(&self, seats: &BTreeSet<Seat>) -> bool {
        seats.iter().all(|(account, incoming, outgoing)| {
            let live = self.live(*account);
            let wanted = [true, *incoming, *outgoing];
            let caps = self.accounts[*account].caps;
            (0..3).all(|kind| !wanted[kind] || caps[kind].is_none_or(|cap| live[kind] < cap))
        })
    }

    /// Whether an end is barred: it, or an account above it, is disabled.
    pub(crate) fn is_disabled(&self, account: Option<usize>) -> bool {
        self.line(account).iter().any(|account| !self.accounts[*account].enabled)
    }

    /// Whether the registry would let an account stand under another one.
    pub(crate) fn may_stand_under(&self, account: usize, parent: usize) -> bool {
        let height = |n| self.line(Some(n)).iter().position(|above| *above == account);
        let below = (0..ACCOUNTS).filter_map(height).max().unwrap_or(0);
        let line = self.line(Some(parent));
        !line.is_empty() && !line.contains(&account) && line.len() + below <= 4
    }

    /// How many calls from an account to nobody can be up at once.
    pub(crate) fn burst(&self, account: usize) -> Option<u32> {
        let caps = self.line(Some(account)).into_iter().map(|n| self.accounts[n].caps);
        caps.flat_map(|caps| [caps[0], caps[2]]).flatten().min()
    }
}
