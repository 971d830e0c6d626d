//! The decisions meet: one desk, one way in for what happens, one way out for effects.

mod input;
mod output;

pub use input::{Input, Ticket};
pub use output::{Ended, Output};
