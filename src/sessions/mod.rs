//! Who is talking: the table of calls, keyed by Call-ID.

mod chain;
mod changes;
mod keys;
mod look;
mod row;
mod session;
mod table;
mod tombstones;

pub use keys::CallHash;
pub use look::{Gone, Looks, SWEEP_PORTION};
pub use row::{RowChange, SessionRow};
pub use session::Session;
pub use table::{NewCall, Page, Slot, Table};
pub use tombstones::{TOMBSTONES_MAX, Tombstone, Tombstones};
