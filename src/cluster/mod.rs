//! What the nodes agree on. For now: the ledger of rights, with one node as its only member.

mod ledger;

pub use ledger::Ledger;
