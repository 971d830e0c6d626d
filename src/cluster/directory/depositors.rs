//! By whom the deposits of other nodes are found.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::domain::{AccountKey, DepositRow, MessageId, NodeId, Row};

/// Deposits by hashes of their callers. What is found is compared by whoever looks.
#[derive(Debug, Default)]
pub(super) struct Depositors {
    deposits: BTreeMap<(NodeId, MessageId), [Option<u64>; 2]>,
    callers: BTreeSet<(u64, NodeId, MessageId)>,
}

impl Depositors {
    /// A deposit is this now; `None`: it is gone.
    pub(super) fn note(&mut self, node: NodeId, message: MessageId, row: Option<&Row>) {
        let old = self.deposits.remove(&(node, message)).into_iter().flatten().flatten();
        old.for_each(|key| {
            self.callers.remove(&(key, node, message));
        });
        let Some(Row::Deposit(row)) = row else { return };
        let keys = keys(row.caller, &row.shown);
        self.deposits.insert((node, message), keys);
        self.callers.extend(keys.into_iter().flatten().map(|key| (key, node, message)));
    }

    /// All deposits of a node are gone.
    pub(super) fn forget(&mut self, node: NodeId) {
        let his = (node, MessageId(0))..=(node, MessageId(u64::MAX));
        let old: Vec<_> = self.deposits.range(his).map(|((_, message), _)| *message).collect();
        old.into_iter().for_each(|message| self.note(node, message, None));
    }

    /// Those that may be a caller's, each once.
    pub(super) fn of(
        &self,
        account: Option<AccountKey>,
        shown: &str,
    ) -> BTreeSet<(NodeId, MessageId)> {
        let (first, last) = ((NodeId(0), MessageId(0)), (NodeId(u16::MAX), MessageId(u64::MAX)));
        let all = |key| (key, first.0, first.1)..=(key, last.0, last.1);
        let keys = keys(account, shown).into_iter().flatten();
        let found = keys.flat_map(|key| self.callers.range(all(key)));
        found.map(|(_, node, message)| (*node, *message)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.deposits.len()
    }
}

/// Hashes of an account and of how somebody is shown.
fn keys(account: Option<AccountKey>, shown: &str) -> [Option<u64>; 2] {
    [account.map(|account| hash(account.0)), (!shown.is_empty()).then(|| hash(shown))]
}

/// A row, if it is that of a caller's deposit.
pub(super) fn his(row: Row, account: Option<AccountKey>, shown: &str) -> Option<DepositRow> {
    let Row::Deposit(row) = row else { return None };
    let known = account.is_some() && row.caller == account;
    (known || (!shown.is_empty() && &*row.shown == shown)).then_some(row)
}

/// The hasher has fixed keys: whoever makes two things of one hash gains nothing, for what is found
/// is compared.
fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
