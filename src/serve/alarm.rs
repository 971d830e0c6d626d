//! Wakes the desk when it wants to be woken.

use std::sync::Arc;
use std::time::Duration;

use crate::desk::Input;

use super::house::House;

/// How long a sweep rests between two portions, so that questions get in between.
const BETWEEN_PORTIONS: Duration = Duration::from_millis(1);

/// Runs for ever; ends with the process.
pub(crate) async fn run(house: Arc<House>) {
    loop {
        let wakeup = house.next_wakeup();
        let Some(at_ms) = wakeup else {
            house.alarm.notified().await;
            continue;
        };
        let wait = at_ms.saturating_sub(house.now().mono_ms);
        let wait = Duration::from_millis(wait).max(BETWEEN_PORTIONS);
        // An earlier wish rings the alarm; then the time is read anew.
        if tokio::time::timeout(wait, house.alarm.notified()).await.is_err() {
            house.handle(Input::Wakeup);
        }
    }
}
