//! Kamailio's language: what it asks and tells, what it is answered, and what it shows when asked.
//!
//! Everything but [`Rpc`] is pure: bytes in, words of [`crate::domain`] out, or a sentence.

mod answer;
mod base64url;
mod element;
mod error;
mod event;
mod fields;
mod history;
mod query;
mod rpc;
mod rtjson;
mod scan;
mod seen;
mod telling;

pub use answer::{answer, well_formed_headers};
pub use error::Error;
pub use event::{EVENTS_MAX, Events, RefusedEvent, read_events};
pub use query::{call_id_of, read_query};
pub use rpc::{Rpc, RpcError, RpcTimes};
pub use rtjson::rtjson;
pub use seen::{Reply, Seen, read_contacts, read_dialogs, read_done, read_up_since};
pub use telling::Words;

#[cfg(test)]
mod hostile;
