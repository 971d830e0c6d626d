//! openraft's own tests of what keeps a log and carries it out, against ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use openraft::storage::{RaftSnapshotBuilder as _, RaftStateMachine as _};
use openraft::testing::{StoreBuilder, Suite, blank_ent, membership_ent};
use openraft::{CommittedLeaderId, Entry, EntryPayload, LogId, RaftLogId as _};
use tokio::sync::watch;

use crate::domain::NodeId;

use super::halt::Halt;
use super::log::{Disk, Kept, Log};
use super::machine::{Arrival, Carried, CarryError, Hall, Machine, Packed, Whole};
use super::types::{Content, Failure, Items, Progress, Shared, Types, unpack};

#[derive(Default)]
struct Memory(Mutex<(BTreeMap<u64, Vec<u8>>, Kept)>);

impl Disk for Memory {
    fn kept(&self) -> Result<Kept, String> {
        let (entries, kept) = &*self.0.lock().unwrap();
        Ok(Kept { last: entries.values().last().cloned(), ..kept.clone() })
    }
    fn entries(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Vec<u8>>, String> {
        let mut bytes = 0;
        let (entries, _) = &*self.0.lock().unwrap();
        if from >= to {
            return Ok(Vec::new());
        }
        let wanted = entries.range(from..to).take_while(|(_, entry)| {
            bytes += entry.len();
            bytes == entry.len() || bytes <= bytes_max
        });
        Ok(wanted.map(|(_, entry)| entry.clone()).collect())
    }
    fn append(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), String> {
        self.0.lock().unwrap().0.extend(entries.iter().cloned());
        Ok(())
    }
    fn truncate(&self, from: u64) -> Result<(), String> {
        self.0.lock().unwrap().0.split_off(&from);
        Ok(())
    }
    fn purge(&self, to: u64, mark: &[u8]) -> Result<(), String> {
        let (entries, kept) = &mut *self.0.lock().unwrap();
        *entries = entries.split_off(&(to + 1));
        kept.purged = Some(mark.to_vec());
        Ok(())
    }
    fn vote(&self, vote: &[u8]) -> Result<(), String> {
        self.0.lock().unwrap().1.vote = Some(vote.to_vec());
        Ok(())
    }
    fn committed(&self, committed: &[u8]) -> Result<(), String> {
        self.0.lock().unwrap().1.committed = Some(committed.to_vec());
        Ok(())
    }
}

type Carry = (Vec<Bytes>, Option<Vec<u8>>);

/// Carries out by writing down; what is called "strange" it does not understand.
#[derive(Clone, Default)]
struct List(Shared<Carry>);

impl Hall for List {
    fn mark(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.lock().unwrap().1.clone())
    }
    fn carry_out(&self, entries: &[Carried], mark: &[u8]) -> Result<Vec<Bytes>, CarryError> {
        let motions = || entries.iter().flat_map(|entry| &entry.motions);
        let strange = |entry: &&Carried| entry.motions.iter().any(|motion| motion == "strange");
        if let Some(entry) = entries.iter().find(strange) {
            return Err(CarryError::NotUnderstood { index: entry.index });
        }
        let mut list = self.0.lock().unwrap();
        list.0.extend(motions().cloned());
        list.1 = Some(mark.to_vec());
        Ok(motions().cloned().collect())
    }
    fn can_put(&self, _: NodeId, _: &[u8]) -> bool {
        true
    }
    fn whole(&self) -> Result<Packed, String> {
        let (all, mark) = self.0.lock().unwrap().clone();
        Ok((mark, Box::new(Pieces(all.into_iter()))))
    }
    fn arrive(&self) -> Result<Box<dyn Arrival>, String> {
        Ok(Box::new(Comes(self.clone(), Vec::new())))
    }
}

struct Pieces(std::vec::IntoIter<Bytes>);

impl Whole for Pieces {
    fn piece(&mut self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.next().map(|piece| piece.to_vec()))
    }
}

struct Comes(List, Vec<Bytes>);

impl Arrival for Comes {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.1.push(Bytes::copy_from_slice(piece));
        Ok(())
    }
    fn install(self: Box<Self>, mark: &[u8]) -> Result<(), String> {
        *self.0.0.lock().unwrap() = (self.1, Some(mark.to_vec()));
        Ok(())
    }
}

struct Builder;

impl StoreBuilder<Types, Log, Machine> for Builder {
    async fn build(&self) -> Result<((), Log, Machine), Failure> {
        let halt = Arc::new(Halt::default());
        let machine = Machine::new(Arc::new(List::default()), Arc::clone(&halt));
        // The tests shorten logs of which nothing was carried out.
        let all = LogId::new(CommittedLeaderId::new(u64::MAX, u64::MAX), u64::MAX);
        let (_, progress) = watch::channel(Progress { applied: Some(all), failed: false });
        let log = Log::new(Arc::new(Memory::default()), progress, machine.trouble(), halt);
        Ok(((), log, machine))
    }
}

macro_rules! suite {
    ($($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            let ((), log, machine) = Builder.build().await.unwrap();
            Suite::<Types, Log, Machine, Builder, ()>::$name(log, machine).await.unwrap();
        }
    )*};
}

// All that `Suite::test_all` has but `transfer_snapshot`, which takes what one store says of its
// snapshot for the snapshot itself: ours is read when it is sent, and has its own test below.
suite! {
    last_membership_in_log_initial
    last_membership_in_log
    last_membership_in_log_multi_step
    get_membership_initial
    get_membership_from_log_and_empty_sm
    get_membership_from_empty_log_and_sm
    get_membership_from_log_le_sm_last_applied
    get_membership_from_log_gt_sm_last_applied_1
    get_membership_from_log_gt_sm_last_applied_2
    get_initial_state_without_init
    get_initial_state_membership_from_log_and_sm
    get_initial_state_with_state
    get_initial_state_last_log_gt_sm
    get_initial_state_last_log_lt_sm
    get_initial_state_log_ids
    get_initial_state_re_apply_committed
    save_vote
    get_log_entries
    limited_get_log_entries
    try_get_log_entry
    initial_logs
    get_log_state
    get_log_id
    last_id_in_log
    last_applied_state
    purge_logs_upto_0
    purge_logs_upto_5
    purge_logs_upto_20
    delete_logs_since_11
    delete_logs_since_0
    append_to_log
    snapshot_meta
    apply_single
    apply_multiple
}

fn normal(index: u64, motions: &[&'static str]) -> Entry<Types> {
    let motions = motions.iter().map(|motion| Bytes::from_static(motion.as_bytes()));
    let mut entry = blank_ent::<Types>(1, 1, index);
    entry.payload = EntryPayload::Normal(Items(motions.collect()));
    entry
}

fn machine() -> (List, Arc<Halt>, Machine) {
    let (list, halt) = (List::default(), Arc::new(Halt::default()));
    let machine = Machine::new(Arc::new(list.clone()), Arc::clone(&halt));
    (list, halt, machine)
}

#[tokio::test]
async fn what_was_carried_out_goes_to_another_node_with_its_mark_and_members() {
    let ((list, _, mut leader), (copy, _, mut follower)) = (machine(), machine());
    let members = membership_ent::<Types>(1, 1, 2, vec![[1, 2, 3].into()]);
    leader.apply([members, normal(3, &["a", "b"])]).await.unwrap();
    let built = leader.get_snapshot_builder().await.build_snapshot().await.unwrap();
    assert!(matches!(*built.snapshot, Content::Here));

    let (mark, mut whole) = list.whole().unwrap();
    let mark: super::types::Mark = unpack(&mark.unwrap()).unwrap();
    assert_eq!(mark.meta(), built.meta);
    let mut content = follower.begin_receiving_snapshot().await.unwrap();
    let Content::Come(arrival) = &mut *content else { panic!("nothing comes") };
    while let Some(piece) = whole.piece().unwrap() {
        arrival.take(&piece).unwrap();
    }
    follower.install_snapshot(&built.meta, content).await.unwrap();
    assert_eq!(copy.0.lock().unwrap().0, ["a", "b"]);
    assert_eq!(follower.applied_state().await.unwrap(), leader.applied_state().await.unwrap());
    let current = follower.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta, built.meta);
    // Entries that were in it are not carried out again, those behind it are.
    follower.apply([normal(3, &["a", "b"]), normal(4, &["c"])]).await.unwrap();
    assert_eq!(copy.0.lock().unwrap().0, ["a", "b", "c"]);
}

#[tokio::test]
async fn what_stands_before_an_entry_that_is_not_understood_is_carried_out_and_nothing_else() {
    let (list, halt, mut machine) = machine();
    let entries = [normal(1, &["a"]), normal(2, &["b", "strange"]), normal(3, &["c"])];
    // Before it has begun somebody waits: he hears so.
    machine.apply(entries.clone()).await.unwrap_err();
    assert_eq!((list.0.lock().unwrap().0.clone(), halt.strange()), (vec!["a".into()], Some(2)));
    let (applied, _) = machine.applied_state().await.unwrap();
    assert_eq!(applied, Some(*entries[0].get_log_id()));

    halt.begun.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut waits = tokio::spawn(async move { machine.apply(entries).await.map(|_| ()) });
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut waits).await;
    assert!(early.is_err(), "openraft would begin anew, and come to the same entry");
    halt.close();
    waits.await.unwrap().unwrap_err();
    assert_eq!(list.0.lock().unwrap().0, ["a"]);
}
