//! Putting a motion: it is agreed on, written down and carried out, or it is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::desk::{Motion, Verdict};
use crate::peers::{Agrees as _, ProposeError};
use crate::registry;

use super::house::House;

/// How long what was agreed on may take to be carried out at this node.
const HERE_WITHIN: Duration = Duration::from_secs(10);

/// What is said where an entry of the log is not understood.
pub(super) const STRANGE: &str = "another node runs a newer version, and this one does not understand what was \
    agreed on: update this node";

/// Why a motion did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unagreed {
    /// It can't be written down. The sentence says what to do.
    #[error("{0}")]
    NotDurable(String),
    /// The registry refuses it before anybody is asked.
    #[error(transparent)]
    Refused(#[from] registry::Error),
    /// The others can't be asked, or have not answered. The sentence says what to do.
    #[error("{0}")]
    NotNow(String),
    /// There is nobody else.
    #[error("this node is not in a cluster: see `hallporter cluster init`")]
    Alone,
}

/// Puts a motion. When this returns, it is written down and in force at this node.
pub(crate) async fn agree(house: &Arc<House>, motion: Motion) -> Result<Verdict, Unagreed> {
    match &motion {
        // What can't come about is not even asked for.
        Motion::Registry { command, .. } => {
            house.desk().registry().plan(command)?;
        }
        Motion::Ledger(_) if house.nodes().is_none() => return Err(Unagreed::Alone),
        Motion::Ledger(_) | Motion::Roll(_) | Motion::Message(_) => {}
    }
    // Whoever keeps a message says so himself, and rights are asked for again.
    let is_quiet = matches!(motion, Motion::Message(_) | Motion::Ledger(_));
    let put = put(house, motion).await;
    if !is_quiet && let Err(Unagreed::NotDurable(sentence)) = &put {
        house.changes_not_written.fetch_add(1, Ordering::Relaxed);
        tracing::error!(error = sentence, "a change could not be written down and was refused");
    }
    put
}

async fn put(house: &House, motion: Motion) -> Result<Verdict, Unagreed> {
    let not_durable = |error: &dyn std::fmt::Display| Unagreed::NotDurable(error.to_string());
    let agreement = house.agreement().ok_or(Unagreed::Alone)?;
    if agreement.strange().is_some() {
        return Err(Unagreed::NotNow(STRANGE.to_owned()));
    }
    let (put, verdict) = house.minutes.put(motion);
    let bytes = put.bytes().map_err(|error| not_durable(&error))?;
    let mut verdict = verdict;
    tokio::select! {
        biased;
        // What was carried out here was agreed on, whatever else is heard of it.
        Some(verdict) = verdict.here() => Ok(verdict),
        agreed = agreement.propose(bytes.into()) => {
            agreed.map_err(|error| match error {
                ProposeError::Disk(_) => not_durable(&error),
                ProposeError::TooLong(_)
                | ProposeError::Full
                | ProposeError::NoLeader
                | ProposeError::Unknown
                | ProposeError::Members(_)
                | ProposeError::Closed => Unagreed::NotNow(error.to_string()),
            })?;
            match tokio::time::timeout(HERE_WITHIN, verdict.here()).await {
                Ok(Some(verdict)) => Ok(verdict),
                Ok(None) | Err(_) => Err(Unagreed::NotNow(
                    "the change was agreed on, and is not made at this node yet: \
                     look before you try again"
                        .to_owned(),
                )),
            }
        }
    }
}
