//! Who has put what into the log, and who waits for what comes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::desk::{Motion, Verdict};
use crate::domain::{LedgerCommand, NodeId, PutId};

use super::house::lock;

/// The version of what is put. It grows when a motion means something else than before, so that an
/// older node does not carry out half of it; a motion of a kind that it does not know it sees itself.
const VERSION: u16 = 1;

/// A motion as it stands in the log, perhaps more than once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Put {
    by: u16,
    boot: u32,
    number: u64,
    /// Entries of the time before motions were put again have none of these.
    #[serde(default)]
    version: u16,
    #[serde(default)]
    nonce: u64,
    #[serde(default)]
    open_from: u64,
    pub(super) motion: Motion,
}

impl Put {
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The error is a sentence: it comes from a newer version.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let put: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if put.version > VERSION {
            return Err(format!("it is of version {}, not {VERSION}", put.version));
        }
        Ok(put)
    }

    /// Whether a motion can come from that node: nobody puts in another's name, or asks for another's
    /// rights and gives them back. A kind that only a newer version knows has a name on it as well.
    pub(super) fn is_from(bytes: &[u8], node: NodeId) -> bool {
        #[derive(Deserialize)]
        struct Head {
            by: u16,
        }
        let Ok(put) = serde_json::from_slice::<Self>(bytes) else {
            return serde_json::from_slice::<Head>(bytes).is_ok_and(|head| head.by == node.0);
        };
        let own_rights = match put.motion {
            Motion::Ledger(
                LedgerCommand::Hello { node: of, .. } | LedgerCommand::Sync { node: of, .. },
            ) => of == node,
            Motion::Ledger(LedgerCommand::SetCap { .. } | LedgerCommand::Revoke { .. })
            | Motion::Registry { .. }
            | Motion::Roll(_)
            | Motion::Message(_) => true,
        };
        put.by == node.0 && own_rights
    }

    pub(super) fn id(&self) -> PutId {
        let Self { by, boot, number, version: _, nonce, open_from, motion: _ } = self;
        PutId {
            by: NodeId(*by),
            boot: *boot,
            nonce: *nonce,
            number: *number,
            open_from: *open_from,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    open: BTreeMap<u64, oneshot::Sender<Verdict>>,
}

/// Who waits for what comes of a motion.
#[derive(Debug)]
pub(crate) struct Minutes {
    node: AtomicU64,
    boot: u32,
    nonce: u64,
    waiting: Arc<Mutex<Waiting>>,
}

/// Waits for what comes of a motion at this node; dropped, nobody does any more.
#[derive(Debug)]
pub(crate) struct Expected {
    number: u64,
    waiting: Arc<Mutex<Waiting>>,
    verdict: Option<oneshot::Receiver<Verdict>>,
}

impl Expected {
    /// `None`: it will not be told.
    pub(crate) async fn here(&mut self) -> Option<Verdict> {
        let told = self.verdict.as_mut()?.await;
        self.verdict = None;
        told.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        lock(&self.waiting).open.remove(&self.number);
    }
}

impl Minutes {
    /// `nonce` tells this process from any other that claims to be the same start.
    pub(crate) fn new(boot: u32, nonce: u64) -> Self {
        Self { node: AtomicU64::new(0), boot, nonce, waiting: Arc::default() }
    }

    /// The number of this start.
    pub(crate) fn boot(&self) -> u32 {
        self.boot
    }

    /// Which node this is.
    pub(crate) fn own(&self) -> NodeId {
        let node = u16::try_from(self.node.load(Ordering::Relaxed)).unwrap_or(0);
        NodeId(node.max(1))
    }

    /// This node's number.
    pub(crate) fn is_of(&self, node: u16) {
        self.node.store(node.into(), Ordering::Relaxed);
    }

    pub(crate) fn put(&self, motion: Motion) -> (Put, Expected) {
        let (sender, verdict) = oneshot::channel();
        let (number, open_from) = {
            let mut waiting = lock(&self.waiting);
            let number = waiting.next;
            waiting.next += 1;
            waiting.open.insert(number, sender);
            let lowest = waiting.open.first_key_value().map_or(number, |(number, _)| *number);
            (number, lowest)
        };
        let by = u16::try_from(self.node.load(Ordering::Relaxed)).unwrap_or(0);
        let waiting = Arc::clone(&self.waiting);
        let expected = Expected { number, waiting, verdict: Some(verdict) };
        let (boot, nonce, version) = (self.boot, self.nonce, VERSION);
        (Put { by, boot, number, version, nonce, open_from, motion }, expected)
    }

    pub(super) fn tell(&self, put: &PutId, verdict: Verdict) {
        if let Some(sender) = self.who_waits(put) {
            // Whoever put it may have gone.
            let _ = sender.send(verdict);
        }
    }

    /// What came of it will not be known here: it was carried out at others, and this node has
    /// taken over what they had.
    pub(super) fn give_up(&self, put: &PutId) {
        drop(self.who_waits(put));
    }

    fn who_waits(&self, put: &PutId) -> Option<oneshot::Sender<Verdict>> {
        let is_own = u64::from(put.by.0) == self.node.load(Ordering::Relaxed)
            && (put.boot, put.nonce) == (self.boot, self.nonce);
        if is_own { lock(&self.waiting).open.remove(&put.number) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{LedgerCommand, LedgerReply, PoolId};

    use super::*;

    fn motion() -> Motion {
        let pool = PoolId::of(0).unwrap();
        Motion::Ledger(LedgerCommand::SetCap { pool, cap: 1 })
    }

    #[test]
    fn a_motion_says_from_which_on_somebody_waits() {
        let minutes = Minutes::new(3, 9);
        minutes.is_of(2);
        let (first, first_waits) = minutes.put(motion());
        let (second, _waits) = minutes.put(motion());
        drop(first_waits);
        let (third, _waits) = minutes.put(motion());
        let open: Vec<u64> = [first, second, third].map(|put| put.id().open_from).into();
        assert_eq!(open, [0, 0, 1]);
    }

    #[tokio::test]
    async fn whoever_waits_hears_the_first_verdict_and_that_there_will_be_none() {
        let minutes = Minutes::new(3, 9);
        minutes.is_of(2);
        let (put, mut waits) = minutes.put(motion());
        let put = Put::read(&put.bytes().unwrap()).unwrap();
        minutes.tell(&PutId { nonce: 8, ..put.id() }, Verdict::Ledger(LedgerReply::Done));
        minutes.tell(&put.id(), Verdict::Ledger(LedgerReply::Stale { current: 4 }));
        minutes.tell(&put.id(), Verdict::Ledger(LedgerReply::Done));
        let verdict = Verdict::Ledger(LedgerReply::Stale { current: 4 });
        assert_eq!(waits.here().await, Some(verdict));
        assert_eq!(waits.here().await, None, "asked again it does not hang");

        let (put, mut waits) = minutes.put(motion());
        minutes.give_up(&put.id());
        assert_eq!(waits.here().await, None);
    }

    #[test]
    fn nobody_puts_in_anothers_name_or_asks_for_anothers_rights() {
        let minutes = Minutes::new(3, 9);
        minutes.is_of(2);
        let bytes = |motion| minutes.put(motion).0.bytes().unwrap();
        let of = |motion| {
            let bytes = bytes(motion);
            [1, 2].map(|node| Put::is_from(&bytes, NodeId(node)))
        };
        let hello =
            |of| Motion::Ledger(LedgerCommand::Hello { node: NodeId(of), boot: 1, nonce: 7 });
        let sync = |of| {
            Motion::Ledger(LedgerCommand::Sync { node: NodeId(of), boot: 1, items: Vec::new() })
        };
        assert_eq!(of(motion()), [false, true]);
        assert_eq!((of(hello(2)), of(sync(2))), ([false, true], [false, true]));
        assert_eq!((of(hello(1)), of(sync(1))), ([false; 2], [false; 2]));
        let revoke = LedgerCommand::Revoke { node: NodeId(1), expected_boot: 1, attested: false };
        assert_eq!(of(Motion::Ledger(revoke)), [false, true], "another takes it for dead");

        let newer = br#"{"by":2,"boot":3,"number":0,"version":99,"motion":{"unheard_of":1}}"#;
        assert_eq!([1, 2].map(|node| Put::is_from(newer, NodeId(node))), [false, true]);
        assert!(!Put::is_from(b"{}", NodeId(2)));
    }

    #[test]
    fn an_entry_of_an_older_version_is_read() {
        let (put, _waits) = Minutes::new(3, 9).put(motion());
        let mut old: serde_json::Value = serde_json::from_slice(&put.bytes().unwrap()).unwrap();
        let fields = old.as_object_mut().unwrap();
        fields.remove("nonce").unwrap();
        fields.remove("open_from").unwrap();
        fields.remove("version").unwrap();
        let id = Put::read(old.to_string().as_bytes()).unwrap().id();
        assert_eq!((id.boot, id.nonce, id.open_from), (3, 0, 0));
    }
    #[test]
    fn an_entry_of_a_newer_version_is_not_understood() {
        let (put, _waits) = Minutes::new(3, 9).put(motion());
        let text = String::from_utf8(put.bytes().unwrap()).unwrap();
        Put::read(text.as_bytes()).unwrap();
        for (known, newer) in [
            ("\"version\":1", "\"version\":2"),
            ("\"set_cap\"", "\"set_soul\""),
            ("\"ledger\":{", "\"ledgers\":{"),
        ] {
            let newer = text.replace(known, newer);
            assert_ne!(newer, text);
            Put::read(newer.as_bytes()).unwrap_err();
        }
    }
}
