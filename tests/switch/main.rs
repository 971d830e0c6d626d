//! Messages on a real FreeSWITCH: what callers hear, say and show, and what becomes of it.
//!
//! Every test has a loopback address, a directory and a FreeSWITCH of its own; the directory stays
//! behind with its logs. Without a FreeSWITCH nothing is tested, and one line says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and says what it sees"
)]
#![allow(clippy::disallowed_methods, reason = "calls happen in real time")]
#![allow(dead_code, unused_imports, reason = "a laboratory has more than today's tests take")]

mod alone;
mod alone_devices;
mod bucket;
mod callback;
mod conf;
mod crowd;
mod deposit;
mod doors;
mod far;
mod greeting;
mod handoff;
mod hostile;
mod kills;
mod lab;
#[path = "../live/lab/mod.rs"]
mod live;
mod media;
mod proxy;
mod room;
mod silence;
mod stars;
mod tells;
mod video;
