//! What http needs of the process, said as a trait: `serve` fills it in, tests play it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::desk::{Desk, Ended};
use crate::domain::{AccountKey, CallEvent, CallRef, Decision, FarCall, Now, RouteQuery, SwitchId};
use crate::registry::{self, Command};

use super::council::Council;
use super::mailroom::Mailroom;
use super::wire::{Status, Why};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The process behind the doors.
pub trait Porter: Council + Mailroom + Send + Sync + 'static {
    /// Decides, admits and remembers. Must answer within the proxy's patience (a third of a
    /// second), whatever is slow behind it.
    fn route(&self, query: Box<RouteQuery>) -> BoxFuture<'_, Arc<Decision>>;

    /// Decides without changing anything, as it would be at a moment (milliseconds since 1970;
    /// `None`: now).
    fn rehearse(&self, query: Box<RouteQuery>, at_ms: Option<i64>) -> BoxFuture<'_, Arc<Decision>>;

    /// The text of an account's rules as it was written; `None`: it has none. The error is a
    /// sentence.
    fn rule_text(&self, account: AccountKey) -> BoxFuture<'_, Result<Option<String>, String>>;

    /// Takes in what a proxy told. When the future ends, what somebody is to be told of it is
    /// written down; it may be dropped.
    fn event(&self, event: CallEvent) -> BoxFuture<'static, ()>;

    /// Changes the registry. When it returns, the change is written down and in force.
    fn command(&self, command: Command) -> BoxFuture<'_, Result<(), CommandError>>;

    /// Looks at the desk, under its lock: a look has to be short, for calls wait meanwhile.
    fn read(&self, look: &mut dyn FnMut(&Desk, Now));

    /// The switch of that name, if it asks who rings.
    fn calling_switch(&self, name: &str) -> Option<CallingSwitch>;

    /// Ends a call at the proxy that carries it; where it is another node's, that one does.
    fn end_call(&self, call: CallRef) -> BoxFuture<'_, Result<(), CallError>>;

    /// Frees a call's slot by hand and writes down why, at the node whose call it is.
    fn release_call(
        &self,
        call: CallRef,
        reason: String,
    ) -> BoxFuture<'_, Result<Ended, CallError>>;

    /// What is known about a call, by its SIP Call-ID or our number of it, oldest first; empty if
    /// nothing is. Other nodes are asked where it is theirs, or nobody's that is known. The error
    /// is a sentence.
    fn why(&self, key: String) -> BoxFuture<'_, Result<Why, String>>;

    /// How the daemon stands.
    fn status(&self) -> Status;

    /// This node's name, if it is one of a cluster.
    fn node_name(&self) -> Option<String> {
        None
    }

    /// Calls of other nodes behind one, each with its node's name: of one node, of one account, or
    /// all, at most so many.
    fn far_calls(
        &self,
        _node: Option<&str>,
        _account: Option<AccountKey>,
        _after: Option<CallRef>,
        _max: usize,
    ) -> Vec<(String, FarCall)> {
        Vec::new()
    }

    /// A call of another node, by our number of it or by its SIP Call-ID.
    fn far_call(&self, _key: &str) -> Option<(String, FarCall)> {
        None
    }

    /// The process's metrics as OpenMetrics text, with or without its last line `# EOF`.
    fn metrics(&self) -> String;

    /// A secret that nobody can guess, for a new token. The error is a sentence.
    ///
    /// # Errors
    /// The machine has no dice.
    fn secret(&self) -> Result<[u8; 32], String>;

    /// A clock that only runs forward, in microseconds, to take the time of answers with.
    fn stopwatch_us(&self) -> u64;
}

/// A switch that asks who rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallingSwitch {
    /// Its number.
    pub id: SwitchId,
    /// The SIP profile by which devices are called.
    pub profile: String,
    /// The directory of the prompts, in the language in which people are asked to press a key.
    pub prompts: String,
}

/// Why a change of the registry did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It can't be written down; nothing was changed. The sentence says what to do.
    #[error("{0}")]
    NotDurable(String),
    /// The registry refuses it; nothing was changed.
    #[error(transparent)]
    Refused(#[from] registry::Error),
}

/// Why nothing was done to a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CallError {
    /// There is no such call.
    #[error("there is no call {call}: see `call list`")]
    NoCall {
        /// Which.
        call: CallRef,
    },
    /// No proxy has shown it, so none can be asked to end it.
    #[error(
        "no proxy has shown call {call} yet, so none can be asked to end it: try again in some seconds (a [[kamailio.proxy]] must be configured), or free its slot with `call release {call} --reason TEXT`"
    )]
    NoProxy {
        /// Which.
        call: CallRef,
    },
    /// It only rings, and a proxy ends answered calls only.
    #[error(
        "call {call} was not answered yet, and a proxy can end answered calls only: try again once it is, or wait until it has rung out (`call release` would free its slot and let it ring)"
    )]
    NotAnswered {
        /// Which.
        call: CallRef,
    },
    /// Another node has it, and can't be asked.
    #[error(
        "call {call} is at node {node}, which is not reached: nothing was done, try again when it is back (see `cluster nodes`)"
    )]
    Away {
        /// Which.
        call: CallRef,
        /// The node's name.
        node: String,
    },
    /// Another node has it, and has not said what came of it.
    #[error(
        "call {call} is at node {node}, which has not said in time whether it was done: look at `call show {call}`, and try again"
    )]
    Silent {
        /// Which.
        call: CallRef,
        /// The node's name.
        node: String,
    },
    /// It can't be written down; nothing was changed. The sentence says what to do.
    #[error("{0}")]
    NotDurable(String),
    /// The proxy that carries it did not do it. The sentence says why.
    #[error("{0}")]
    Proxy(String),
}
