//! Calls at a pace: asked about one by one, answered at once, ended after a while; what happens to
//! them is told many at a time, as Kamailio does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::time::sleep_until;

use crate::generator::{EVENTS_AT_ONCE, Questions, exchange};
use crate::nodes::Node;

/// Connections for questions to each node.
const CONNECTIONS: usize = 16;
/// How long events are gathered.
const GATHER: Duration = Duration::from_millis(5);

/// How many calls, and for how long each is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) per_s: u32,
    pub(crate) time: Duration,
    pub(crate) up: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) calls: u32,
    pub(crate) refused: u32,
    pub(crate) time: Duration,
}

/// One node, as its proxy sees it.
struct Door {
    questions: Questions,
    pace: Pace,
    began: Instant,
    asked: Cell<u32>,
    refused: Cell<u32>,
    /// Calls that were admitted, and since when.
    begun: RefCell<VecDeque<(u32, Instant)>>,
    up: RefCell<VecDeque<(u32, Instant)>>,
    /// Connections on which nobody asks any more.
    done: Cell<usize>,
}

/// Lets calls come to these nodes, to each an equal part, until all of them are over.
pub(crate) fn carry(
    nodes: &[&Node],
    accounts: u32,
    series: u32,
    pace: Pace,
) -> anyhow::Result<Carried> {
    let mut doors = Vec::new();
    for (number, node) in (0..).zip(nodes) {
        let http = node.site.http();
        let connect = || (0..=CONNECTIONS).map(|_| TcpStream::connect(http)).collect();
        let streams: std::io::Result<Vec<TcpStream>> = node.site.inside(connect);
        let series = series * 16 + number;
        let questions = Questions::new(http, &node.token("route")?, accounts, series);
        doors.push((streams?, questions));
    }
    let share = u32::try_from(nodes.len())?;
    let pace = Pace { per_s: pace.per_s / share, ..pace };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let doors = tokio::task::LocalSet::new().block_on(&runtime, async {
        let (mut tasks, mut all) = (Vec::new(), Vec::new());
        for (streams, questions) in doors {
            let door = Rc::new(Door {
                questions,
                pace,
                began,
                asked: Cell::new(0),
                refused: Cell::new(0),
                begun: RefCell::default(),
                up: RefCell::default(),
                done: Cell::new(0),
            });
            for (number, stream) in streams.into_iter().enumerate() {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let stream = tokio::net::TcpStream::from_std(stream)?;
                let door = Rc::clone(&door);
                tasks.push(tokio::task::spawn_local(async move {
                    if number == 0 { door.tell(stream).await } else { door.ask(stream).await }
                }));
            }
            all.push(door);
        }
        for task in tasks {
            task.await??;
        }
        anyhow::Ok(all)
    })?;
    let sum = |of: fn(&Door) -> u32| doors.iter().map(|door| of(door)).sum();
    let (asked, refused): (u32, u32) =
        (sum(|door| door.asked.get()), sum(|door| door.refused.get()));
    Ok(Carried { calls: asked - refused, refused, time: began.elapsed() - pace.up })
}

impl Door {
    async fn ask(&self, stream: tokio::net::TcpStream) -> anyhow::Result<()> {
        let mut buffer = vec![0; 16_384];
        loop {
            let index = self.asked.get();
            let due = Duration::from_secs(index.into()) / self.pace.per_s;
            if due >= self.pace.time {
                self.done.set(self.done.get() + 1);
                return Ok(());
            }
            self.asked.set(index + 1);
            sleep_until((self.began + due).into()).await;
            let question = self.questions.question(index);
            let (status, read) = exchange(&stream, &mut buffer, &question).await?;
            let answer = String::from_utf8_lossy(&buffer[..read]);
            if status != 200 {
                bail!("a question was answered {status}: {answer}");
            }
            if answer.contains("\"action\":\"fork\"") {
                self.begun.borrow_mut().push_back((index, Instant::now()));
            } else {
                self.refused.set(self.refused.get() + 1);
            }
        }
    }

    async fn tell(&self, stream: tokio::net::TcpStream) -> anyhow::Result<()> {
        let mut buffer = vec![0; 16_384];
        loop {
            let now = Instant::now();
            let mut events = Vec::new();
            while events.len() < EVENTS_AT_ONCE {
                let Some((index, since)) = self.begun.borrow_mut().pop_front() else { break };
                events.push(self.questions.event("start", index));
                self.up.borrow_mut().push_back((index, since));
            }
            while events.len() < EVENTS_AT_ONCE
                && let Some((index, _)) =
                    self.up.borrow_mut().pop_front_if(|(_, since)| *since + self.pace.up <= now)
            {
                events.push(self.questions.event("end", index));
            }
            if events.is_empty() {
                let none_left = self.up.borrow().is_empty() && self.begun.borrow().is_empty();
                if self.done.get() == CONNECTIONS && none_left {
                    return Ok(());
                }
                tokio::time::sleep(GATHER).await;
                continue;
            }
            let telling = self.questions.telling(&events);
            let (status, read) = exchange(&stream, &mut buffer, &telling).await?;
            if status != 200 {
                let answer = String::from_utf8_lossy(&buffer[..read]);
                bail!("events were answered {status}: {answer}");
            }
            if events.len() < EVENTS_AT_ONCE {
                tokio::time::sleep(GATHER).await;
            }
        }
    }
}
