//! What the nodes agree on, and what they know of each other.
//!
//! - [`Ledger`]: the rights, agreed on. For now with one node as its only member.
//! - [`Copies`]: everybody's rows at each node, told by the one who writes them.
//! - [`Membership`]: who is there.
//!
//! The last two are not in use yet: a node alone has nobody to tell.

mod copies;
mod ledger;
mod membership;
mod numbered;

pub use copies::{Copies, Frame, Limits, Marks, NODES_MAX, News};
pub use ledger::Ledger;
pub use membership::{Member, Membership, PACKET_BYTES_MAX, Presence};
pub use numbered::{Change, Known, Mark, Telling};
