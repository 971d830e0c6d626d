//! The calls that we have routed at a switch: which of them are there.

use std::collections::BTreeMap;

use crate::domain::{AccountName, CallState, LegId, SeenDialog, SwitchEvent};

use super::Error;
use super::event::{Headers, ROUTED};
use super::list::Channel;
use super::operator::Operator;

/// The longest URI that is taken from a leg, in bytes.
const URI_BYTES_MAX: usize = 1024;

impl Operator {
    /// The list is being asked for: who is routed later is not expected in it.
    pub(super) fn calls_asked(&self, restarted: bool) {
        if self.config.routes {
            self.tell(SwitchEvent::CallsAsked { restarted });
        }
    }

    /// Tells which of the calls that we have routed are in the list.
    pub(super) async fn calls(&self, rows: &[Channel]) -> Result<(), Error> {
        if !self.config.routes {
            return Ok(());
        }
        let (mut routed, mut unrouted) = (BTreeMap::new(), BTreeMap::new());
        for row in rows.iter().filter(|row| row.direction == "inbound") {
            let Some(leg) = row.leg() else { continue };
            let known = self.handled().routed.get(&leg).cloned();
            // Who was not routed stays so until something else runs on his leg.
            if known.is_none() && self.handled().unrouted.get(&leg) == Some(&row.application) {
                unrouted.insert(leg, row.application.clone());
                continue;
            }
            let found = match known {
                Some(known) => Some(known),
                None => self.routed(&leg).await?,
            };
            match found {
                Some(found) => drop(routed.insert(leg, as_listed(found, row))),
                None => drop(unrouted.insert(leg, row.application.clone())),
            }
        }
        let calls = routed.values().cloned().collect();
        {
            let mut handled = self.handled();
            (handled.routed, handled.unrouted) = (routed, unrouted);
        }
        self.tell(SwitchEvent::Calls(calls));
        Ok(())
    }

    /// What is known of a leg, if we have routed it.
    async fn routed(&self, leg: &LegId) -> Result<Option<SeenDialog>, Error> {
        let mark = self.api(&format!("uuid_getvar {leg} hallporter_call")).await?;
        if matches!(mark.trim(), "" | "_undef_") || mark.starts_with("-ERR") {
            return Ok(None);
        }
        let dump = self.api(&format!("uuid_dump {leg}")).await?;
        let Ok(dump) = esl::parse_channel_dump(&dump) else { return Ok(None) };
        Ok(routed_leg(leg, &dump))
    }
}

/// What a dump of a leg says about the call, if we have routed it.
fn routed_leg(leg: &LegId, dump: &impl Headers) -> Option<SeenDialog> {
    dump.header(ROUTED)?;
    let uri = |name: &str| {
        let uri = dump.header(name).map(|uri| uri.trim_start_matches("sip:"));
        uri.filter(|uri| uri.len() <= URI_BYTES_MAX && !uri.contains(char::is_control))
    };
    Some(SeenDialog {
        call_id: leg.as_str().into(),
        from_tag: "".into(),
        dialog: leg.as_dialog(),
        state: CallState::Reserved,
        started_s: 0,
        account: dump
            .header("variable_hallporter_account")
            .and_then(|name| AccountName::parse(name).ok()),
        ruri: uri("variable_sip_req_uri").map(|uri| format!("sip:{uri}").into()),
        from_uri: uri("variable_sip_from_uri")
            .map(|uri| format!("sip:{uri}").into())
            .unwrap_or_else(|| "".into()),
        // What was dialled says so.
        emergency: false,
    })
}

fn as_listed(call: SeenDialog, row: &Channel) -> SeenDialog {
    let up = matches!(&*row.callstate, "ACTIVE" | "HELD" | "UNHELD");
    let state = if up { CallState::Up } else { CallState::Reserved };
    SeenDialog { state, started_s: row.created_epoch.parse().unwrap_or_default(), ..call }
}
