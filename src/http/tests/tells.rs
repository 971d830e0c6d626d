//! Rules that tell somebody, through the admin API.

use super::*;
use crate::messages;

const RULES: &str = "/v1/accounts/alice/rules";
const TEXT: &str = "[[rule]]\nwhen = { kind = [\"message\"], hours = [\"22:00-06:00\"] }\n\
                    notify = []\n[[rule]]\nwhen.kind = [\"message\"]\n\
                    notify = [[\"lamp:desk\", \"desk\"], \"webhook\"]\n[[rule]]\nring = [\"desk\"]\n";

async fn with_alice(proxies: u8, webhook: bool) -> House {
    let house = house().await;
    let messages = messages::Settings { webhook, ..messages::Settings::default() };
    let settings = Settings { proxies, messages, ..Settings::default() };
    *house.fake.desk.lock().unwrap() = Desk::new(settings);
    for (path, body) in [
        ("/v1/accounts", r#"{"name":"alice","zone":"Europe/Berlin"}"#),
        ("/v1/accounts/alice/devices", r#"{"name":"desk","uri":"sip:desk@10.0.0.7"}"#),
        ("/v1/numbers", r#"{"identifier":"+493012345","account":"alice"}"#),
    ] {
        let (status, answer) = house.ask("POST", path, ADMIN, body).await;
        assert_eq!(status, 201, "{answer}");
    }
    house
}

#[tokio::test]
async fn nobody_is_told_by_what_is_not_there() {
    for (proxies, webhook, word) in [(0, true, "proxy"), (1, false, "webhook")] {
        let house = with_alice(proxies, webhook).await;
        let (status, body) = house.ask("PUT", RULES, ADMIN, TEXT).await;
        assert!(status == 400 && is_sentence(&body), "{status} {body}");
        assert!(body["error"].as_str().unwrap().contains(word), "{body}");
        assert_eq!(house.ask("GET", RULES, ADMIN, "").await.0, 404);
    }
    let house = with_alice(1, true).await;
    assert_eq!(house.ask("PUT", RULES, ADMIN, TEXT).await.0, 200);
}

#[tokio::test]
async fn a_rehearsal_says_who_would_be_told() {
    let house = with_alice(1, true).await;
    assert_eq!(house.ask("PUT", RULES, ADMIN, TEXT).await.0, 200);
    let ask = async |kind: &str, at: &str| {
        let body = format!(
            r#"{{"call_id":"r","ruri":"tel:+493012345","from_uri":"tel:+4930","kind":"{kind}","at":"{at}"}}"#
        );
        house.ask("POST", "/v1/rehearse", ADMIN, body).await
    };
    let (status, body) = ask("message", "2026-03-29 12:00").await;
    let stages = serde_json::json!([[{"lamp": "desk"}, {"text": "desk"}], ["webhook"]]);
    assert_eq!((status, &body["decision"]["stages"]), (200, &stages), "{body}");
    assert!(body["answer"].is_null());
    let lines = body["lines"].to_string();
    for line in [
        "called: +493012345, account alice",
        "rule 1 (line 1): no, not for 12:00",
        "rule 2 (line 4): matches",
        "tells lamp desk, text desk",
        "tells, if nobody has heard it, webhook",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    // In the night in which the clocks are put forward.
    let (_, body) = ask("message", "2026-03-29 05:59").await;
    assert_eq!(body["decision"]["stages"], serde_json::json!([]));
    assert!(body["lines"].to_string().contains("tells nobody"));
    let (_, body) = ask("missed", "2026-03-29 12:00").await;
    assert!(body["lines"].to_string().contains("rule 3 (line 7): no, not for this kind (missed)"));
    for (kind, action) in [("call", "fork"), ("video", "fork"), ("text", "fork")] {
        assert_eq!(ask(kind, "2026-03-29 12:00").await.1["answer"]["action"], action, "{kind}");
    }
    assert_eq!(ask("fax", "2026-03-29 12:00").await.0, 400);
    let next = format!("{RULES}/next?kind=message&days=2");
    let (status, body) = house.ask("GET", &next, ADMIN, "").await;
    assert_eq!(status, 200);
    let turns = body["turns"].as_array().unwrap();
    assert!(turns.len() >= 4, "{body}");
    assert!(turns.iter().any(|turn| turn["rings"] == serde_json::json!([])));
}
