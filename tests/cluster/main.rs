//! Three nodes as real processes, each with a real Kamailio, and real calls through all of them:
//! killed, stopped, cut off, filled up, restarted in turn.
//!
//! As root each stands in a network namespace of its own, with a way between them that can be cut
//! (`tests/common/field`). Else they share the loopback net, and what needs a cut is left out.
//!
//! Who says how many calls there are is the callers' side (`crowd`): a call counts from when its
//! caller has heard that it is up until before he hangs up, so a daemon that counts right counts
//! it at least as long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and says what it sees"
)]
#![allow(clippy::disallowed_methods, reason = "calls happen in real time")]

mod caps;
mod crowd;
mod cuts;
mod disk;
#[path = "../common/field/mod.rs"]
mod field;
mod kills;
#[path = "../live/lab/mod.rs"]
#[allow(dead_code, reason = "more of it is used by the tests of one node")]
mod lab;
mod rolling;
mod seen;
#[path = "../common/site.rs"]
mod site;
mod stops;
mod town;
