//! What the nodes agree on, and what they know of each other.
//!
//! - [`Ledger`]: the rights, agreed on. For now with one node as its only member.
//! - [`Copies`]: everybody's rows at each node, told by the one who writes them. Not in use yet: a
//!   node alone has nobody to tell.

mod copies;
mod ledger;
mod numbered;

pub use copies::{Copies, Frame, Limits, Marks, NODES_MAX, News};
pub use ledger::Ledger;
pub use numbered::{Change, Known, Mark, Telling};
