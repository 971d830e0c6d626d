//! Rules through the admin API.

use super::*;

const RULES: &str = "/v1/accounts/alice/rules";
const TEXT: &str = "# As it was written.\nzone = \"Europe/Berlin\"\n\n[[rule]]\nwhen.hours = [\"22:00-06:00\"]\nmailbox = true\n\n[[rule]]\nring = [\"desk\"]\n\n[[example]]\nat = \"2026-01-15 12:00\"\nexpect = [\"desk\"]\n";

async fn with_alice() -> House {
    let house = house().await;
    for (path, body) in [
        ("/v1/accounts", r#"{"name":"alice"}"#),
        ("/v1/accounts/alice/devices", r#"{"name":"desk","uri":"sip:desk@10.0.0.7"}"#),
        ("/v1/numbers", r#"{"identifier":"+493012345","account":"alice"}"#),
    ] {
        let (status, answer) = house.ask("POST", path, ADMIN, body).await;
        assert_eq!(status, 201, "{answer}");
    }
    house
}

#[tokio::test]
async fn rules_are_set_shown_and_removed() {
    let house = with_alice().await;
    let (status, body) = house.ask("GET", RULES, ADMIN, "").await;
    assert!(status == 404 && is_sentence(&body), "{status} {body}");
    let (status, body) = house.ask("PUT", RULES, ADMIN, TEXT).await;
    assert_eq!((status, &body["account"], &body["text"]), (200, &"alice".into(), &TEXT.into()));
    let (status, body) = house.ask("GET", RULES, ADMIN, "").await;
    assert_eq!((status, &body["text"]), (200, &TEXT.into()));
    assert_eq!(house.ask("DELETE", RULES, ADMIN, "").await.0, 204);
    assert_eq!(house.ask("DELETE", RULES, ADMIN, "").await.0, 404);
    assert_eq!(house.ask("PUT", "/v1/accounts/bob/rules", ADMIN, TEXT).await.0, 404);
    assert_eq!(house.ask("PUT", RULES, ROUTE, TEXT).await.0, 403);
    assert_eq!(house.ask("PUT", RULES, ADMIN, vec![0xff]).await.0, 400);
    assert_eq!(house.ask("PUT", RULES, ADMIN, "#".repeat(70_000)).await.0, 413);
}

#[tokio::test]
async fn a_key_is_asked_for_by_a_switch_alone() {
    let house = with_alice().await;
    let text = "[[rule]]\nring = [{ devices = \"desk\", confirm = \"1\" }]\n";
    let (status, body) = house.ask("PUT", RULES, ADMIN, text).await;
    assert!(status == 400 && is_sentence(&body), "{status} {body}");
    assert_eq!(house.ask("GET", RULES, ADMIN, "").await.0, 404);
}

#[tokio::test]
async fn all_mistakes_are_told_and_nothing_is_changed() {
    let house = with_alice().await;
    assert_eq!(house.ask("PUT", RULES, ADMIN, TEXT).await.0, 200);
    let places = |body: &Value| -> Vec<(u64, u64)> {
        let mistakes = body["mistakes"].as_array().unwrap();
        let place = |one: &Value| (one["line"].as_u64().unwrap(), one["column"].as_u64().unwrap());
        mistakes.iter().map(place).collect()
    };
    let wrong = "[[rule]]\nwhen.hour = \"8-9\"\nring = [\"desk\"]\n[[rule]]\nring = [1]\n";
    let (status, body) = house.ask("PUT", RULES, ADMIN, wrong).await;
    assert!(status == 422 && is_sentence(&body), "{status} {body}");
    assert_eq!(places(&body), [(2, 6), (5, 9)]);
    let stranger = "[[rule]]\nring = [\"desk\", \"dask\"]\n";
    let (status, body) = house.ask("PUT", RULES, ADMIN, stranger).await;
    assert_eq!((status, places(&body)), (422, vec![(2, 17)]));
    let example = TEXT.replace("expect = [\"desk\"]", "expect = [\"mailbox\"]");
    let (status, body) = house.ask("PUT", RULES, ADMIN, example).await;
    assert_eq!((status, places(&body)), (422, vec![(11, 1)]));
    assert_eq!(house.ask("GET", RULES, ADMIN, "").await.1["text"], TEXT);
}

#[tokio::test]
async fn a_tag_rings_whoever_has_it_when_the_call_comes() {
    let house = with_alice().await;
    let text = "[[rule]]\nring = [\"tag:mobile\"]\n[[example]]\ntags = { desk = [\"mobile\"] }\nexpect = [\"desk\"]\n";
    let (status, body) = house.ask("PUT", RULES, ADMIN, text).await;
    assert_eq!((status, body["warnings"].as_array().map(Vec::len)), (200, Some(1)));
    let warning = &body["warnings"][0];
    assert_eq!((warning["line"].as_u64(), warning["column"].as_u64()), (Some(2), Some(9)));
    let rehearse = async || {
        let body = r#"{"call_id":"r","ruri":"tel:+493012345"}"#;
        house.ask("POST", "/v1/rehearse", ADMIN, body).await.1["lines"].to_string()
    };
    let lines = rehearse().await;
    assert!(
        lines.contains("tag mobile, stage 1: left out, no device of the account has it"),
        "{lines}"
    );
    let device = "/v1/accounts/alice/devices/desk";
    let (status, body) =
        house.ask("PATCH", device, ADMIN, r#"{"tags":["work","mobile"],"dnd":false}"#).await;
    assert_eq!((status, &body["tags"]), (200, &serde_json::json!(["mobile", "work"])));
    let lines = rehearse().await;
    assert!(lines.contains("rings 20 s: desk at sip:desk@10.0.0.7"), "{lines}");
    // What it does not want itself goes before.
    let (status, body) = house.ask("PATCH", device, ADMIN, r#"{"dnd":true}"#).await;
    assert_eq!((status, &body["dnd"]), (200, &true.into()));
    let lines = rehearse().await;
    assert!(lines.contains("left out, it is set to do not disturb"), "{lines}");
    let (status, body) = house.ask("PUT", RULES, ADMIN, text).await;
    assert_eq!((status, body.get("warnings")), (200, None));
    for bad in [r#"{"tags":["a b"]}"#, r#"{"tags":"work"}"#, r#"{"dnd":"on"}"#] {
        assert_eq!(house.ask("PATCH", device, ADMIN, bad).await.0, 400, "{bad}");
    }
    let many = r#"{"tags":["1","2","3","4","5","6","7","8","9"]}"#;
    assert_eq!(house.ask("PATCH", device, ADMIN, many).await.0, 400);
    let (_, body) = house.ask("PATCH", device, ADMIN, r#"{"tags":[],"dnd":false}"#).await;
    assert_eq!((body.get("tags"), &body["dnd"]), (None, &false.into()));
}

#[tokio::test]
async fn a_rehearsal_may_be_at_another_time() {
    let house = with_alice().await;
    assert_eq!(house.ask("PUT", RULES, ADMIN, TEXT).await.0, 200);
    let rehearse = async |more: &str| {
        let body = format!(r#"{{"call_id":"r","ruri":"tel:+493012345"{more}}}"#);
        let (status, body) = house.ask("POST", "/v1/rehearse", ADMIN, body).await;
        (status, body["lines"].to_string())
    };
    // The called account thinks in the zone of its rules.
    let (status, lines) = rehearse(r#","at":"2026-07-15 23:00""#).await;
    assert_eq!(status, 200);
    assert!(lines.contains("Wednesday 2026-07-15, 23:00 in Europe/Berlin (+02:00)"), "{lines}");
    assert!(lines.contains("rule 1 (line 4): matches"), "{lines}");
    let (_, lines) = rehearse(r#","at":"2026-07-15 12:00","tz":"America/New_York""#).await;
    assert!(lines.contains("18:00 in Europe/Berlin") && lines.contains("rings"), "{lines}");
    let (_, lines) = rehearse(r#","at":"2026-07-15T20:00:00Z","tz":"Asia/Tokyo""#).await;
    assert!(lines.contains("22:00 in Europe/Berlin"), "{lines}");
    assert_eq!(rehearse(r#","at":"noon""#).await.0, 400);
    assert_eq!(rehearse(r#","at":"2026-07-15","tz":"Moon""#).await.0, 400);
    assert_eq!(rehearse(r#","at":null,"tz":null"#).await.0, 200);
}

#[tokio::test]
async fn changes_of_the_order_are_foretold() {
    let house = with_alice().await;
    let next = |query: &str| format!("{RULES}/next{query}");
    assert_eq!(house.ask("GET", &next(""), ADMIN, "").await.0, 404);
    assert_eq!(house.ask("PUT", RULES, ADMIN, TEXT).await.0, 200);
    // It is Tuesday, 2023-11-14, 23:13 in Berlin. There is no mailbox.
    let (status, body) = house.ask("GET", &next("?days=2"), ADMIN, "").await;
    assert_eq!((status, body["zone"].as_str()), (200, Some("Europe/Berlin")));
    let turns: Vec<String> = body["turns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| format!("{} {}", turn["shown"].as_str().unwrap(), turn["rings"]))
        .collect();
    assert_eq!(
        turns,
        [
            "2023-11-14 23:13 []",
            "2023-11-15 06:00 [\"desk\"]",
            "2023-11-15 22:00 []",
            "2023-11-16 06:00 [\"desk\"]",
            "2023-11-16 22:00 []",
        ]
    );
    let (_, body) = house.ask("GET", &next("?days=1&from=tel:%2B4930&kind=video"), ADMIN, "").await;
    assert_eq!(body["turns"].as_array().unwrap().len(), 3);
    for bad in ["?days=0", "?days=32", "?kind=fax", "?to=alice", "?at=now"] {
        assert_eq!(house.ask("GET", &next(bad), ADMIN, "").await.0, 400, "{bad}");
    }
}
