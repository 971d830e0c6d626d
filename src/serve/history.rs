//! What is kept for `why`: written down behind the answers.

use std::sync::Arc;

use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use crate::desk::{Ended, explain};
use crate::domain::{BranchEnd, CallRef, Decision, EndCause, Now, Telling};
use crate::http::wire::{WhyEntry, WhyKind};
use crate::store::{HistoryEntry, Store};

/// The way to the record.
pub(crate) struct History {
    store: Arc<Store>,
}

/// What is kept of everything but decisions and ends, which are put into words when somebody asks.
#[derive(Serialize)]
struct Told<'a, T> {
    lines: &'a [&'a str],
    data: T,
}

impl History {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    pub(crate) fn decided(&self, decision: &Decision) {
        self.store.decided(decision);
    }

    pub(crate) fn ended(&self, ended: &Ended) {
        self.store.ended(ended);
    }

    pub(crate) fn released(&self, ended: &Ended, reason: &str) {
        let line = format!("an operator freed its slot: {reason}");
        let told = Told { lines: &[&line], data: ended };
        self.store.remember(&ended.call_id, Some(ended.call), ended.at_ms, "released", &told);
    }

    pub(crate) fn adopted(&self, call: CallRef, call_id: &str, now: Now) {
        let line = "found at a proxy without having been asked about; it is counted from now on";
        let told = Told { lines: &[line], data: serde_json::json!({ "call": call }) };
        self.store.remember(call_id, Some(call), now.wall_ms, "adopted", &told);
    }

    /// What was told of a call, and to whom.
    pub(crate) fn told(&self, call: Option<CallRef>, telling: &Telling, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let data = serde_json::json!({ "kind": telling.kind, "stages": telling.stages });
        let told = Told { lines: &lines, data };
        self.store.remember(&telling.call_id, call, telling.at_ms, "told", &told);
    }

    /// What is known of a call, oldest first.
    pub(crate) async fn why(&self, key: String) -> Result<Vec<WhyEntry>, String> {
        let store = Arc::clone(&self.store);
        let found = tokio::task::spawn_blocking(move || store.why(&key)).await;
        let found = found.map_err(|error| error.to_string())?;
        let entries = found.map_err(|error| error.to_string())?;
        // Nothing is found of what has just happened, on the very night on which it is asked for.
        let trouble = self.store.health().last_error.filter(|_| entries.is_empty());
        if let Some(trouble) = trouble {
            return Err(format!(
                "what happened to calls lately is not written down yet, so it can't be looked up: {trouble}"
            ));
        }
        Ok(entries.into_iter().map(read).collect())
    }
}

fn sentence(ended: &Ended) -> String {
    let why = match ended.cause {
        EndCause::Ended => "it ended",
        EndCause::Failed => "it was never answered",
        EndCause::Expired => "nothing followed after it had been admitted, so its slot was freed",
        EndCause::Vanished => "the proxies were asked twice and do not know it any more",
        EndCause::TooLong => "it has outlived the switch's longest duration (calls.max_duration)",
        EndCause::Released => "an operator freed its slot",
    };
    let code = ended.code.map_or_else(String::new, |code| format!(", SIP code {code}"));
    let up = match ended.up_ms {
        0 => String::new(),
        up_ms => format!(", after {}.{} s", up_ms / 1000, up_ms % 1000 / 100),
    };
    format!("over: {why}{code}{up}")
}

/// What each branch has answered, and how the call ended.
fn sentences(ended: &Ended) -> Vec<String> {
    let mut lines: Vec<String> = ended.branches.iter().map(branch).collect();
    lines.push(sentence(ended));
    lines
}

fn branch(end: &BranchEnd) -> String {
    let BranchEnd { device, code, after_ms, woke_ms } = end;
    let woke = woke_ms.map_or_else(String::new, |ms| format!("woke after {}, ", seconds(ms)));
    let what = match code {
        200..=299 => "answered".to_owned(),
        // The proxy's own word where nobody has answered in time.
        408 => "408, no answer".to_owned(),
        486 | 600 => format!("{code}, busy"),
        487 => "487, cancelled".to_owned(),
        603 => "603, declined".to_owned(),
        _ => format!("SIP code {code}"),
    };
    format!("device {device}: {woke}{what} after {}", seconds(*after_ms))
}

fn seconds(ms: u32) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

fn read(entry: HistoryEntry) -> WhyEntry {
    let HistoryEntry { at_ms, kind, mut data, .. } = entry;
    let kind = match kind.as_str() {
        "ended" => {
            let ended = Ended::deserialize(&data);
            let lines = ended.map_or_else(|_| Vec::new(), |ended| sentences(&ended));
            return WhyEntry { at_ms, node: None, kind: WhyKind::Ended, lines, data };
        }
        "released" => WhyKind::Released,
        "adopted" => WhyKind::Adopted,
        "told" => WhyKind::Told,
        _ => {
            // One that another version has written may have steps that are not known here; they
            // are in the data all the same.
            let decision = serde_json::from_value::<Decision>(data.clone());
            let lines = decision.map_or_else(|_| Vec::new(), |decision| explain(&decision));
            return WhyEntry { at_ms, node: None, kind: WhyKind::Decided, lines, data };
        }
    };
    let lines = data["lines"].as_array().into_iter().flatten();
    let lines = lines.filter_map(Value::as_str).map(str::to_owned).collect();
    WhyEntry { at_ms, node: None, kind, lines, data: data["data"].take() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NodeId;
    use crate::domain::{
        AccountName, Branch, Cause, DeviceName, DeviceSkip, ForkOrder, Identifier, Outcome,
        PoolKind, Refusal, Room, Side, Stage, Step,
    };

    fn steps() -> Vec<Step> {
        let account = AccountName::parse("alice").unwrap();
        let device = DeviceName::parse("desk").unwrap();
        let identifier = Identifier::parse("+493012345").ok();
        let cap = |room, cap| Step::Cap {
            account: account.clone(),
            side: Side::To,
            kind: PoolKind::In,
            used: 2,
            cap,
            room,
        };
        vec![
            Step::Emergency { number: "112".into() },
            Step::Repeated,
            Step::Caller { account: None, authenticated: false },
            Step::Callee { identifier, account: Some(account.clone()) },
            Step::Disabled { account: account.clone(), side: Side::From },
            cap(Room::Yes, None),
            cap(Room::Frozen, Some(2)),
            Step::Device { device: device.clone(), stage: 1, after_s: 8, skip: None },
            Step::Device { device, stage: 255, after_s: 0, skip: Some(DeviceSkip::NoGateway) },
            Step::OrderFull { branches_max: 12 },
        ]
    }

    fn decision(outcome: Outcome) -> Decision {
        Decision {
            call: Some(CallRef::new(NodeId(1), 1, 2)),
            call_id: "a@h".into(),
            at_ms: 1_800_000_000_000,
            from_uri: "sip:bob@h".into(),
            ruri: "tel:+493012345".into(),
            outcome,
            steps: steps(),
        }
    }

    #[test]
    fn an_end_says_what_each_branch_has_answered() {
        let end = |device: &str, code, after_ms| BranchEnd {
            device: DeviceName::parse(device).unwrap(),
            code,
            after_ms,
            woke_ms: None,
        };
        let ended = Ended {
            call: CallRef::new(NodeId(1), 1, 2),
            call_id: "a@h".into(),
            cause: EndCause::Ended,
            code: None,
            at_ms: 7,
            up_ms: 65_000,
            branches: [end("desk", 486, 3200), end("mobile", 200, 12_300)].into(),
        };
        let (call_id, call, data) = ("a@h".to_owned(), None, serde_json::to_value(&ended).unwrap());
        let told = read(HistoryEntry { call_id, call, at_ms: 7, kind: "ended".to_owned(), data });
        assert_eq!(
            told.lines,
            [
                "device desk: 486, busy after 3.2 s",
                "device mobile: answered after 12.3 s",
                "over: it ended, after 65.0 s"
            ]
        );
    }

    #[test]
    fn a_decision_says_the_same_when_it_is_read_back() {
        let branch = Branch {
            device: DeviceName::parse("desk").unwrap(),
            after_s: 8,
            uri: "sip:desk@10.0.0.7".into(),
            dst_uri: None,
            path: Some("<sip:edge@h;lr>".into()),
            headers: None,
            wake: None,
        };
        let refusal = Refusal {
            code: 486,
            cause: Cause::CapIn,
            reason: "Busy".into(),
            headers: "Reason: Q.850;cause=17\r\n".into(),
        };
        let stages =
            vec![Stage { ring_s: 15, branches: vec![branch], mailbox: false, after: None }];
        for outcome in [
            Outcome::Fork(ForkOrder { stages }.into()),
            Outcome::Pass { headers: "".into() },
            Outcome::Refuse(refusal),
        ] {
            let decision = decision(outcome);
            let data = serde_json::to_value(&decision).unwrap();
            let entry = HistoryEntry {
                call_id: "a@h".to_owned(),
                call: decision.call,
                at_ms: 7,
                kind: "decided".to_owned(),
                data: data.clone(),
            };
            let told = read(entry);
            assert_eq!((told.kind, told.at_ms, &told.data), (WhyKind::Decided, 7, &data));
            assert_eq!(told.lines, explain(&decision));
            assert!(told.lines.len() > decision.steps.len());
        }
    }
}
