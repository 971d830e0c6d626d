//! The switch's own list of channels, which is the truth.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::{LegEvent, LegId, LegSeen, SwitchEvent};

use super::Error;
use super::event::{Headers, facts};
use super::operator::Operator;

/// `show channels as json`. An empty table has no `rows` at all (measured).
#[derive(Debug, Deserialize)]
struct Channels {
    #[serde(default)]
    rows: Vec<Channel>,
}

#[derive(Debug, Deserialize)]
struct Channel {
    uuid: String,
    #[serde(default)]
    application: String,
    #[serde(default)]
    application_data: String,
}

/// The legs in the list, whosever they are.
pub(super) fn parse(body: &str) -> Result<Vec<LegSeen>, Error> {
    let channels: Channels =
        serde_json::from_str(body).map_err(|error| Error::Nonsense(error.to_string()))?;
    let legs = channels.rows.into_iter().filter_map(|row| {
        Some(LegSeen {
            leg: LegId::parse(&row.uuid)?,
            application: row.application.into(),
            data: row.application_data.into(),
        })
    });
    Ok(legs.collect())
}

impl Operator {
    /// Reads the list and tells it: legs that wait unseen first, then all of ours.
    pub(super) async fn list(&mut self, restarted: bool) -> Result<(), Error> {
        let all = parse(&self.api("show channels as json").await?)?;
        let mut ours: Vec<LegSeen> = Vec::new();
        let mut others = BTreeSet::new();
        for row in all {
            let known = self.seen().has(&row.leg);
            if known {
                ours.push(row);
            } else if self.others.contains(&row.leg) || !self.is_marked(&row).await? {
                others.insert(row.leg);
            } else {
                self.found(&row).await?;
                ours.push(row);
            }
        }
        self.others = others;
        // The table is filled a moment late: absence from it is none.
        let known = self.seen().legs();
        for leg in known {
            if ours.iter().any(|row| row.leg == leg) {
                continue;
            }
            if self.api(&format!("uuid_exists {leg}")).await?.trim() == "true" {
                let (application, data): (Arc<str>, Arc<str>) = ("unknown".into(), "".into());
                ours.push(LegSeen { leg, application, data });
            } else {
                self.seen().gone(&leg);
                self.forget(&leg);
            }
        }
        self.shared.set_legs(ours.len());
        self.tell(SwitchEvent::Legs { restarted, legs: ours });
        Ok(())
    }

    async fn is_marked(&self, row: &LegSeen) -> Result<bool, Error> {
        let mark = self.api(&format!("uuid_getvar {} hallporter", row.leg)).await?;
        Ok(matches!(mark.trim(), "deposit" | "callback" | "call"))
    }

    /// A leg of ours that nobody has told of: it came while nobody listened.
    async fn found(&self, row: &LegSeen) -> Result<(), Error> {
        let waits = &*row.application == "park";
        let dump = self.api(&format!("uuid_dump {}", row.leg)).await?;
        let Ok(dump) = esl::parse_channel_dump(&dump) else { return Ok(()) };
        let guest = Headers::header(&dump, "variable_hallporter") == Some("callback");
        let news = self.seen().parked(&row.leg, guest);
        if news && waits {
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
        assert_eq!(parse("{\"row_count\": 0}\n").unwrap(), []);
        assert_eq!(parse(r#"{"row_count":0,"rows":[]}"#).unwrap(), []);
        let one = r#"{"row_count":2,"rows":[{"uuid":"a-1","application":"record","application_data":"/x.wav 60"},{"uuid":"a b"}]}"#;
        let legs = parse(one).unwrap();
        assert_eq!((legs.len(), &*legs[0].application, &*legs[0].data), (1, "record", "/x.wav 60"));
        assert!(parse("-ERR no reply").is_err());
    }
}
