//! What is said of writing that fails, and of writing that works again.

use std::path::Path;

use super::super::{Error, Health};

/// Tells of a change for the worse or the better, once.
pub(super) fn note(
    health: &mut Health,
    rows_waiting: usize,
    written: rusqlite::Result<()>,
    path: &Path,
    now_ms: i64,
) {
    health.rows_waiting = rows_waiting;
    match written {
        Ok(()) => {
            if health.last_error.take().is_some() {
                tracing::info!("calls are written down again");
            }
            health.failing_since_ms = None;
        }
        Err(error) => {
            let sentence = Error::of(path, &error).to_string();
            if health.last_error.is_none() {
                tracing::error!(
                    error = sentence,
                    "calls can't be written down; trying again every second"
                );
                health.failing_since_ms = Some(now_ms);
            }
            health.last_error = Some(sentence);
            health.failures += 1;
        }
    }
}
