//! Calls through a real Kamailio, with a real daemon beside it: what the whole does, seen from
//! the phones' side.
//!
//! Every test has a loopback address and a directory of its own (`lab`). The directory stays
//! behind: the logs of daemon, Kamailio and SIPp are in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and says what it sees"
)]
#![allow(clippy::disallowed_methods, reason = "calls happen in real time")]

mod bursts;
mod calls;
mod caps;
mod cfg;
mod crashes;
mod dnd;
mod emergency;
mod history;
mod hostile;
mod lab;
mod late;
mod outage;
mod push;
mod push_crowd;
mod push_odd;
mod self_care;
mod stages;
mod tells;
mod texts;
mod truth;
mod wishes;
