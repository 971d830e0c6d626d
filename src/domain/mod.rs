//! The words: what every other room speaks of. Imports nothing of ours, decides nothing.

mod account;
mod call;
mod decision;
mod device;
mod error;
mod event;
mod identifier;
mod index;
mod ledger;
mod name;
mod pool;
mod query;
mod seats;
mod time;
mod uri;
mod zone;

pub use account::{Account, AccountKey, Caps, MAX_PARENT_DEPTH, Policy, RefusalCodes};
pub use call::{CallRef, CallState, EndCause, NodeId, ProxyId};
pub use decision::{
    Branch, Cause, Decision, DeviceSkip, ForkOrder, Outcome, Refusal, Room, Side, Stage, Step,
};
pub use device::{Device, RING_S_MAX, STAGE_MAX, Target};
pub use error::Error;
pub use event::{CallEvent, EventKind, SeenDialog};
pub use identifier::{Identifier, Number, Numbering};
pub use index::Index;
pub use ledger::{
    Grant, Holding, LEDGER_BATCH_MAX, LedgerCommand, LedgerReply, SyncItem, UNLIMITED,
};
pub use name::{AccountName, DeviceName, NAME_BYTES_MAX};
pub use pool::{PoolId, PoolKind};
pub use query::{Contact, Method, Registrations, RouteQuery};
pub use seats::{SEATS_MAX, Seat, Seats};
pub use time::Now;
pub use uri::{SipUri, URI_BYTES_MAX};
pub use zone::Zone;
