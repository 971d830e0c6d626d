//! All rights of a node, added up a portion at a time.

use crate::domain::UNLIMITED;

use super::Rights;

/// Rights of caps, summed up. A call that several caps count is in here once for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RightsSum {
    /// Rights that this node holds.
    pub held: u64,
    /// Of these, free for the next call.
    pub free: u64,
    /// Of these, frozen until the proxies were asked.
    pub frozen: u64,
    /// Calls that hold no right.
    pub overdraft: u64,
}

impl Rights {
    /// Adds what the accounts from one on have to a sum, at most so many of them; says where to go
    /// on, if there are more.
    pub fn add_up(&self, sum: &mut RightsSum, from: usize, max: usize) -> Option<usize> {
        let to = from.saturating_add(max);
        let portion = self.accounts.get(from..to.min(self.accounts.len())).unwrap_or_default();
        for pool in portion.iter().flatten().filter(|pool| pool.cap < UNLIMITED) {
            sum.held += pool.held();
            sum.free += pool.spare();
            sum.frozen += u64::from(pool.frozen);
            sum.overdraft += u64::from(pool.overdraft);
        }
        (to < self.accounts.len()).then_some(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountKey, Grant, NodeId, PoolId, PoolKind};

    #[test]
    fn portions_come_to_the_whole() {
        let mut rights = Rights::new(NodeId(1), 1, false);
        rights.welcomed(&[]);
        let pool = |account| PoolId::new(AccountKey(account), PoolKind::In);
        for account in 0..5 {
            rights.cap_changed(pool(account), 9);
            let (node, boot, pool) = (NodeId(1), 1, pool(account));
            rights.granted(&Grant { node, boot, pool, granted: 3, returned: 1, short: false });
            rights.take(pool);
        }
        // No cap is nobody's right.
        rights.take(PoolId::new(AccountKey(5), PoolKind::Total));
        rights.take(pool(0));
        rights.take(pool(0));
        let (mut sum, mut next) = (RightsSum::default(), Some(0));
        let mut turns = 0;
        while let Some(from) = next {
            next = rights.add_up(&mut sum, from, 2);
            turns += 1;
        }
        assert_eq!(sum, RightsSum { held: 10, free: 4, frozen: 0, overdraft: 1 });
        assert_eq!(turns, 3);
    }
}
