//! The switch's own list of channels, which is the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::{LegEvent, LegId, LegSeen, SwitchEvent};

use super::Error;
use super::event::{Headers, facts, is_guest};
use super::jobs::Job;
use super::operator::Operator;
use super::seen::News;

/// `show channels as json`. An empty table has no `rows` at all (measured).
#[derive(Debug, Deserialize)]
struct Channels {
    #[serde(default)]
    rows: Vec<Channel>,
}

/// One channel.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Channel {
    uuid: String,
    state: String,
    pub(super) direction: String,
    pub(super) callstate: String,
    pub(super) created_epoch: String,
    pub(super) application: String,
    application_data: String,
}

impl Channel {
    /// Its id; `None` if it could break a command.
    pub(super) fn leg(&self) -> Option<LegId> {
        LegId::parse(&self.uuid)
    }
}

/// The legs in the list (the answer to `show channels as json`), whosever they are. Rows whose id
/// could break a command are left out.
///
/// # Errors
/// [`Error::Nonsense`] for what is no such list.
pub fn read_list(body: &str) -> Result<Vec<LegSeen>, Error> {
    Ok(legs(&channels(body)?))
}

fn channels(body: &str) -> Result<Vec<Channel>, Error> {
    let channels: Channels =
        serde_json::from_str(body).map_err(|error| Error::Nonsense(error.to_string()))?;
    Ok(channels.rows)
}

fn legs(rows: &[Channel]) -> Vec<LegSeen> {
    let legs = rows.iter().filter_map(|row| {
        Some(LegSeen {
            leg: row.leg()?,
            // Who was connected and waits again still bears the name of what connected him.
            application: if row.state == "CS_PARK" { "park" } else { &row.application }.into(),
            data: (*row.application_data).into(),
        })
    });
    legs.collect()
}

/// The command for it.
const LIST: &str = "show channels as json";
/// What the dialplan runs on a leg of ours before it parks (`dialplan/hallporter.xml`). Such a leg
/// is told when it parks.
const BEFORE_PARK: &[&str] = &["", "set", "ring_ready", "sched_transfer"];

impl Operator {
    /// Asks for the list, waits for it, and tells it. For the first one: nothing else may be done
    /// before it.
    pub(super) async fn first_list(&self, restarted: bool) -> Result<(), Error> {
        self.calls_asked(restarted);
        let answer = self.api(LIST).await?;
        self.listed(&answer, restarted).await
    }

    /// Asks for the list in the background: the switch writes a long one for many milliseconds,
    /// and would do nothing else on this connection meanwhile.
    pub(super) async fn ask_list(&self) -> Result<(), Error> {
        self.calls_asked(false);
        match self.begin(LIST, Job::List, &mut None).await? {
            None => Ok(()),
            Some(refusal) => Err(Error::Nonsense(refusal)),
        }
    }

    /// Takes in the list and tells it: legs that wait unseen first, then all of ours.
    pub(super) async fn listed(&self, answer: &str, restarted: bool) -> Result<(), Error> {
        let rows = channels(answer)?;
        self.calls(&rows).await?;
        let all = legs(&rows);
        let mut ours: Vec<LegSeen> = Vec::new();
        let mut others = BTreeMap::new();
        for row in all {
            // What is none of ours stays so until it does something else.
            let passed = self.handled().others.get(&row.leg) == Some(&row.application);
            let known = self.seen().has(&row.leg);
            if !known && (passed || !self.is_marked(&row.leg).await?) {
                others.insert(row.leg, row.application);
                continue;
            }
            if !self.seen().is_told(&row.leg) {
                // Somebody before us, or before the loss of the connection, has let this run: the
                // dead man's tail waits behind it, and must not fire into what we ask for next.
                if matches!(&*row.application, "playback" | "record") {
                    self.handled().tails.insert(row.leg.clone());
                }
                self.found(&row).await?;
            }
            ours.push(row);
        }
        self.handled().others = others;
        self.absent(&mut ours).await?;
        self.forget_all_but_seen();
        self.shared.set_legs(ours.len());
        self.tell(SwitchEvent::Legs { restarted, legs: ours });
        Ok(())
    }

    /// The table is filled a moment late: absence from it is none, and a call that was asked for
    /// just now is no leg yet.
    async fn absent(&self, ours: &mut Vec<LegSeen>) -> Result<(), Error> {
        let listed: BTreeSet<LegId> = ours.iter().map(|row| row.leg.clone()).collect();
        let known = self.seen().legs();
        for leg in known.into_iter().filter(|leg| !listed.contains(leg)) {
            let exists = self.is_being_called(&leg)
                || self.api(&format!("uuid_exists {leg}")).await?.trim() == "true";
            if exists {
                let (application, data): (Arc<str>, Arc<str>) = ("unknown".into(), "".into());
                ours.push(LegSeen { leg, application, data });
            } else {
                self.seen().gone(&leg);
            }
        }
        Ok(())
    }

    async fn is_marked(&self, leg: &LegId) -> Result<bool, Error> {
        let mark = self.api(&format!("uuid_getvar {leg} hallporter")).await?;
        Ok(self.seen().recognises(Some(mark.trim())))
    }

    /// A leg of ours that nobody has told of: it came while nobody listened.
    async fn found(&self, row: &LegSeen) -> Result<(), Error> {
        self.seen().add(&row.leg);
        if BEFORE_PARK.contains(&&*row.application) {
            return Ok(());
        }
        let dump = self.api(&format!("uuid_dump {}", row.leg)).await?;
        let Ok(dump) = esl::parse_channel_dump(&dump) else { return Ok(()) };
        if &*row.application != "park" {
            // A leg that is called has no application of ours yet.
            if Headers::header(&dump, "variable_hallporter") != Some("call") {
                self.seen().busy(&row.leg, is_guest(&dump));
            }
            return Ok(());
        }
        let news = self.seen().parked(&row.leg, is_guest(&dump));
        if news == News::Came {
            let event = LegEvent::Parked(Box::new(facts(&dump)));
            self.tell(SwitchEvent::Leg { leg: row.leg.clone(), event });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_has_no_rows() {
        assert_eq!(read_list("{\"row_count\": 0}\n").unwrap(), []);
        assert_eq!(read_list(r#"{"row_count":0,"rows":[]}"#).unwrap(), []);
        let one = r#"{"row_count":2,"rows":[{"uuid":"a-1","application":"record","application_data":"/x.wav 60"},{"uuid":"a b"}]}"#;
        let legs = read_list(one).unwrap();
        assert_eq!((legs.len(), &*legs[0].application, &*legs[0].data), (1, "record", "/x.wav 60"));
        assert!(read_list("-ERR no reply").is_err());
    }
}
