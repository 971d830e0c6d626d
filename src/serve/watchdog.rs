//! Tells the service manager that the daemon is well, if it wants to know.

use std::sync::Arc;
use std::time::Duration;

use super::house::House;

/// Runs for ever, if the unit has `WatchdogSec=`; ends with the process. Well is a daemon whose
/// desk can be reached: nothing is told while somebody keeps its lock.
pub(crate) async fn run(house: Arc<House>) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    loop {
        if is_well(&house, within / 2).await {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
        tokio::time::sleep(within / 3).await;
    }
}

/// Waits for the lock on a thread of its own, so that a stuck one stops nothing but this.
async fn is_well(house: &Arc<House>, within: Duration) -> bool {
    let house = Arc::clone(house);
    let reached = tokio::task::spawn_blocking(move || house.desk().unwritten());
    matches!(tokio::time::timeout(within, reached).await, Ok(Ok(_)))
}
