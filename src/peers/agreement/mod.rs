//! What the nodes agree on: one log, replicated by openraft, of which nothing is seen outside of
//! this room.
//!
//! - [`Agreement`] is the handle: [`Agrees`] to propose, and what changes the members.
//! - [`Disk`] keeps the log and the vote, [`Hall`] carries out what was agreed on. Both are the
//!   owner's; all their methods block, and are called on threads that may.
//! - [`Way`] is the lane to the other nodes. What comes over it goes to [`Agreement::frame`].
//!
//! A single machine is one voter by the same code: it needs no [`Way`], and nobody's consent.
//!
//! A motion can stand in the log more than once: while no answer comes it is put again. The hall
//! sees that, and carries it out once.
//!
//! An entry that the hall does not understand ends the carrying out at this node, until the process
//! is another one; it goes on to keep the log and to vote, and does not lead.
//!
//! When the disk refuses a write, openraft stops; whoever waits is told so, and it begins anew from
//! what is on the disk until that works.

mod asked;
mod batch;
mod error;
mod halt;
mod handle;
mod inner;
mod keeper;
mod log;
mod machine;
mod settings;
mod standing;
mod types;
mod way;
mod wire;

pub use error::ProposeError;
pub use handle::{Agreed, Agreement, Agrees};
pub use log::{Disk, Kept};
pub use machine::{Arrival, Carried, CarryError, Hall, Packed, Whole};
pub use settings::AgreementSettings;
pub use standing::Standing;
pub use way::Way;

/// The longest motion that is taken, bytes: with its neighbours it has to fit into a frame.
pub const MOTION_BYTES_MAX: usize = 160 << 10;
/// The most motions that wait to be proposed; at the limit the next one is refused.
pub const PROPOSALS_MAX: usize = 4096;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
mod tests;
