//! The Event Socket, byte by byte: recordings of real switches, and switches that misbehave,
//! played to the real reader over a real connection.
//!
//! `freeswitch_wire/` has the switch that is played, the recordings, and the cases.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "freeswitch_wire/commands.rs"]
mod commands;
#[path = "freeswitch_wire/fake.rs"]
mod fake;
#[path = "freeswitch_wire/faults.rs"]
mod faults;
#[path = "freeswitch_wire/lists.rs"]
mod lists;
#[path = "freeswitch_wire/recordings.rs"]
mod recordings;
#[path = "freeswitch_wire/shown.rs"]
mod shown;
#[path = "freeswitch_wire/side.rs"]
mod side;
#[path = "freeswitch_wire/side_by_side.rs"]
mod side_by_side;
