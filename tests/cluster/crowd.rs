//! Callers in all regions: at once, or coming and going. They know how many calls there really are.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::lab::{Call, Dial, eventually, seconds};
use crate::town::{Node, PATIENCE, Town};

/// Calls that were made in the same instant.
pub(crate) struct Burst {
    calls: Vec<Call>,
    /// The codes of those that are not up, in no order; 0: no final answer.
    pub(crate) refused: Vec<u16>,
}

impl Burst {
    /// So many calls of a number at once, from these nodes in turn; waits until each is up or not.
    pub(crate) fn of(count: usize, number: &str, nodes: &[&Node]) -> Self {
        let dial = |at: usize| nodes[at % nodes.len()].line.dial(Dial::to(number));
        let all: Vec<Call> = (0..count).map(dial).collect();
        let settled = |call: &Call| call.code(seconds(0.0)) != 0;
        eventually(seconds(15.0), || all.iter().all(settled));
        let (calls, refused): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|call| call.code(seconds(0.0)) == 200);
        Self { calls, refused: refused.iter().map(|call| call.code(seconds(0.0))).collect() }
    }

    /// So many calls, one after the other, from these nodes in turn. Rights are on their way for a
    /// while after others have called; who is refused meanwhile calls again.
    #[track_caller]
    pub(crate) fn filled(count: usize, number: &str, nodes: &[&Node]) -> Self {
        let mut all = Self { calls: Vec::new(), refused: Vec::new() };
        all.fill(count, number, nodes);
        all
    }

    /// Calls again until so many are up.
    #[track_caller]
    fn fill(&mut self, count: usize, number: &str, nodes: &[&Node]) {
        let full = eventually(PATIENCE, || {
            if self.up() < count {
                let call = nodes[self.up() % nodes.len()].line.dial(Dial::to(number));
                match call.code(seconds(15.0)) {
                    200 => self.calls.push(call),
                    code => self.refused.push(code),
                }
            }
            self.up() == count
        });
        let usage: Vec<_> =
            nodes.iter().map(|node| (&node.site.name, node.usage(number))).collect();
        let (up, refused) =
            (self.up(), self.refused.split_off(self.refused.len().min(9)).len() + 9);
        assert!(full, "only {up} of {count} are let through, {refused} were refused: {usage:#?}");
    }

    /// How many are up.
    pub(crate) fn up(&self) -> usize {
        self.calls.len()
    }

    #[track_caller]
    pub(crate) fn hang_up(self) {
        for call in &self.calls {
            call.bye();
        }
    }

    /// The calls themselves, to be hung up one by one.
    pub(crate) fn into_calls(self) -> Vec<Call> {
        self.calls
    }
}

/// The cap of an account is free to its last call, and nobody gets more: the end of every test,
/// since a count that is wrong anywhere shows here.
#[track_caller]
pub(crate) fn cap_is_exactly(town: &Town, account: &str, number: &str, cap: usize) {
    town.all_count(account, 0);
    let nodes: Vec<&Node> = town.nodes.iter().collect();
    let mut burst = Burst::of(cap * 3, number, &nodes);
    let at_once = burst.up();
    assert!(at_once <= cap, "{at_once} calls of {account} were up at once, of {cap}");
    burst.fill(cap, number, &nodes);
    let more = Burst::of(nodes.len(), number, &nodes).up();
    assert_eq!(more, 0, "{account} has {cap} calls, and {more} more were let through");
    burst.hang_up();
    town.all_count(account, 0);
}

/// People who call a number again and again, from all nodes.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    up: AtomicUsize,
    most: AtomicUsize,
    made: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

/// What they have seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Calls that were up in the same instant, at most.
    pub(crate) most: usize,
    /// Calls that were up.
    pub(crate) made: usize,
    /// Those that were not, each with its node and code.
    pub(crate) refused: Vec<String>,
}

impl Traffic {
    /// So many people at each node; each speaks for a part of a second and calls again.
    pub(crate) fn start(nodes: &[Node], people: usize, number: &'static str) -> Self {
        let shared = Arc::new(Shared::default());
        let mut callers = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            for person in 0..people {
                let (shared, line) = (Arc::clone(&shared), node.line.extension());
                let name = node.site.name.clone();
                let speaks = Duration::from_millis(300 + 70 * (at * people + person) as u64);
                callers.push(std::thread::spawn(move || {
                    while !shared.over.load(Ordering::SeqCst) {
                        shared.call(&line.dial(Dial::to(number)), &name, speaks);
                    }
                }));
            }
        }
        Self { shared, callers }
    }

    /// Waits until so many more calls were up than now.
    #[track_caller]
    pub(crate) fn goes_on(&self, calls: usize) {
        let before = self.shared.made.load(Ordering::SeqCst);
        let more = || self.shared.made.load(Ordering::SeqCst) - before >= calls;
        assert!(eventually(PATIENCE, more), "no calls: {:?}", self.shared.refused.lock());
    }

    /// Everybody hangs up, after which it is seen that nobody was refused, and that no more calls
    /// than the cap were up at once.
    #[track_caller]
    pub(crate) fn stop_unrefused(self, town: &Town, cap: usize) {
        let seen = self.stop();
        assert!(seen.most <= cap, "{seen:?}");
        let why = town.why(&seen.refused).join("\n");
        assert_eq!(seen.refused, [""; 0], "of {} calls\n{why}", seen.made);
    }

    /// Everybody hangs up.
    pub(crate) fn stop(mut self) -> Seen {
        self.shared.over.store(true, Ordering::SeqCst);
        for caller in self.callers.drain(..) {
            caller.join().unwrap();
        }
        Seen {
            most: self.shared.most.load(Ordering::SeqCst),
            made: self.shared.made.load(Ordering::SeqCst),
            refused: std::mem::take(&mut self.shared.refused.lock().unwrap()),
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    /// One call, from its beginning to its end.
    fn call(&self, call: &Call, from: &str, speaks: Duration) {
        let code = call.code(seconds(15.0));
        if code != 200 {
            self.refused.lock().unwrap().push(format!("{from}: {code} {}", call.id));
            // Nobody calls again in the same moment.
            std::thread::sleep(Duration::from_millis(100));
            return;
        }
        let up = self.up.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(up, Ordering::SeqCst);
        self.made.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(speaks);
        self.up.fetch_sub(1, Ordering::SeqCst);
        call.bye();
    }
}
