//! Real daemons as the nodes of a cluster, on loopback: founded, joined, killed, left.

#![allow(clippy::print_stderr, reason = "the log of a daemon whose test has failed")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "nodes/call_back.rs"]
mod call_back;
#[path = "nodes/calls.rs"]
mod calls;
#[path = "process/daemon.rs"]
#[allow(dead_code, reason = "shared with the tests of one daemon")]
mod daemon;
#[path = "nodes/doubles.rs"]
mod doubles;
#[path = "freeswitch_wire/fake.rs"]
#[allow(
    dead_code,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "shared with the tests of the wire"
)]
mod fake;
#[path = "nodes/going.rs"]
mod going;
#[path = "nodes/joining.rs"]
mod joining;
#[path = "process/left_behind.rs"]
mod left_behind;
#[path = "process/line.rs"]
#[allow(dead_code, reason = "shared with the tests of one daemon")]
mod line;
#[path = "nodes/messages.rs"]
mod messages;
#[path = "nodes/operators.rs"]
mod operators;
#[path = "nodes/played.rs"]
mod played;
#[path = "nodes/ready.rs"]
mod ready;
#[path = "nodes/recordings.rs"]
mod recordings;
#[path = "nodes/removing.rs"]
mod removing;
#[path = "process/rpc.rs"]
mod rpc;
mod side {
    //! How patient the switch is that is played.

    /// Whoever waits so long has failed.
    pub(crate) const LONG: std::time::Duration = std::time::Duration::from_secs(60);
}
#[path = "nodes/strange.rs"]
mod strange;
#[path = "nodes/witness.rs"]
mod witness;
#[path = "nodes/world.rs"]
mod world;
