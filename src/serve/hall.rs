//! Where what was agreed on is carried out: the desk, and the rows of the store.

use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use crate::cluster::{Seen, Sight};
use crate::desk::{Input, Motion, Verdict};
use crate::domain::{
    LedgerCommand, LedgerReply, MessageReply, NodeId, PutId, RollMotion, RollReply,
};
use crate::peers::{
    Agreement, AgreementSettings, Arrival, Carried, CarryError, Disk, Hall, Kept, Lane, SendError,
    Way, Whole,
};
use crate::registry::Command;
use crate::store::{self, Arriving, Enacted, Error, Store};

use super::house::{House, lock};
use super::mail::carried::carried_out;
use super::minutes::Put;

/// How long to wait before rows are written again that the disk refused.
const AGAIN: Duration = Duration::from_millis(250);

/// At least as many places as there are motions in an entry, and one.
const PLACES: u64 = 1024;

/// The replicated log in the store.
pub(crate) struct Log(pub(crate) Arc<Store>);

fn said<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl Disk for Log {
    fn kept(&self) -> Result<Kept, String> {
        let kept = said(self.0.log_kept())?;
        Ok(Kept {
            vote: kept.vote,
            purged: kept.purged,
            last: kept.last,
            committed: kept.committed,
        })
    }

    fn entries(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Vec<u8>>, String> {
        said(self.0.log_entries(from, to, bytes_max))
    }

    fn append(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), String> {
        said(self.0.log_append(entries))
    }

    fn truncate(&self, from: u64) -> Result<(), String> {
        said(self.0.log_truncate(from))
    }

    fn purge(&self, to: u64, mark: &[u8]) -> Result<(), String> {
        said(self.0.log_purge(to, mark))
    }

    fn vote(&self, vote: &[u8]) -> Result<(), String> {
        said(self.0.log_vote(vote))
    }

    fn committed(&self, committed: &[u8]) -> Result<(), String> {
        said(self.0.log_committed(committed))
    }
}

/// Carries out what was agreed on.
pub(crate) struct Floor {
    house: Weak<House>,
    store: Arc<Store>,
    /// What was carried out, as far as it could be put again; as the store has it, once it was
    /// asked.
    seen: Arc<Mutex<Option<Seen>>>,
}

impl Floor {
    pub(crate) fn new(house: &Arc<House>) -> Self {
        let (house, store) = (Arc::downgrade(house), Arc::clone(&house.store));
        Self { house, store, seen: Arc::default() }
    }

    /// Takes it, to be put back when it is written down: until then the store has what counts.
    fn take_seen(&self) -> Result<Seen, String> {
        if let Some(seen) = lock(&self.seen).take() {
            return Ok(seen);
        }
        let mut seen = Seen::default();
        said(self.store.load_seen(&mut |row| seen.restore(row)))?;
        Ok(seen)
    }

    /// Writes down what entries come to. They are agreed on, stand in the log on the disk, and are
    /// in force: the rows follow, now or when there is room again. Until then nothing else is
    /// carried out. Killed before that, the next start knows from `Disk::committed` up to where it
    /// was in force, and carries it out again before anybody is answered.
    fn write(
        &self,
        house: &House,
        work: &mut Work,
        mark: &[u8],
    ) -> Result<Vec<MessageReply>, String> {
        let mut failed = false;
        loop {
            let error = match self.store.enact(house.node(), &work.enacted, mark) {
                Ok(replies) => return Ok(replies),
                Err(error) => error.to_string(),
            };
            tell(house, std::mem::take(&mut work.verdicts));
            if !failed {
                tracing::error!(
                    error,
                    "rows of what was agreed on can't be written: tried again until they can"
                );
                failed = true;
            }
            if house.draining() {
                return Err(error);
            }
            thread::sleep(AGAIN);
        }
    }
}

/// What entries come to.
#[derive(Default)]
struct Work {
    enacted: Vec<Enacted>,
    verdicts: Vec<(PutId, Verdict)>,
    /// Who has put what is about messages: what comes of it is known when it is written down.
    letters: Vec<PutId>,
    /// What was carried out before, or never will be.
    again: Vec<PutId>,
}

impl Work {
    fn take(&mut self, house: &House, place: u64, put: Put, seen: &mut Seen) -> Result<(), String> {
        let id = put.id();
        match (seen.meet(&id), &put.motion) {
            // Whose start is over has to hear so from the ledger itself.
            (Sight::New, _) | (Sight::Over, Motion::Ledger(_)) => {}
            (Sight::Again | Sight::Over, _) => {
                self.again.push(id);
                return Ok(());
            }
        }
        if let Motion::Message(motion) = put.motion {
            self.letters.push(id);
            self.enacted.push(Enacted::Message(Box::new(motion)));
        } else {
            let verdict = carry_out(house, place, put.motion, &mut self.enacted)?;
            self.verdicts.push((id, verdict));
        }
        Ok(())
    }
}

impl Hall for Floor {
    fn mark(&self) -> Result<Option<Vec<u8>>, String> {
        said(self.store.mark())
    }

    fn carry_out(&self, entries: &[Carried], mark: &[u8]) -> Result<Vec<bytes::Bytes>, CarryError> {
        let stopping = || String::from("the daemon is stopping");
        let house = self.house.upgrade().ok_or_else(stopping)?;
        // All are understood before anything is done.
        let puts = puts(entries)?;
        let answers = vec![bytes::Bytes::new(); puts.len()];
        let (mut work, mut seen) = (Work::default(), self.take_seen()?);
        for (place, put) in puts {
            work.take(&house, place, put, &mut seen)?;
        }
        work.enacted.extend(seen.take_changed().into_iter().map(Enacted::Seen));
        let replies = self.write(&house, &mut work, mark)?;
        *lock(&self.seen) = Some(seen);
        tell(&house, work.verdicts);
        let motions = work.enacted.iter().filter_map(|enacted| match enacted {
            Enacted::Message(motion) => Some(motion),
            Enacted::Registry { .. } | Enacted::Ledger(_) | Enacted::Seen(_) => None,
        });
        for ((motion, reply), id) in motions.zip(replies).zip(work.letters) {
            carried_out(&house, motion, &reply);
            house.minutes.tell(&id, Verdict::Message(reply));
        }
        work.again.iter().for_each(|id| house.minutes.give_up(id));
        Ok(answers)
    }

    fn can_put(&self, from: NodeId, motion: &[u8]) -> bool {
        Put::is_from(motion, from)
    }

    fn whole(&self) -> Result<(Option<Vec<u8>>, Box<dyn Whole>), String> {
        let (mark, whole) = said(self.store.whole())?;
        Ok((mark, Box::new(Rows(whole))))
    }

    fn arrive(&self) -> Result<Box<dyn Arrival>, String> {
        Ok(Box::new(Coming {
            house: Weak::clone(&self.house),
            store: Arc::clone(&self.store),
            seen: Arc::clone(&self.seen),
            arriving: said(self.store.arrive())?,
        }))
    }
}

/// What was put, each with its place.
fn puts(entries: &[Carried]) -> Result<Vec<(u64, Put)>, CarryError> {
    let mut puts = Vec::new();
    for Carried { index, motions } in entries {
        for (motion, position) in motions.iter().zip(1..) {
            let put = Put::read(motion).map_err(|error| {
                tracing::debug!(index, %error, "an entry of the log is not understood");
                CarryError::NotUnderstood { index: *index }
            })?;
            puts.push((index * PLACES + position, put));
        }
    }
    Ok(puts)
}

fn tell(house: &House, verdicts: Vec<(PutId, Verdict)>) {
    for (id, verdict) in verdicts {
        house.minutes.tell(&id, verdict);
    }
}

fn carry_out(
    house: &House,
    place: u64,
    motion: Motion,
    enacted: &mut Vec<Enacted>,
) -> Result<Verdict, String> {
    Ok(match motion {
        Motion::Registry { at_ms, command } => {
            Verdict::Registry(registry(house, at_ms, command, enacted))
        }
        Motion::Roll(motion) => Verdict::Roll(roll(house, place, &motion)?),
        Motion::Ledger(command) => Verdict::Ledger(ledger(house, command, enacted)),
        // Carried out by the store alone.
        Motion::Message(_) => Verdict::Message(MessageReply::default()),
    })
}

/// The list of nodes is a file of its own: it is tried until there is room.
fn roll(house: &House, place: u64, motion: &RollMotion) -> Result<RollReply, String> {
    loop {
        match house.roll.carry_out(Some(place), motion) {
            Err(_) if !house.draining() => thread::sleep(AGAIN),
            done => return done,
        }
    }
}

/// A command that can't come about any more uses up no number, at any node.
fn registry(
    house: &House,
    at_ms: i64,
    command: Command,
    enacted: &mut Vec<Enacted>,
) -> Result<(), crate::registry::Error> {
    let (index, changes) = {
        let desk = house.desk();
        (desk.registry().applied() + 1, desk.registry().plan(&command)?)
    };
    enacted.push(Enacted::Registry { index, at_ms, command: command.clone(), changes });
    let outcome = house.handle(Input::Committed { ticket: House::TICKET, index, command });
    outcome.applied.unwrap_or(Ok(()))
}

/// Every node has the whole ledger, so that what is granted to it is known by the entry itself.
fn ledger(house: &House, command: LedgerCommand, enacted: &mut Vec<Enacted>) -> LedgerReply {
    let outcome = house.handle(Input::Agreed(command));
    let rows = house.desk().take_ledger_rows();
    if !rows.is_empty() {
        enacted.push(Enacted::Ledger(rows));
    }
    outcome.ledger.unwrap_or(LedgerReply::Done)
}

struct Rows(store::Whole);

impl Whole for Rows {
    fn piece(&mut self) -> Result<Option<Vec<u8>>, String> {
        said(self.0.piece())
    }
}

struct Coming {
    house: Weak<House>,
    store: Arc<Store>,
    seen: Arc<Mutex<Option<Seen>>>,
    arriving: Arriving,
}

impl Arrival for Coming {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        said(self.arriving.take(piece))
    }

    fn install(self: Box<Self>, mark: &[u8]) -> Result<(), String> {
        let house = self.house.upgrade().ok_or("the daemon is stopping")?;
        said(self.store.install(self.arriving, mark))?;
        // What the others had seen came with it.
        *lock(&self.seen) = None;
        super::filling::refill(&house).map_err(|error| error.to_string())?;
        said(house.replace_ledger())
    }
}

/// The lane over the connections that there are.
struct Ways(Weak<House>);

impl Way for Ways {
    fn send(&self, to: NodeId, body: &[u8]) -> Result<(), SendError> {
        let house = self.0.upgrade().ok_or(SendError::Away(to))?;
        let nodes = house.nodes().ok_or(SendError::Away(to))?;
        nodes.endpoint.send(to, Lane::Ledger, body)
    }
}

/// Begins to agree: the first node, or one alone, with itself.
pub(super) async fn open(house: &Arc<House>, node: NodeId) -> anyhow::Result<()> {
    house.minutes.is_of(node.0);
    let log = Arc::new(Log(Arc::clone(&house.store)));
    let floor = Arc::new(Floor::new(house));
    let agreement = Agreement::start(node, log, floor, AgreementSettings::default()).await?;
    agreement.connect(Arc::new(Ways(Arc::downgrade(house))));
    if node == NodeId(1) {
        agreement.found().await?;
    }
    house.agree_by(agreement);
    Ok(())
}
