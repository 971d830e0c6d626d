//! How people write: durations, slips of the pen, and where in a text something stands.
//!
//! Knows no file and no key: `config` and `rules` read theirs with it, and so does the command
//! line.

mod duration;
mod near;
mod place;
mod quoted;

pub use duration::{parse_duration, show_duration};
pub use near::nearest;
pub use place::Lines;
pub use quoted::shorten;
