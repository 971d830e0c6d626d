//! How rows of other nodes are found.

use crate::domain::{AccountKey, CallRef, DepositRow, FarCall, MessageId, NodeId, Row, RowKey};

use super::{Directory, depositors, unpack};

impl Directory {
    /// The call of another node with this Call-ID; of several the first node's.
    #[must_use]
    pub fn find(&self, call_id: &str) -> Option<FarCall> {
        self.find_all(call_id).next()
    }

    /// The same of every node that counts it, in the order of the nodes: more than one do where a
    /// proxy has asked another daemon because the first one was slow.
    pub fn find_all(&self, call_id: &str) -> impl Iterator<Item = FarCall> {
        let same = self.calls.of(call_id).into_iter();
        let found = same.filter_map(|(node, call)| self.call(node, call));
        found.filter(move |far| &*far.row.call_id == call_id)
    }

    /// A call by its number.
    #[must_use]
    pub fn call(&self, node: NodeId, call: CallRef) -> Option<FarCall> {
        match unpack(self.copies.row(node, &RowKey::Call(call))?)? {
            Row::Call(row) => Some(FarCall { node, call, row }),
            Row::Deposit(_) | Row::Account(_) | Row::Device(_) => None,
        }
    }

    /// Calls of other nodes behind one, in the order of their numbers, at most so many.
    #[must_use]
    pub fn calls(
        &self,
        (only, account): (Option<NodeId>, Option<AccountKey>),
        after: Option<CallRef>,
        max: usize,
    ) -> Vec<FarCall> {
        let own = self.copies.node();
        let first = after.map_or(NodeId(0), CallRef::node);
        let nodes = self.copies.nodes().filter(|node| *node != own && *node >= first);
        let nodes = nodes.filter(|node| only.is_none_or(|only| only == *node));
        let calls = nodes.flat_map(|node| {
            let behind = after.filter(|after| after.node() == node).map(RowKey::Call);
            let rows = self.copies.rows_after(node, behind.as_ref());
            rows.filter_map(move |(key, row)| match (key, unpack(row)?) {
                (RowKey::Call(call), Row::Call(row)) => Some(FarCall { node, call: *call, row }),
                _ => None,
            })
        });
        let wanted = |far: &FarCall| {
            account.is_none() || far.row.caller == account || far.row.callee == account
        };
        calls.filter(wanted).take(max).collect()
    }

    /// Deposits of a caller at other nodes, known by his account or by how he is shown, at most so
    /// many.
    #[must_use]
    pub fn deposits_of(
        &self,
        account: Option<AccountKey>,
        shown: &str,
        max: usize,
    ) -> Vec<(NodeId, MessageId, DepositRow)> {
        let found = self.depositors.of(account, shown);
        let rows = found.into_iter().filter_map(|(node, message)| {
            let row = unpack(self.copies.row(node, &RowKey::deposit(message))?)?;
            Some((node, message, depositors::his(row, account, shown)?))
        });
        rows.take(max).collect()
    }

    /// How many deposits other nodes have.
    #[must_use]
    pub fn deposits(&self) -> usize {
        self.depositors.len()
    }
}
