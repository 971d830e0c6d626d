//! Histories of the ledger over the real agreement: three nodes, frames that are lost, leaders that
//! are cut off. Whatever the nodes ask at once, it is as if one had asked after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hallporter::cluster::{Ledger, Seen, Sight};
use hallporter::domain::{LedgerCommand, NodeId, PoolId, PutId, SyncItem, UNLIMITED};
use hallporter::peers::{Agreement, Agrees as _, Arrival, Carried, CarryError, Hall, Packed};
use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester, SequentialSpec};
use tokio::sync::watch;

use super::world::{Lossy, Node, World, soon};

/// What a motion is here: who has put it, and what is asked of the ledger.
type Motion = ((u16, u64), LedgerCommand);

/// A ledger at each node, as the daemon's hall has one.
#[derive(Default)]
struct Books {
    kept: Mutex<Kept>,
    /// Planted: carries out again what is put again.
    forgetful: bool,
}

#[derive(Default)]
struct Kept {
    ledger: Ledger,
    seen: Seen,
    /// What came of each.
    answers: BTreeMap<(u16, u64), Bytes>,
    mark: Option<Vec<u8>>,
}

impl Hall for Books {
    fn mark(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.kept.lock().unwrap().mark.clone())
    }
    fn carry_out(&self, entries: &[Carried], mark: &[u8]) -> Result<Vec<Bytes>, CarryError> {
        let mut kept = self.kept.lock().unwrap();
        let mut answers = Vec::new();
        for motion in entries.iter().flat_map(|entry| &entry.motions) {
            let (who, command): Motion = serde_json::from_slice(motion).unwrap();
            let (by, number) = (NodeId(who.0), who.1);
            let id = PutId { by, boot: 1, nonce: 1, number, open_from: 0 };
            if kept.seen.meet(&id) == Sight::New || self.forgetful {
                let reply = format!("{:?}", kept.ledger.apply(&command));
                kept.answers.insert(who, reply.into());
            }
            answers.push(kept.answers[&who].clone());
        }
        kept.mark = Some(mark.to_vec());
        Ok(answers)
    }
    fn can_put(&self, from: NodeId, motion: &[u8]) -> bool {
        serde_json::from_slice::<Motion>(motion).is_ok_and(|((by, _), _)| by == from.0)
    }
    fn whole(&self) -> Result<Packed, String> {
        Err("the log is kept whole here".to_owned())
    }
    fn arrive(&self) -> Result<Box<dyn Arrival>, String> {
        Err("the log is kept whole here".to_owned())
    }
}

/// One ledger that is asked by one after the other.
#[derive(Clone, Debug)]
struct One(Ledger);

impl SequentialSpec for One {
    type Op = LedgerCommand;
    type Ret = String;

    fn invoke(&mut self, op: &LedgerCommand) -> String {
        format!("{:?}", self.0.apply(op))
    }
}

/// How much each of the three asks.
const EACH: u64 = 9;
/// How often whoever leads is cut off: each time after so many more answers.
const CUTS: u64 = 3;
const ANSWERS_BEFORE: u64 = 3 * EACH / (CUTS + 1);

type History = Arc<Mutex<LinearizabilityTester<u16, One>>>;

fn pool() -> PoolId {
    PoolId::of(4).unwrap()
}

/// The `number`th question of a node: half of what is free, so that what comes of it depends on
/// all that came of others; and something is given back.
fn command(by: u16, number: u64) -> LedgerCommand {
    let node = NodeId(by);
    if number == 0 {
        return LedgerCommand::Hello { node, boot: 1, nonce: by.into() };
    }
    let item = SyncItem { pool: pool(), returned: number * 3, want: u32::MAX, beneficiary: node };
    LedgerCommand::Sync { node, boot: 1, items: vec![item] }
}

/// Asks one after the other. What gets no answer is put again until it has one: how often that is
/// depends on the machine, and what stays open could be explained by whatever one likes.
async fn client(node: Node, by: u16, history: History, answered: watch::Sender<u64>) -> Node {
    for number in 0..EACH {
        let command = command(by, number);
        history.lock().unwrap().on_invoke(by, command.clone()).unwrap();
        let motion = Bytes::from(serde_json::to_vec(&((by, number), command)).unwrap());
        let answer = soon(async {
            loop {
                if let Ok(agreed) = node.agreement.propose(motion.clone()).await {
                    break agreed.answer;
                }
            }
        });
        let reply = String::from_utf8(answer.await.to_vec()).unwrap();
        history.lock().unwrap().on_return(by, reply).unwrap();
        answered.send_modify(|count| *count += 1);
        // As if the answer had been lost; that it ever is depends on the machine.
        let _ = soon(node.agreement.propose(motion)).await;
    }
    node
}

/// Whoever leads is not heard any more: first by one of the others, until that one has had enough
/// of it, then by nobody, until another one leads.
async fn cut_off(ways: &[Arc<Lossy>], looks: &[Agreement]) {
    let led = looks[0].until(|standing| standing.leader.is_some()).await;
    let leader = led.leader.unwrap();
    let others: Vec<u16> = (1..=3).filter(|other| *other != leader.0).collect();
    let (way, deaf) = (&ways[usize::from(leader.0) - 1], &looks[usize::from(others[0]) - 1]);
    way.lose(&others[..1]);
    deaf.until(|standing| standing.term > led.term).await;
    way.lose(&others);
    deaf.until(|standing| standing.leader.is_some_and(|now| now != leader)).await;
    way.lose(&[]);
}

/// Three nodes ask at once, while whoever leads is cut off, again and again.
async fn run(name: &str, forgetful: bool) -> (bool, usize) {
    let mut world = World::new(name);
    world.settings.snapshot_entries = 1_000_000;
    world.settings.ask_again_ms = 150;
    world.hall = Some(Box::new(move || Arc::new(Books { forgetful, ..Books::default() })));
    let nodes = super::three_silent(&mut world).await;
    let history: History = Arc::new(Mutex::new(LinearizabilityTester::new(One(Ledger::default()))));
    let set = LedgerCommand::SetCap { pool: pool(), cap: UNLIMITED - 1 };
    let first = serde_json::to_vec(&((1, EACH), &set)).unwrap();
    let said = soon(nodes[0].agreement.propose(first.into())).await.unwrap();
    let said = String::from_utf8(said.answer.to_vec()).unwrap();
    history.lock().unwrap().on_invret(0, set, said).unwrap();
    let ways: Vec<_> = nodes.iter().map(|node| Arc::clone(&node.way)).collect();
    let looks: Vec<_> = nodes.iter().map(|node| node.agreement.clone()).collect();
    let (answered, mut seen) = watch::channel(0);
    let mut clients = tokio::task::JoinSet::new();
    for (node, by) in nodes.into_iter().zip(1_u16..) {
        clients.spawn(client(node, by, Arc::clone(&history), answered.clone()));
    }
    for cut in 1..=CUTS {
        soon(seen.wait_for(|count| *count >= cut * ANSWERS_BEFORE)).await.unwrap();
        soon(cut_off(&ways, &looks)).await;
    }
    for node in clients.join_all().await {
        node.stop().await;
    }
    let history = history.lock().unwrap();
    (history.is_consistent(), history.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_answers_is_as_if_one_had_asked_after_the_other() {
    let (consistent, asked) = run("histories", false).await;
    assert_eq!(asked, 1 + 3 * EACH as usize);
    assert!(consistent);
}

/// The check can fail: a ledger that carries out again what was put again is found out.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_carries_out_twice_is_found_out() {
    let (consistent, _) = run("twice", true).await;
    assert!(!consistent, "nobody sees that rights were granted twice");
}
