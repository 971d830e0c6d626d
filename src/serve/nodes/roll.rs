//! The list of the cluster's nodes, as it was agreed on, on the disk at every node.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::domain::{RollMotion, RollReply};
use crate::peers::Roll;

use super::papers::Dir;

/// The list, and up to which motion about it it goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    applied: u64,
    roll: Option<Roll>,
}

/// The list and its file.
#[derive(Debug)]
pub(crate) struct RollBook {
    dir: Dir,
    kept: Mutex<Kept>,
}

impl RollBook {
    /// As the file has it.
    pub(crate) fn load(dir: Dir) -> anyhow::Result<Self> {
        let kept = dir.load_roll()?.unwrap_or_default();
        Ok(Self { dir, kept: Mutex::new(kept) })
    }

    /// Carries out what was agreed on. `index`: its place in the log; what was carried out before
    /// is not carried out again, and is answered like something that is done. The error is a
    /// sentence; nothing has changed then.
    pub(crate) fn carry_out(
        &self,
        index: Option<u64>,
        motion: &RollMotion,
    ) -> Result<RollReply, String> {
        let mut kept = self.lock();
        let index = index.unwrap_or(kept.applied + 1);
        if index <= kept.applied {
            return Ok(RollReply::Done);
        }
        let mut new = kept.clone();
        new.applied = index;
        let reply = Roll::carry_out(&mut new.roll, motion);
        if new.roll.is_some() {
            self.dir.save_roll(&new).map_err(|error| format!("{error:#}"))?;
        }
        *kept = new;
        Ok(reply)
    }

    /// Up to which motion about it it goes.
    pub(crate) fn applied(&self) -> u64 {
        self.lock().applied
    }

    /// Looks at it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Roll) -> T) -> Option<T> {
        self.lock().roll.as_ref().map(look)
    }

    /// All of it, as text.
    pub(crate) fn text(&self) -> Option<String> {
        let kept = self.lock();
        kept.roll.as_ref()?;
        serde_json::to_string(&*kept).ok()
    }

    /// Takes over what another node has, if that goes further.
    pub(crate) fn take_over(&self, text: &str) {
        let Ok(new) = serde_json::from_str::<Kept>(text) else { return };
        let mut kept = self.lock();
        if new.roll.is_none() || new.applied <= kept.applied {
            return;
        }
        if let Err(error) = self.dir.save_roll(&new) {
            let error = format!("{error:#}");
            tracing::error!(error, "the list of nodes could not be written down");
            return;
        }
        *kept = new;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
