//! Operators' work, through the client that the command line uses.

use serde_json::json;

use crate::domain::{AccountName, DeviceName, Identifier};
use crate::http::wire::{
    AccountFilter, DeviceEdit, DeviceView, NumberFilter, NumberView, PageQuery,
};
use crate::registry::{AccountPatch, AccountSpec};

use super::*;

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn spec(text: &str) -> AccountSpec {
    serde_json::from_value(json!({ "name": text })).unwrap()
}

fn number(identifier: &str, account: &str) -> NumberView {
    let identifier = Identifier::parse(identifier).unwrap();
    NumberView { identifier, account: name(account) }
}

fn device(value: Value) -> DeviceView {
    serde_json::from_value(value).unwrap()
}

fn status<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> u16 {
    match answer.unwrap_err() {
        ClientError::Refused { status, body } => {
            assert!(is_sentence(&serde_json::to_value(body).unwrap()));
            status
        }
        ClientError::Answer { cause, .. } => panic!("{cause}"),
        ClientError::Token
        | ClientError::Unanswered { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Url { .. } => 0,
    }
}

#[tokio::test]
async fn an_account_lives() {
    let house = house().await;
    let client = house.client();
    let alice = client.account_add(&spec("alice")).await.unwrap();
    assert_eq!((alice.name.as_str(), alice.enabled, alice.caps.max_calls), ("alice", true, None));
    assert_eq!(status(client.account_add(&spec("alice")).await), 409);
    let read = |text: &str| serde_json::from_str::<AccountPatch>(text).unwrap();
    let patch = read(r#"{"rename":"alicia","max_calls":2,"zone":"Europe/Berlin"}"#);
    let alicia = client.account_set(&name("alice"), &patch).await.unwrap();
    assert_eq!((alicia.name.as_str(), alicia.caps.max_calls), ("alicia", Some(2)));
    assert_eq!(alicia.usage.total.cap, Some(2));
    let open = read(r#"{"max_calls":null,"zone":null}"#);
    let alicia = client.account_set(&name("alicia"), &open).await.unwrap();
    assert_eq!((alicia.caps.max_calls, alicia.zone), (None, None));
    assert_eq!(status(client.account(&name("alice")).await), 404);
    let orphan = read(r#"{"parent":"nobody"}"#);
    assert_eq!(status(client.account_set(&name("alicia"), &orphan).await), 422);
    let own = read(r#"{"parent":"alicia"}"#);
    assert_eq!(status(client.account_set(&name("alicia"), &own).await), 422);
    house.fake.full_disk.store(true, Ordering::Relaxed);
    assert_eq!(status(client.account_remove(&name("alicia")).await), 503);
    house.fake.full_disk.store(false, Ordering::Relaxed);
    client.account_remove(&name("alicia")).await.unwrap();
    assert_eq!(status(client.account_remove(&name("alicia")).await), 404);
}

#[tokio::test]
async fn accounts_are_paged_and_filtered() {
    let house = house().await;
    let client = house.client();
    client.account_add(&spec("b")).await.unwrap();
    for index in 0..5 {
        let mut below = spec(&format!("b{index}"));
        below.parent = Some(name("b"));
        below.enabled = index != 3;
        client.account_add(&below).await.unwrap();
    }
    for other in ["a", "c", "b-x"] {
        client.account_add(&spec(other)).await.unwrap();
    }
    let filter = |prefix: &str, parent: Option<&str>, enabled| AccountFilter {
        prefix: Some(prefix.to_owned()),
        parent: parent.map(name),
        enabled,
    };
    for (filter, want) in [
        (filter("", None, None), "a b b-x b0 b1 b2 b3 b4 c"),
        (filter("b", None, None), "b b-x b0 b1 b2 b3 b4"),
        (filter("b", None, Some(false)), "b3"),
        (filter("", Some("b"), None), "b0 b1 b2 b3 b4"),
        (filter("", Some("b"), Some(true)), "b0 b1 b2 b4"),
        (filter("x", None, None), ""),
    ] {
        for limit in [1, 2, 3, 100, 5000] {
            let mut names: Vec<String> = Vec::new();
            let mut page = PageQuery { limit: Some(limit), after: None };
            loop {
                let answer = client.accounts(&filter, &page).await.unwrap();
                assert!(answer.items.len() <= limit);
                names.extend(answer.items.into_iter().map(|account| account.name.to_string()));
                page.after = answer.next;
                if page.after.is_none() {
                    break;
                }
            }
            assert_eq!(names.join(" "), want, "{filter:?} by {limit}");
        }
    }
    let nobody = filter("", Some("nobody"), None);
    assert_eq!(status(client.accounts(&nobody, &PageQuery::default()).await), 404);
    assert_eq!(client.account(&name("b")).await.unwrap().children, 5);
    assert_eq!(status(client.account_remove(&name("b")).await), 409);
    for query in ["limit=0", "limit=x", "limt=1", "enabled=yes", "parent=a%20b", "limit=1&limit=2"]
    {
        let (status, body) = house.ask("GET", &format!("/v1/accounts?{query}"), ADMIN, "").await;
        assert!(status == 400 && is_sentence(&body) && body["field"].is_string(), "{query} {body}");
    }
}

#[tokio::test]
async fn devices_ring_in_order() {
    let house = house().await;
    let client = house.client();
    let alice = name("alice");
    client.account_add(&spec("alice")).await.unwrap();
    let mobile = json!({"name":"mobile","number":"+491711234","stage":2});
    client.device_add(&alice, &device(mobile.clone())).await.unwrap();
    let desk = json!({"name":"desk","uri":"sip:desk@10.0.0.7","ring_s":15});
    let desk = client.device_add(&alice, &device(desk)).await.unwrap();
    assert_eq!((desk.stage, desk.ring_s, desk.enabled), (1, 15, true));
    assert_eq!(status(client.device_add(&alice, &device(mobile)).await), 409);
    let mut page = PageQuery { limit: Some(1), after: None };
    let first = client.devices(&alice, &page).await.unwrap();
    assert_eq!((first.items[0].name.as_str(), first.next.is_some()), ("desk", true));
    page.after = first.next;
    let second = client.devices(&alice, &page).await.unwrap();
    assert_eq!((second.items[0].name.as_str(), second.next), ("mobile", None));
    let mobile = DeviceName::parse("mobile").unwrap();
    let edit = DeviceEdit {
        rename: DeviceName::parse("cell").ok(),
        aor: serde_json::from_str("\"sip:cell@example.com\"").ok(),
        ..DeviceEdit::default()
    };
    let cell = client.device_set(&alice, &mobile, &edit).await.unwrap();
    assert_eq!((cell.number, cell.aor.is_some()), (None, true));
    assert_eq!(status(client.device(&alice, &mobile).await), 404);
    assert_eq!(status(client.devices(&name("bob"), &page).await), 404);
    client.device_remove(&alice, &cell.name).await.unwrap();
    assert_eq!(status(client.device_remove(&alice, &cell.name).await), 404);
    for (body, want, field) in [
        (r#"{"name":"x"}"#, 400, "uri"),
        (r#"{"name":"x","uri":"sip:a@h","aor":"sip:a@h"}"#, 400, "uri"),
        (r#"{"name":"x","uri":"sip:a@h\r\nX: y"}"#, 400, "uri"),
        (r#"{"name":"x","uri":"sip:a@h","ring":5}"#, 400, "ring"),
        (r#"{"name":"x","uri":"sip:a@h","stage":300}"#, 400, "stage"),
        (r#"{"name":"x","uri":"sip:a@h","ring_s":0}"#, 422, ""),
        (r#"{"uri":"sip:a@h"}"#, 400, "name"),
    ] {
        let (status, answer) = house.ask("POST", "/v1/accounts/alice/devices", ADMIN, body).await;
        assert_eq!(status, want, "{body} {answer}");
        assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{body} {answer}");
    }
}

#[tokio::test]
async fn numbers_lead_to_accounts() {
    let house = house().await;
    let client = house.client();
    for account in ["alice", "bob"] {
        client.account_add(&spec(account)).await.unwrap();
    }
    let all =
        ["+490", "+4930", "+49301", "+50", "+4911111", "bo@h", "bob", "bob@example.com", "a/b@h"];
    for identifier in all.iter().filter(|one| **one != "bob" && **one != "+50") {
        client.number_add(&number(identifier, "alice")).await.unwrap();
    }
    client.number_add(&number("+501", "bob")).await.unwrap();
    assert_eq!(status(client.number_add(&number("+501", "alice")).await), 409);
    assert_eq!(status(client.number_add(&number("+502", "nobody")).await), 422);
    let list = async |filter: &NumberFilter, limit| {
        let mut page = PageQuery { limit: Some(limit), after: None };
        let mut found: Vec<String> = Vec::new();
        loop {
            let answer = client.numbers(filter, &page).await.unwrap();
            found.extend(answer.items.iter().map(|number| number.identifier.to_string()));
            page.after = answer.next;
            if page.after.is_none() {
                break found.join(" ");
            }
        }
    };
    for (account, prefix, want) in [
        (None, "", "+490 +501 +4930 +49301 +4911111 a/b@h bo@h bob@example.com"),
        (None, "+", "+490 +501 +4930 +49301 +4911111"),
        (None, "+49", "+490 +4930 +49301 +4911111"),
        (None, "+4930", "+4930 +49301"),
        (None, "+490", "+490"),
        (None, "+0", ""),
        (None, "+x", ""),
        (None, "+1234567890123456", ""),
        (None, "bo", "bo@h bob@example.com"),
        (None, "bo@h", "bo@h"),
        (None, "z", ""),
        (Some("bob"), "", "+501"),
        (Some("alice"), "+4930", "+4930 +49301"),
    ] {
        let filter = NumberFilter { account: account.map(name), prefix: Some(prefix.to_owned()) };
        for limit in [1, 2, 100] {
            assert_eq!(list(&filter, limit).await, want, "{filter:?} by {limit}");
        }
    }
    let odd = Identifier::parse("a/b@h").unwrap();
    assert_eq!(client.number(&odd).await.unwrap().account, name("alice"));
    assert_eq!(client.number_set(&odd, &name("bob")).await.unwrap().account, name("bob"));
    assert_eq!(status(client.number_set(&odd, &name("nobody")).await), 422);
    client.number_remove(&odd).await.unwrap();
    assert_eq!(status(client.number(&odd).await), 404);
}

#[tokio::test]
async fn calls_are_seen_and_released() {
    let house = house().await;
    let client = house.client();
    client.account_add(&spec("alice")).await.unwrap();
    client.number_add(&number("+4930123", "alice")).await.unwrap();
    let desk = device(json!({"name":"desk","uri":"sip:desk@10.0.0.7"}));
    client.device_add(&name("alice"), &desk).await.unwrap();
    let query = json!({"call_id":"a/b c%@h","ruri":"sip:+4930123@h","from_uri":"sip:+1555@h"});
    let rehearsal = client.rehearse(&query).await.unwrap();
    assert_eq!((&rehearsal.answer["action"], rehearsal.lines.is_empty()), (&"fork".into(), false));
    let page = PageQuery::default();
    assert_eq!(client.calls((None, None), &page).await.unwrap().items, []);
    let (status_, answer) = house.ask("POST", "/v1/route", ROUTE, query.to_string()).await;
    assert_eq!((status_, &answer["action"]), (200, &"fork".into()));
    assert_eq!(answer["stages"][0]["branches"][0]["uri"], "sip:desk@10.0.0.7");
    let path = "/v1/route?format=rtjson";
    let (status_, document) = house.ask("POST", path, ROUTE, query.to_string()).await;
    assert_eq!((status_, &document["routing"]), (200, &"serial".into()));
    let calls = client.calls((Some(&name("alice")), None), &page).await.unwrap().items;
    assert_eq!((calls.len(), &calls[0].callee), (1, &Some(name("alice"))));
    let call = CallRef::parse(&calls[0].call).unwrap();
    assert_eq!(client.call(&calls[0].call).await.unwrap(), calls[0]);
    assert_eq!(client.call("a/b c%@h").await.unwrap(), calls[0]);
    assert_eq!(client.account(&name("alice")).await.unwrap().usage.total.live, 1);
    assert_eq!(status(client.call_end(call).await), 409);
    for reason in ["", " ", "a\nb", &"x".repeat(201)] {
        assert_eq!(status(client.call_release(call, reason).await), 400, "{reason:?}");
    }
    assert_eq!(client.call_release(call, "stuck").await.unwrap().call_id, "a/b c%@h");
    assert_eq!(status(client.call_release(call, "stuck").await), 404);
    assert_eq!(status(client.call("a/b c%@h").await), 404);
    assert_eq!(client.why("a/b c%@h").await.unwrap().entries[0].lines, ["a/b c%@h"]);
    assert_eq!(status(client.why("unknown").await), 404);
    assert_eq!(status(client.why("broken").await), 503);
    assert_eq!(status(client.why("elsewhere").await), 503);
    for node in [2, 3] {
        let far = CallRef::new(crate::domain::NodeId(node), 1, 1);
        assert_eq!(status(client.call_end(far).await), 503);
    }
    assert!(client.status().await.unwrap().ready);
}

#[tokio::test]
async fn the_client_tells_absence_from_refusal() {
    let house = house().await;
    let wrong = Client::new(&house.url, "wrong").unwrap();
    assert_eq!(status(wrong.status().await), 401);
    let weak = Client::new(&house.url, ROUTE).unwrap();
    assert_eq!(status(weak.status().await), 403);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let nobody = Client::new(&url, ADMIN).unwrap();
    assert!(matches!(nobody.status().await, Err(ClientError::Unreachable { .. })));
    for url in ["", "localhost", "unix:/x", "127.0.0.1:8170"] {
        assert!(matches!(Client::new(url, ADMIN), Err(ClientError::Url { .. })), "{url}");
    }
    for token in ["", " ", "a b", "a\nb"] {
        assert!(matches!(Client::new(&house.url, token), Err(ClientError::Token)), "{token:?}");
    }
}
