//! What the nodes agree on, and what they know of each other.
//!
//! - [`Ledger`]: the rights, agreed on; a node that is alone has one of its own.
//! - [`Copies`]: everybody's rows at each node, told by the one who writes them.
//! - [`Directory`]: the same of calls and deposits, and how they are found.
//! - [`Membership`]: who is there.
//! - [`Seen`]: what was carried out already, should it be put again.

mod copies;
mod directory;
mod ledger;
mod membership;
mod numbered;
mod packed;
mod seen;

pub use copies::{Copies, Frame, Limits, Marks, NODES_MAX, News};
pub use directory::{Behind, Directory, Kept};
pub use ledger::Ledger;
pub use membership::{Member, Membership, PACKET_BYTES_MAX, Presence};
pub use numbered::{Change, Known, Mark, Telling};
pub use packed::Packed;
pub use seen::{SEEN_MAX, Seen, Sight};
