//! The time after an emergency call, in which whoever made it can be called back.

use crate::domain::{AccountKey, Device, Now, Step, Target};
use crate::routing::{List, order};
use crate::sessions::SessionRow;

use super::Desk;
use super::rules::{Asked, Ordered};

impl Desk {
    /// Whether an account made an emergency call a short time ago.
    pub(super) fn in_grace(&self, account: Option<AccountKey>, now: Now) -> bool {
        let until = account.and_then(|key| self.grace.get(&key));
        until.is_some_and(|until| now.mono_ms < *until)
    }

    /// Calls to this account can't be refused for a while.
    pub(super) fn give_grace(&mut self, account: AccountKey, now: Now) {
        self.grace.retain(|_, until| *until > now.mono_ms);
        self.give_rest_of_grace(account, now.wall_ms, now);
    }

    /// The same for a call that began at `started_ms`: what is left of the time.
    pub(super) fn give_rest_of_grace(&mut self, account: AccountKey, started_ms: i64, now: Now) {
        // One that begins later than now has another clock.
        let since_ms = u64::try_from(now.wall_ms.saturating_sub(started_ms)).unwrap_or_default();
        let Some(left_ms) = self.settings.emergency_grace_ms.checked_sub(since_ms) else { return };
        let until = self.grace.entry(account).or_default();
        *until = (*until).max(now.mono_ms.saturating_add(left_ms));
    }

    /// The notification list, for an account that nobody would ring at: neither rules nor "do not
    /// disturb" keep those away who have been called for help. `None`: the list rings nobody.
    pub(super) fn order_in_grace(
        &self,
        asked: &Asked<'_>,
        list: &List<'_>,
        steps: &mut Vec<Step>,
    ) -> Option<Ordered> {
        let leads_back =
            |target: &Target| self.leads_back(target, asked.callee, &asked.query.trail);
        let disturbed = |device: &Device| Device { dnd: false, ..device.clone() };
        let devices: Vec<Device> = list.devices.iter().map(disturbed).collect();
        steps.push(Step::Grace);
        let order = order(&List { devices: &devices, ..*list }, leads_back, steps);
        (!order.stages.is_empty()).then(|| self.with_mailbox(asked, order, None, steps))
    }

    /// A start does not end it for calls that are still up, or were a moment ago.
    pub(super) fn restore_grace(&mut self, row: &SessionRow, now: Now) {
        if row.emergency
            && let Some(caller) = row.caller
        {
            self.give_rest_of_grace(caller, row.started_ms, now);
        }
    }
}
