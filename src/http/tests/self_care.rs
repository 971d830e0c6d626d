//! What devices see and change with their own tokens.

use super::*;

const CARE: &str = "/v1/accounts/alice/self-care";
const OWN: &str = "/v1/self-care";
const TOKEN_OF_DESK: &str = "/v1/accounts/alice/devices/desk/token";

/// A house with alice's desk and soft phone, and the desk's token.
async fn with_desk() -> (House, String) {
    let house = house().await;
    for (path, body) in [
        ("/v1/accounts", r#"{"name":"alice"}"#),
        ("/v1/numbers", r#"{"identifier":"+493012345","account":"alice"}"#),
        ("/v1/accounts/alice/devices", r#"{"name":"desk","uri":"sip:desk@10.0.0.7"}"#),
        ("/v1/accounts/alice/devices", r#"{"name":"soft","uri":"sip:soft@10.0.0.8"}"#),
    ] {
        let (status, body) = house.ask("POST", path, ADMIN, body.to_owned()).await;
        assert_eq!(status, 201, "{body}");
    }
    let (status, body) = house.ask("PUT", TOKEN_OF_DESK, ADMIN, "").await;
    assert_eq!(status, 200, "{body}");
    let token = body["token"].as_str().unwrap().to_owned();
    (house, token)
}

#[tokio::test]
async fn a_device_changes_what_its_account_allows() {
    let (house, token) = with_desk().await;
    let set = async |body: &str| house.ask("PATCH", OWN, &token, body.to_owned()).await;
    let (status, body) = house.ask("GET", OWN, &token, "").await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["device"], &body["dnd"], &body["may"]),
        (&"desk".into(), &false.into(), &"dnd".into())
    );
    assert_eq!(body["tokens"], Value::Null);
    let (status, body) = set(r#"{"dnd":true}"#).await;
    assert_eq!((status, &body["dnd"]), (200, &true.into()));
    let (_, device) = house.ask("GET", "/v1/accounts/alice/devices/desk", ADMIN, "").await;
    assert_eq!(device["dnd"], true);
    assert_eq!(set(r#"{"here":true}"#).await.0, 403);
    assert_eq!(set(r#"{"forwards":{"all":"+4917112345"}}"#).await.0, 403);
    let all = r#"{"may":"all","places":["+49"]}"#;
    assert_eq!(house.ask("PATCH", CARE, ADMIN, all).await.0, 200);
    let (status, body) = set(r#"{"forwards":{"all":"+4917112345","busy":null},"here":true}"#).await;
    assert_eq!((status, &body["forwards"]["all"]), (200, &"+4917112345".into()));
    assert_eq!(body["here"], "desk");
    // What another device has set, this one does not take away.
    let here = r#"{"here":"soft"}"#;
    assert_eq!(house.ask("PATCH", CARE, ADMIN, here).await.0, 200);
    let (_, body) = set(r#"{"here":false,"forwards":{"all":null}}"#).await;
    assert_eq!((&body["here"], &body["forwards"]), (&"soft".into(), &serde_json::json!({})));
    house.ask("PATCH", CARE, ADMIN, r#"{"may":"off","here":null}"#).await;
    assert_eq!(set(r#"{"dnd":false}"#).await.0, 403);
    house.ask("PATCH", CARE, ADMIN, r#"{"may":"dnd"}"#).await;
    house.ask("PATCH", "/v1/accounts/alice", ADMIN, r#"{"enabled":false}"#).await;
    assert_eq!(set(r#"{"dnd":false}"#).await.0, 403);
}

#[tokio::test]
async fn a_forward_that_would_not_be_done_is_refused() {
    let (house, token) = with_desk().await;
    let set = async |body: &str| house.ask("PATCH", CARE, ADMIN, body.to_owned()).await;
    let (status, body) = set(r#"{"forwards":{"busy":"+4917112345"}}"#).await;
    assert!(status == 422 && is_sentence(&body), "{status} {body}");
    assert_eq!(
        set(r#"{"may":"all","places":["+49","@example.com"],"forwards":{"busy":"+4917112345"}}"#)
            .await
            .0,
        200
    );
    for to in ["+88299", "bob@example.net", "sip:+88299@example.com", "+493012345", "+112"] {
        let body = format!(r#"{{"forwards":{{"all":"{to}"}}}}"#);
        let (status, told) = set(&body).await;
        assert!(status == 422 && is_sentence(&told), "{to}: {status} {told}");
        let (status, _) = house.ask("PATCH", OWN, &token, body).await;
        assert_eq!(status, 422, "{to}");
    }
    for to in ["", "bob", "tel:", "sip:a b@h", "sip:bob@example.com?x=y"] {
        let body = format!(r#"{{"forwards":{{"all":"{to}"}}}}"#);
        assert_eq!(set(&body).await.0, 400, "{to:?}");
    }
    for wrong in [
        r#"{"may":"some"}"#,
        r#"{"places":["49"]}"#,
        r#"{"places":"+49"}"#,
        r#"{"forwards":{"always":"+4930"}}"#,
        r#"{"here":7}"#,
        r#"{"token":"x"}"#,
    ] {
        assert_eq!(set(wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(set(r#"{"here":"gone"}"#).await.0, 404);
    // What is not allowed any more is shown as not done.
    let (status, body) = set(r#"{"places":["+43"]}"#).await;
    assert_eq!((status, &body["not_done"]), (200, &serde_json::json!(["busy"])));
}

#[tokio::test]
async fn a_token_opens_one_door_for_one_device() {
    let (house, token) = with_desk().await;
    for (method, path) in [
        ("GET", "/v1/accounts"),
        ("GET", CARE),
        ("PATCH", CARE),
        ("POST", "/v1/route"),
        ("PUT", TOKEN_OF_DESK),
        ("GET", "/v1/status"),
    ] {
        assert_eq!(house.ask(method, path, &token, "{}").await.0, 401, "{method} {path}");
    }
    for other in [ADMIN, ROUTE] {
        assert_eq!(house.ask("GET", OWN, other, "").await.0, 403);
    }
    let mut wrong = token.clone();
    wrong.pop();
    for other in [&*wrong, "hpd_0_", "hpd_", &token.replace("hpd_0_", "hpd_1_")] {
        assert_eq!(house.ask("GET", OWN, other, "").await.0, 401, "{other}");
    }
    let (_, body) = house.ask("GET", CARE, ADMIN, "").await;
    assert_eq!(body["tokens"], serde_json::json!(["desk"]));
    // It goes with the device's name, and ends with it.
    house.ask("PATCH", "/v1/accounts/alice/devices/desk", ADMIN, r#"{"rename":"table"}"#).await;
    assert_eq!(house.ask("GET", OWN, &token, "").await.1["device"], "table");
    let table = "/v1/accounts/alice/devices/table";
    assert_eq!(house.ask("DELETE", &format!("{table}/token"), ADMIN, "").await.0, 204);
    assert_eq!(house.ask("GET", OWN, &token, "").await.0, 401);
    house.ask("PUT", &format!("{table}/token"), ADMIN, "").await;
    assert_eq!(house.ask("GET", OWN, &token, "").await.0, 200);
    assert_eq!(house.ask("DELETE", table, ADMIN, "").await.0, 204);
    assert_eq!(house.ask("GET", OWN, &token, "").await.0, 401);
    assert_eq!(house.ask("PUT", &format!("{table}/token"), ADMIN, "").await.0, 404);
}
