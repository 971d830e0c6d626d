//! The accounts, devices and calls that a run works on, and their rows in the databases.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use hallporter::domain::{
    Account, AccountKey, AccountName, CallRef, CallState, Caps, Device, DeviceName, Identifier,
    NodeId, Policy, RefusalCodes, Seat, Seats, SipUri, Target,
};
use hallporter::registry::{Change, Command};
use hallporter::sessions::{RowChange, SessionRow};
use hallporter::store::{Keep, Store};

/// One reseller stands above so many accounts (itself one of them).
const FAMILY: u32 = 100;
/// Accounts of one transaction while the registry is written.
const PORTION: u32 = 5_000;

/// What there is.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) accounts: u32,
    pub(crate) devices_each: u32,
    pub(crate) sessions: u32,
    /// Where all devices are reached, `host:port`.
    pub(crate) phones: String,
}

/// The number of the `index`-th account: `+49 30` and seven digits.
pub(crate) fn number(index: u32) -> String {
    format!("+4930{:07}", 1_000_000 + index)
}

/// The name of the `index`-th account.
pub(crate) fn name(index: u32) -> String {
    format!("customer-{index:06}")
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Dataset {
    /// Writes all of it into the databases of a daemon that does not run.
    pub(crate) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let keep = Keep { entries: 200_000, for_: Duration::from_secs(86_400) };
        let (store, boot) = Store::open(data_dir, keep, Arc::new(now_ms))?;
        let mut first = 0;
        for index in 1.. {
            let last = (first + PORTION).min(self.accounts);
            let mut changes = vec![Change::KeysGiven(last)];
            for key in first..last {
                self.account(key, &mut changes)?;
            }
            let command = Command::AccountRemove { name: AccountName::parse("load")? };
            store.commit(index, now_ms(), &command, &changes)?;
            first = last;
            if first == self.accounts {
                break;
            }
        }
        self.write_sessions(&store, NodeId(1), boot)
    }

    /// Writes calls alone, as those of a node of a cluster that does not run.
    pub(crate) fn write_calls_of(&self, node: NodeId, data_dir: &Path) -> anyhow::Result<()> {
        let keep = Keep { entries: 200_000, for_: Duration::from_secs(86_400) };
        let (store, boot) = Store::open(data_dir, keep, Arc::new(now_ms))?;
        self.write_sessions(&store, node, boot)
    }

    fn account(&self, key: u32, changes: &mut Vec<Change>) -> anyhow::Result<()> {
        let reseller = key - key % FAMILY;
        let many = if key == reseller { 1_000_000 } else { 10_000 };
        let account = Account {
            name: AccountName::parse(&name(key))?,
            caps: Caps { max_calls: Some(many), max_in: Some(many), max_out: None },
            parent: (key != reseller).then_some(AccountKey(reseller)),
            policy: Policy::Available,
            zone: None,
            enabled: true,
            refusal_codes: RefusalCodes::default(),
        };
        let owner = AccountKey(key);
        changes.push(Change::Account(owner, account));
        changes.push(Change::Identifier(Identifier::parse(&number(key))?, owner));
        for device in 0..self.devices_each {
            let uri = format!("sip:c{key:06}d{device}@{}", self.phones);
            let name = DeviceName::parse(&format!("phone{device}"))?;
            // 1 1 2 3: two at once, then a third, then a fourth.
            let stage = u8::try_from(device.max(1))?;
            let device = Device::new(name, Target::Uri(SipUri::parse(&uri)?), stage, 20);
            changes.push(Change::Device(owner, device));
        }
        Ok(())
    }

    fn write_sessions(&self, store: &Store, node: NodeId, boot: u32) -> anyhow::Result<()> {
        let (this, mut next) = (self.clone(), 0_u32);
        let source = move |max: usize| {
            let end = next.saturating_add(u32::try_from(max).unwrap_or(u32::MAX));
            let rows = next..end.min(this.sessions);
            next = rows.end;
            rows.map(|index| RowChange::Put(this.session(node, boot, index))).collect()
        };
        store.write_rows_from(Box::new(source))?;
        store.wake();
        // It writes until its source is empty, and only then stops.
        let left = store.flush_and_stop();
        if left > 0 {
            bail!("{left} rows could not be written");
        }
        Ok(())
    }

    fn session(&self, node: NodeId, boot: u32, index: u32) -> SessionRow {
        let started_ms = now_ms() - 60_000;
        let callee = index.wrapping_mul(7919).wrapping_add(1) % self.accounts;
        let caller = index % self.accounts;
        let seat = |account: u32, outgoing: bool| Seat {
            account: AccountKey(account),
            incoming: !outgoing,
            outgoing,
        };
        // Both ends with their resellers; of one account or reseller only the calling side.
        let mut seats = Vec::with_capacity(4);
        for (key, outgoing) in [(caller, true), (callee, false)] {
            for account in [key, key - key % FAMILY] {
                if !seats.iter().any(|held: &Seat| held.account.0 == account) {
                    seats.push(seat(account, outgoing));
                }
            }
        }
        SessionRow {
            call: CallRef::new(node, boot, index + 1),
            call_id: format!("{index:08x}-5f3a-4c1d-9b7e-0242ac{:06x}@127.0.12.1", node.0),
            from_tag_hash: index | 1,
            from: number(caller),
            to: number(callee),
            caller: Some(AccountKey(caller)),
            callee: Some(AccountKey(callee)),
            seats: Seats::new(&seats),
            state: CallState::Up,
            emergency: false,
            started_ms,
            answered_ms: Some(started_ms + 5_000),
            expires_ms: started_ms + 43_200_000,
            dialog: Some((index % 4096, index)),
            proxy: None,
        }
    }
}
