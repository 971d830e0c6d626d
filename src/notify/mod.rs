//! Letting the world know: webhooks out of the outbox, what devices are told, and the links by which
//! a video comes.
//!
//! What is told is written down in the same transaction as the message (`store`), and told at
//! least once: whoever hears it twice knows it by its id. `delay_ms` and `tried` say when to try
//! again and when to give up, [`Webhook`] does it.

mod backoff;
mod body;
mod devices;
mod error;
mod link;
mod push;
mod push_told;
mod sentence;
mod webhook;

pub use backoff::{ATTEMPTS_MAX, delay_ms, tried};
pub use body::{call_missed, link_made, message_left, not_taken};
pub use devices::{told, worth_ms};
pub use error::Error;
pub use link::{Link, LinkError, LinkKey};
pub use push::push_body;
pub use push_told::push_told;
pub use sentence::sentence;
pub use webhook::{TellError, Webhook};
