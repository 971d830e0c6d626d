//! What is done while the connections to a switch are up: the beat, the list, and what is asked
//! for, side by side.

use std::sync::Arc;
use std::time::Duration;

use esl::{EslError, EslEvent, EslEventStream};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::domain::SwitchCommand;

use super::errand::carry_out;
use super::jobs::Job;
use super::lanes::{Lanes, Ticket};
use super::operator::Operator;
use super::{Asked, Error, command};

/// How many commands may be under way or wait for their lane. The rest waits where it is asked
/// for, and is refused there beyond a limit.
const COMMANDS_MAX: usize = 1_024;
/// A list that has not come after so many rounds more will not come: it is asked for anew.
const ROUNDS_MAX: u8 = 2;

/// One time of work, from the first list to the loss of the connections.
pub(super) struct Shift<'a> {
    operator: &'a Operator,
    lanes: Lanes<Arc<Asked>>,
    under_way: FuturesUnordered<BoxFuture<'a, (Work, Result<(), Error>)>>,
    beating: bool,
    list: List,
    /// A list that was asked for before something was missed does not have it.
    list_again: bool,
}

/// What is under way.
#[derive(Clone, Copy, Debug)]
enum Work {
    Beat,
    AskList,
    ReadList,
    Command(Ticket),
}

/// How far the list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Idle,
    /// It was asked for, so many rounds ago.
    Asked(u8),
    Read,
}

/// What comes next.
enum Due {
    Done(Work, Result<(), Error>),
    Beat,
    Job(Option<Box<Result<EslEvent, EslError>>>),
    Command(Option<Asked>),
    Missed,
    List,
}

impl<'a> Shift<'a> {
    pub(super) fn new(operator: &'a Operator) -> Self {
        Self {
            operator,
            lanes: Lanes::default(),
            under_way: FuturesUnordered::new(),
            beating: false,
            list: List::Idle,
            list_again: false,
        }
    }

    /// Works until a connection is lost, and says why it is.
    pub(super) async fn work(
        &mut self,
        mut jobs: EslEventStream,
        restarted: bool,
        overflow: &Notify,
        watchers: &mut JoinSet<Error>,
        waiting: &mut mpsc::Receiver<Asked>,
    ) -> Error {
        if let Err(error) = first(self.operator, restarted).await {
            return error;
        }
        let config = &self.operator.config;
        // Only now: before the first beat it leads callers to its own words.
        tracing::info!(switch = &*config.name, restarted, "the switch is there");
        let mut beat = every(config.patience.beat_every);
        let mut list = every(config.patience.list_every);
        // The table is filled a moment late: who has come just before us is in it then.
        list.reset_after(config.patience.list_every / 5);
        loop {
            // What is sent is never broken off while the connection is up: it stays under way
            // whatever else comes.
            let due = tokio::select! {
                biased;
                ended = watchers.join_next() => {
                    return match ended {
                        Some(Ok(error)) => error,
                        Some(Err(error)) => Error::Lost(error.to_string()),
                        None => Error::Lost("nobody reads".to_owned()),
                    };
                }
                Some((work, done)) = self.under_way.next() => Due::Done(work, done),
                _ = beat.tick() => Due::Beat,
                job = jobs.recv() => Due::Job(job.map(Box::new)),
                () = overflow.notified() => Due::Missed,
                _ = list.tick() => Due::List,
                command = waiting.recv(), if self.lanes.len() < COMMANDS_MAX => {
                    Due::Command(command)
                }
            };
            if let Err(error) = self.take(due) {
                return error;
            }
            self.begin_what_may();
        }
    }

    /// The connections are lost: whoever waits for an answer hears that there will be none.
    pub(super) fn give_up(&mut self) {
        for asked in self.lanes.give_up() {
            let (command, _) = &*asked;
            self.operator.refuse(command::leg(command).clone(), command::word(command));
        }
        self.operator.give_up_jobs();
    }

    fn take(&mut self, due: Due) -> Result<(), Error> {
        match due {
            Due::Done(work, done) => return self.done(work, done),
            Due::Beat if self.beating => {}
            Due::Beat => {
                self.beating = true;
                let operator = self.operator;
                self.begin(Work::Beat, async { operator.beat().await });
            }
            Due::Job(None) => return Err(Error::Lost("the connection for commands".to_owned())),
            Due::Job(Some(event)) => match *event {
                Ok(event) => self.operator.jobs.tell(event),
                Err(error) => tracing::debug!(%error, "the end of a job could not be read"),
            },
            Due::Command(None) => return Err(Error::Lost("the daemon stops".to_owned())),
            Due::Command(Some(asked)) => {
                let leg = command::leg(&asked.0).clone();
                let other = if let SwitchCommand::Bridge { other, .. } = &asked.0 {
                    Some(other.clone())
                } else {
                    None
                };
                self.lanes.ask(leg, other, Arc::new(asked));
            }
            Due::Missed => {
                self.list_again = true;
                self.list_when_idle();
            }
            Due::List => self.round(),
        }
        Ok(())
    }

    /// Something is done. An answer without sense changes nothing.
    fn done(&mut self, work: Work, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Ok(()) => {}
            Err(error @ Error::Nonsense(_)) => {
                let switch = &*self.operator.config.name;
                tracing::warn!(switch, %error, "what the switch said is left out");
                if matches!(work, Work::AskList) {
                    self.list = List::Idle;
                }
            }
            Err(error) => return Err(error),
        }
        match work {
            Work::Beat => self.beating = false,
            Work::AskList => {}
            Work::ReadList => self.list = List::Idle,
            Work::Command(ticket) => self.lanes.done(ticket),
        }
        Ok(())
    }

    /// It is time for a list.
    fn round(&mut self) {
        match self.list {
            List::Asked(rounds) if rounds < ROUNDS_MAX => self.list = List::Asked(rounds + 1),
            List::Asked(_) => {
                self.operator.jobs.give_up(|job| *job == Job::List);
                self.list = List::Idle;
                self.list_again = true;
            }
            List::Idle => self.list_again = true,
            List::Read => {}
        }
        self.list_when_idle();
    }

    fn list_when_idle(&mut self) {
        if self.list == List::Idle && std::mem::take(&mut self.list_again) {
            self.list = List::Asked(0);
            let operator = self.operator;
            self.begin(Work::AskList, async { operator.ask_list().await });
        }
    }

    fn begin_what_may(&mut self) {
        let operator = self.operator;
        while let Some((job, answer)) = operator.jobs.ended() {
            if job == Job::List {
                self.list = List::Read;
                self.begin(Work::ReadList, async move { operator.listed(&answer, false).await });
            } else {
                operator.job_ended(&job, &answer);
            }
        }
        self.list_when_idle();
        while let Some((ticket, asked)) = self.lanes.begin() {
            self.begin(Work::Command(ticket), async move {
                carry_out(operator, &asked.0, asked.1).await
            });
        }
    }

    fn begin(&mut self, work: Work, doing: impl Future<Output = Result<(), Error>> + Send + 'a) {
        self.under_way.push(Box::pin(async move { (work, doing.await) }));
    }
}

async fn first(operator: &Operator, restarted: bool) -> Result<(), Error> {
    operator.beat().await?;
    operator.first_list(restarted).await
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}
