//! What can be set.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// How the agreement behaves.
#[derive(Clone, Copy, Debug)]
pub struct AgreementSettings {
    /// How often the leader gives a sign of life, milliseconds; also how long it waits for the
    /// answer to what it sends, so it has to be longer than the way there and back.
    pub heartbeat_ms: u32,
    /// After so long without a leader one is elected, milliseconds: at least, and below.
    pub election_ms: (u32, u32),
    /// How long a motion may take, milliseconds; that long it waits for somebody to lead, and is
    /// put again while no answer comes. Longer than two elections that fail and one that does not;
    /// shorter than callers of the HTTP doors are let wait.
    pub propose_ms: u32,
    /// How long to wait for an answer before it is put again, milliseconds, while the same one
    /// leads: longer than a disk is slow, as a rule. As soon as another one leads, it is put
    /// there.
    pub ask_again_ms: u32,
    /// How long a piece of a snapshot may take, milliseconds.
    pub piece_ms: u32,
    /// After so many entries the log before them may go.
    pub snapshot_entries: u64,
    /// How many entries are kept for nodes that are a little behind.
    pub keep_entries: u64,
    /// How long to wait before it begins anew after a failure, milliseconds: at first, at most.
    pub again_ms: (u32, u32),
}

impl Default for AgreementSettings {
    fn default() -> Self {
        Self {
            heartbeat_ms: 200,
            election_ms: (700, 1_400),
            propose_ms: 10_000,
            ask_again_ms: 2_000,
            piece_ms: 10_000,
            snapshot_entries: 10_000,
            keep_entries: 2_000,
            again_ms: (50, 2_000),
        }
    }
}

impl AgreementSettings {
    pub(super) fn propose(&self) -> Duration {
        Duration::from_millis(self.propose_ms.into())
    }

    pub(super) fn ask_again(&self) -> Duration {
        Duration::from_millis(self.ask_again_ms.into())
    }

    pub(super) fn piece(&self) -> Duration {
        Duration::from_millis(self.piece_ms.into())
    }

    pub(super) fn config(&self) -> Config {
        Config {
            cluster_name: String::from("hallporter"),
            heartbeat_interval: self.heartbeat_ms.into(),
            election_timeout_min: self.election_ms.0.into(),
            election_timeout_max: self.election_ms.1.into(),
            // A whole snapshot, of however many pieces; each of them has its own limit.
            install_snapshot_timeout: 600_000,
            max_payload_entries: 300,
            replication_lag_threshold: self.snapshot_entries.saturating_mul(2),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_entries.max(1)),
            max_in_snapshot_log_to_keep: self.keep_entries,
            purge_batch_size: 256.min(self.keep_entries.max(1)),
            ..Config::default()
        }
    }
}
