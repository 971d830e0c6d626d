//! The real binary as a process: started, asked, told off, killed, filled up, started again.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "figures, and what was skipped")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "process/bad_input.rs"]
mod bad_input;
#[path = "process/daemon.rs"]
mod daemon;
#[path = "process/disk.rs"]
mod disk;
#[path = "process/kill.rs"]
mod kill;
#[path = "process/large.rs"]
mod large;
#[path = "process/left_behind.rs"]
mod left_behind;
#[path = "process/line.rs"]
mod line;
#[path = "process/lists.rs"]
mod lists;
#[path = "process/manager.rs"]
mod manager;
#[path = "process/model.rs"]
mod model;
#[path = "process/monitors.rs"]
mod monitors;
#[path = "process/proxies.rs"]
mod proxies;
#[path = "process/rpc.rs"]
mod rpc;
#[path = "process/signals.rs"]
mod signals;
#[path = "process/start.rs"]
mod start;
#[path = "process/uploads.rs"]
mod uploads;
