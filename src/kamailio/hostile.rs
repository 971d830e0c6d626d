//! Whatever comes in or is decided, what goes out is JSON and its headers are headers.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use crate::domain::{
    Branch, CallRef, Cause, Decision, DeviceName, ForkOrder, NodeId, Outcome, Refusal, Stage, Wake,
};

use super::*;

fn decided(outcome: Outcome) -> Decision {
    let call = Some(CallRef::new(NodeId(1), 1, 0x2f));
    let (call_id, from_uri, ruri) = (Arc::from("a"), Arc::from("b"), Arc::from("c"));
    Decision { call, call_id, at_ms: 0, from_uri, ruri, outcome, steps: Vec::new() }
}

fn branch(uri: &str) -> Branch {
    let device = DeviceName::parse("desk").unwrap();
    Branch {
        device,
        after_s: 0,
        uri: uri.into(),
        dst_uri: None,
        path: None,
        headers: None,
        wake: None,
    }
}

fn order(stages: &[&[&str]]) -> Decision {
    let stages = stages.iter().map(|uris| Stage {
        ring_s: 15,
        branches: uris.iter().map(|uri| branch(uri)).collect(),
        mailbox: false,
        after: None,
    });
    decided(Outcome::Fork(ForkOrder { stages: stages.collect() }.into()))
}

fn refusal(code: u16, reason: &str, headers: &str) -> Decision {
    let (reason, headers) = (reason.into(), headers.into());
    decided(Outcome::Refuse(Refusal { code, cause: Cause::CapOut, reason, headers }))
}

fn text(decision: &Decision) -> String {
    String::from_utf8(answer(decision)).unwrap()
}

#[test]
fn answers_are_as_the_contract_says() {
    let mut fork = order(&[&["sip:a@h"], &["sip:b@h"]]);
    if let Outcome::Fork(order) = &mut fork.outcome {
        let branch = &mut Arc::make_mut(order).stages[0].branches[0];
        branch.dst_uri = Some("sip:10.0.0.1".into());
        branch.path = Some("<sip:p;lr>".into());
        branch.headers = Some("X-A: \"b\"\r\n".into());
    }
    assert_eq!(
        text(&fork),
        concat!(
            r#"{"v":1,"action":"fork","call":"c1-2f","stages":["#,
            r#"{"ring_s":15,"branches":[{"device":"desk","uri":"sip:a@h","dst_uri":"sip:10.0.0.1","#,
            r#""path":"<sip:p;lr>","headers":"X-A: \"b\"\r\n"}]},"#,
            r#"{"ring_s":15,"branches":[{"device":"desk","uri":"sip:b@h"}]}]}"#
        )
    );
    let pass = |headers: &str| decided(Outcome::Pass { headers: headers.into() });
    assert_eq!(text(&pass("")), r#"{"v":1,"action":"pass","call":"c1-2f"}"#);
    assert_eq!(
        text(&pass("X-A: b\r\n")),
        r#"{"v":1,"action":"pass","call":"c1-2f","headers":"X-A: b\r\n"}"#
    );
    assert_eq!(
        text(&refusal(403, "Too many calls", "Reason: Q.850;cause=21\r\n")),
        concat!(
            r#"{"v":1,"action":"refuse","code":403,"reason":"Too many calls","#,
            r#""cause":"cap_out","headers":"Reason: Q.850;cause=21\r\n"}"#
        )
    );
}

#[test]
fn who_is_waited_for_is_told_beside_the_stages() {
    let wake = |aor: &str| Some(Box::new(Wake { aor: aor.into(), wait_s: 12 }));
    let mut fork =
        order(&[&["bad"], &["sip:p@h"], &["sip:b@h", "sip:fs", "sip:q@h"], &["sip:r@h"]]);
    if let Outcome::Fork(order) = &mut fork.outcome {
        let stages = &mut Arc::make_mut(order).stages;
        stages[1].branches[0].wake = wake("sip:p@h");
        stages[2].branches[1].wake = wake("sip:c@h");
        stages[2].branches[1].after_s = 8;
        stages[2].branches[2].wake = wake("sip:q@h\r\nX: y");
        // Alone it would have to come at once.
        stages[3].branches[0].wake = wake("sip:r@h");
        stages[3].branches[0].after_s = 3;
    }
    assert_eq!(
        text(&fork),
        concat!(
            r#"{"v":1,"action":"fork","call":"c1-2f","stages":["#,
            r#"{"ring_s":15,"branches":[]},"#,
            r#"{"ring_s":15,"branches":[{"device":"desk","uri":"sip:b@h"}]}],"#,
            r#""waits":[{"after_s":0,"stage":0,"device":"desk","uri":"sip:p@h","aor":"sip:p@h"},"#,
            r#"{"after_s":8,"stage":1,"device":"desk","uri":"sip:fs","aor":"sip:c@h"}],"wait_s":12}"#
        )
    );
    assert_eq!(rtjson(&fork), Err(Error::DoesNotFit));
}

#[test]
fn a_branch_that_joins_later_is_told_beside_the_stages() {
    let mut fork = order(&[&["bad"], &["sip:a@h"], &["sip:b@h", "sip:c@h", "bad"]]);
    if let Outcome::Fork(order) = &mut fork.outcome {
        let stages = &mut Arc::make_mut(order).stages;
        stages[2].branches[1].after_s = 8;
        stages[2].branches[2].after_s = 9;
    }
    assert_eq!(
        text(&fork),
        concat!(
            r#"{"v":1,"action":"fork","call":"c1-2f","stages":["#,
            r#"{"ring_s":15,"branches":[{"device":"desk","uri":"sip:a@h"}]},"#,
            r#"{"ring_s":15,"branches":[{"device":"desk","uri":"sip:b@h"}]}],"#,
            r#""joins":[{"after_s":8,"stage":1,"device":"desk","uri":"sip:c@h"}]}"#
        )
    );
    assert_eq!(rtjson(&fork), Err(Error::DoesNotFit));
    // One alone has no word for it in rtjson either.
    let mut late = order(&[&["sip:a@h", "sip:c@h"]]);
    if let Outcome::Fork(order) = &mut late.outcome {
        Arc::make_mut(order).stages[0].branches[1].after_s = 8;
    }
    assert_eq!(rtjson(&late), Err(Error::DoesNotFit));
}

#[test]
fn nothing_breaks_out_of_an_answer() {
    for (code, reason, headers, want) in [
        (200, "", "", (500, "Refused", "")),
        (999, " ", "X: y", (500, "Refused", "X: y\r\n")),
        (
            486,
            "Busy\r\nX-Evil: yes",
            "X: y\r\n\r\nbody\r\n",
            (486, "Busy??X-Evil: yes", "X: y\r\n"),
        ),
        (486, "B\u{fc}sy\0", "X: y\nZ: w\r\nA: b\r\n", (486, "B?sy?", "A: b\r\n")),
        (603, "\"\\", "X Y: z\r\n: a\r\nB:c\r\n", (603, "\"\\", "")),
    ] {
        let value: Value = serde_json::from_str(&text(&refusal(code, reason, headers))).unwrap();
        let got = (&value["code"], &value["reason"], &value["headers"]);
        let want = (&Value::from(want.0), &Value::from(want.1), &Value::from(want.2));
        assert_eq!(got, want);
    }
}

#[test]
fn a_branch_that_cannot_go_is_left_out() {
    let bad = ["", "sip:", "tel:+49", "sip:a b@h", "sip:a@h\r\n", "sip:<a>@h", "sip:\u{e4}@h"];
    for uri in bad {
        let value: Value =
            serde_json::from_str(&text(&order(&[&[uri], &[uri, "sip:b@h"]]))).unwrap();
        assert_eq!(value["stages"].as_array().unwrap().len(), 1, "{uri:?}");
        assert_eq!(value["stages"][0]["branches"].as_array().unwrap().len(), 1, "{uri:?}");
    }
    let value: Value = serde_json::from_str(&text(&order(&[&bad]))).unwrap();
    assert_eq!((&value["action"], &value["code"]), (&"refuse".into(), &480.into()));
    assert_eq!(rtjson(&order(&[])).unwrap(), answer(&order(&[])));
}

#[test]
fn rtjson_where_it_fits() {
    let routing = |stages: &[&[&str]]| {
        let value: Value = serde_json::from_slice(&rtjson(&order(stages))?).unwrap();
        let routes = value["routes"].as_array().unwrap();
        assert!(routes.iter().all(|route| route["fr_inv_timer"] == 15_000));
        Ok((value["routing"].as_str().unwrap().to_owned(), routes.len()))
    };
    assert_eq!(routing(&[&["sip:a@h"], &["sip:b@h"]]), Ok(("serial".to_owned(), 2)));
    assert_eq!(routing(&[&["sip:a@h", "sip:b@h"]]), Ok(("parallel".to_owned(), 2)));
    assert_eq!(routing(&[&["sip:a@h"]]), Ok(("serial".to_owned(), 1)));
    assert_eq!(routing(&[&["sip:a@h", "sip:b@h"], &["sip:c@h"]]), Err(Error::DoesNotFit));
    let refused = refusal(486, "Busy", "");
    assert_eq!(rtjson(&refused).unwrap(), answer(&refused));
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    prop_assert!(bytes.iter().all(|byte| matches!(byte, b' '..=b'~')), "not printable ASCII");
    let value: Value = serde_json::from_slice(bytes).unwrap();
    let mut values = vec![&value];
    while let Some(value) = values.pop() {
        match value {
            Value::Array(list) => values.extend(list),
            Value::Object(map) => {
                for (key, value) in map {
                    if matches!(key.as_str(), "headers" | "extra") && value.is_string() {
                        prop_assert!(well_formed_headers(value.as_str().unwrap()), "{value}");
                    }
                    if key == "uri" {
                        prop_assert!(value.as_str().unwrap().to_lowercase().starts_with("sip"));
                    }
                    values.push(value);
                }
            }
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

fn arbitrary_text() -> impl Strategy<Value = String> {
    let near = prop::collection::vec(
        prop::sample::select(vec![
            "X-A", ": ", "\r\n", "\r", "\n", "\0", "\"", "\\", "b", "sip:", "a@h", "\u{2028}", "}",
        ]),
        0..12,
    );
    prop_oneof![any::<String>(), near.prop_map(|parts| parts.concat())]
}

fn arbitrary_branch() -> impl Strategy<Value = Branch> {
    let maybe = || prop::option::of(arbitrary_text().prop_map(Arc::<str>::from));
    (arbitrary_text(), 0..3_u16, maybe(), maybe(), maybe()).prop_map(
        |(uri, after_s, dst_uri, path, headers)| Branch {
            after_s,
            dst_uri,
            path,
            headers,
            ..branch(&uri)
        },
    )
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (read_query(&bytes), read_events(&bytes), read_dialogs(&bytes));
        let _ = (read_contacts(&bytes), read_up_since(&bytes), read_done(&bytes));
    }

    #[test]
    fn no_json_makes_a_reader_panic(
        values in prop::collection::vec((0..13_usize, arbitrary_text()), 0..8),
        enc in any::<bool>(),
    ) {
        const KEYS: [&str; 13] = ["call_id", "from_tag", "from_uri", "from_display", "ruri",
            "account", "source_ip", "video", "method", "t", "h", "event", "trail"];
        let mut body = serde_json::Map::new();
        if enc {
            body.insert("enc".to_owned(), "b64u".into());
        }
        for (key, value) in values {
            body.insert(KEYS[key].to_owned(), value.into());
        }
        let bytes = Value::from(body).to_string().into_bytes();
        if let Ok(query) = read_query(&bytes) {
            for text in [&query.call_id, &query.from_uri, &query.ruri, &query.from_display] {
                prop_assert!(!text.contains(char::is_control));
            }
            prop_assert!(query.trail.len() <= 16 && query.from_display.len() <= 256);
        }
        let _ = (read_events(&bytes), read_dialogs(&bytes), read_contacts(&bytes));
    }

    #[test]
    fn whatever_is_decided_an_answer_is_well_formed(
        stages in prop::collection::vec(prop::collection::vec(arbitrary_branch(), 0..4), 0..4),
        (code, reason, headers) in (any::<u16>(), arbitrary_text(), arbitrary_text()),
    ) {
        let stages = stages.into_iter().map(|branches| Stage { ring_s: 1, branches, mailbox: false, after: None }).collect();
        let pass = Outcome::Pass { headers: headers.as_str().into() };
        for decision in [
            decided(Outcome::Fork(ForkOrder { stages }.into())), decided(pass),
            refusal(code, &reason, &headers),
        ] {
            check(&answer(&decision))?;
            if let Ok(document) = rtjson(&decision) {
                check(&document)?;
            }
        }
    }
}
