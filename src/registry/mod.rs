//! What operators have laid down: accounts, identifiers, devices.

mod change;
mod command;
mod error;

pub use change::Change;
pub use command::{AccountPatch, AccountSpec, Command, DevicePatch};
pub use error::Error;
