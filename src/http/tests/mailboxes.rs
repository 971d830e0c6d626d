//! Mailboxes and their greetings.

use serde_json::json;

use crate::domain::{AccountName, GREETINGS_MAX, GreetingName, MailboxName};
use crate::http::wire::{Held, MailboxFilter, MailboxSpec, PageQuery};

use super::*;

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

/// A house with accounts of these names.
pub(super) async fn house_of(accounts: &[&str]) -> House {
    let house = house().await;
    for account in accounts {
        let spec = serde_json::from_value(json!({ "name": account })).unwrap();
        house.client().account_add(&spec).await.unwrap();
    }
    house
}

fn status<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> u16 {
    let error = answer.unwrap_err();
    let ClientError::Refused { status, .. } = error else { panic!("{error}") };
    status
}

#[tokio::test]
async fn a_mailbox_lives() {
    let house = house_of(&["alice", "bob"]).await;
    let client = house.client();
    let spec = |value| serde_json::from_value::<MailboxSpec>(value).unwrap();
    let plain = spec(json!({"name": "a-box", "account": "alice"}));
    let added = client.mailbox_add(&plain).await.unwrap();
    assert_eq!((added.account.as_str(), added.mailbox.limits.length_max_s), ("alice", 180));
    assert!(added.mailbox.video && added.mailbox.enabled && added.mailbox.callback_keep);
    for (again, want) in [
        (json!({"name": "a-box", "account": "bob"}), 409),
        (json!({"name": "other", "account": "alice"}), 409),
        (json!({"name": "other", "account": "nobody"}), 422),
        (json!({"name": "other", "account": "bob", "keep_days": 0}), 422),
    ] {
        assert_eq!(status(client.mailbox_add(&spec(again.clone())).await), want, "{again}");
    }
    let bobs = json!({
        "name": "b-box", "account": "bob", "language": "de", "video": false, "callback": "discard",
        "callback_scope": "anyone", "length_max_s": 60, "enabled": false,
    });
    let bobs = client.mailbox_add(&spec(bobs)).await.unwrap().mailbox;
    assert_eq!((bobs.language.unwrap().as_str(), bobs.limits.length_max_s), ("de", 60));
    assert!(!bobs.video && !bobs.enabled);
    let patch = serde_json::from_str(r#"{"language":null,"video":true,"keep_days":7}"#).unwrap();
    let bobs = client.mailbox_set(&name("b-box"), &patch).await.unwrap().mailbox;
    assert_eq!((bobs.language, bobs.video, bobs.limits.keep_days), (None, true, 7));
    assert_eq!(bobs.limits.length_max_s, 60, "what was not named stays");
    let shown = client.mailbox(&name("b-box")).await.unwrap();
    assert_eq!((shown.account.as_str(), shown.held), ("bob", Some(Held::default())));
    client.mailbox_remove(&name("b-box")).await.unwrap();
    assert_eq!(status(client.mailbox_remove(&name("b-box")).await), 404);
    assert_eq!(status(client.mailbox(&name("b-box")).await), 404);
    assert_eq!(status(client.mailbox_set(&name("b-box"), &patch).await), 404);
    house.fake.full_disk.store(true, Ordering::Relaxed);
    assert_eq!(status(client.mailbox_set(&name("a-box"), &patch).await), 503);
}

#[tokio::test]
async fn mailboxes_are_paged_and_filtered() {
    let names = ["b", "b0", "b1", "a", "c"];
    let house = house_of(&names).await;
    let client = house.client();
    for name in names {
        let spec = json!({"name": format!("{name}.box"), "account": name});
        client.mailbox_add(&serde_json::from_value(spec).unwrap()).await.unwrap();
    }
    let account = |text: &str| AccountName::parse(text).ok();
    for (prefix, of, want) in [
        ("", None, "a.box b.box b0.box b1.box c.box"),
        ("b", None, "b.box b0.box b1.box"),
        ("b.box", None, "b.box"),
        ("x", None, ""),
        ("", account("b1"), "b1.box"),
        ("c", account("b1"), ""),
    ] {
        let filter = MailboxFilter { prefix: Some(prefix.to_owned()), account: of };
        for limit in [1, 2, 100] {
            let (mut found, mut page) = (Vec::new(), PageQuery { limit: Some(limit), after: None });
            loop {
                let answer = client.mailboxes(&filter, &page).await.unwrap();
                found.extend(answer.items.into_iter().map(|view| view.mailbox.name.to_string()));
                page.after = answer.next;
                if page.after.is_none() {
                    break;
                }
            }
            assert_eq!(found.join(" "), want, "{filter:?} by {limit}");
        }
    }
    let nobody = MailboxFilter { account: account("nobody"), prefix: None };
    assert_eq!(status(client.mailboxes(&nobody, &PageQuery::default()).await), 404);
}

#[tokio::test]
async fn a_greeting_is_a_sound() {
    let house = house_of(&["alice"]).await;
    let client = house.client();
    let spec = serde_json::from_value(json!({"name": "alice", "account": "alice"})).unwrap();
    client.mailbox_add(&spec).await.unwrap();
    // Longer than any other body may be.
    let sound = [b"RIFF".to_vec(), vec![7; 1 << 20]].concat();
    let kept = client.greeting_set(&name("alice"), None, sound.clone()).await.unwrap().mailbox;
    let content = kept.greeting.unwrap();
    assert_eq!(house.fake.mail.files.lock().unwrap()[&content], sound);
    assert_eq!(status(client.greeting_set(&name("alice"), None, b"MThd".to_vec()).await), 422);
    assert_eq!(status(client.greeting_set(&name("alice"), None, Vec::new()).await), 400);
    assert_eq!(status(client.greeting_set(&name("bob"), None, sound.clone()).await), 404);
    house.fake.mail.broken.store(true, Ordering::Relaxed);
    assert_eq!(status(client.greeting_set(&name("alice"), None, sound).await), 503);
    assert_eq!(client.mailbox(&name("alice")).await.unwrap().mailbox.greeting, Some(content));
    client.greeting_remove(&name("alice"), None).await.unwrap();
    assert_eq!(client.mailbox(&name("alice")).await.unwrap().mailbox.greeting, None);
    assert_eq!(status(client.greeting_remove(&name("bob"), None).await), 404);
    let long = vec![0; (32 << 20) + 1];
    let (status, body) = house.ask("PUT", "/v1/mailboxes/alice/greeting", ADMIN, long).await;
    assert!(status == 413 && is_sentence(&body), "{status} {body}");
}

#[tokio::test]
async fn greetings_have_names() {
    let house = house_of(&["alice"]).await;
    let client = house.client();
    let spec = serde_json::from_value(json!({"name": "alice", "account": "alice"})).unwrap();
    client.mailbox_add(&spec).await.unwrap();
    let greeting = |name: &str| GreetingName::parse(name).unwrap();
    let sound = |byte: u8| [b"RIFF".to_vec(), vec![byte; 64 + usize::from(byte)]].concat();
    let set = async |named: &str, byte: u8| {
        client.greeting_set(&name("alice"), Some(&greeting(named)), sound(byte)).await
    };
    let own = client.greeting_set(&name("alice"), None, sound(1)).await.unwrap().mailbox.greeting;
    set("closed", 2).await.unwrap();
    let kept = set("away", 3).await.unwrap().mailbox;
    assert_eq!(kept.greeting, own);
    let names: Vec<&str> = kept.greetings.keys().map(GreetingName::as_str).collect();
    assert_eq!(names, ["away", "closed"]);
    let file = kept.greetings[&greeting("closed")];
    assert_eq!(house.fake.mail.files.lock().unwrap()[&file], sound(2));
    // Another sound under the same name; the others stay.
    let kept = set("closed", 4).await.unwrap().mailbox;
    assert!(kept.greetings[&greeting("closed")] != file && kept.greetings.len() == 2);
    client.greeting_remove(&name("alice"), Some(&greeting("closed"))).await.unwrap();
    let gone = client.greeting_remove(&name("alice"), Some(&greeting("closed"))).await;
    assert_eq!(status(gone), 404);
    assert_eq!(client.mailbox(&name("alice")).await.unwrap().mailbox.greetings.len(), 1);
    for place in 1..GREETINGS_MAX {
        set(&format!("g{place}"), 5).await.unwrap();
    }
    assert_eq!(status(set("one-more", 5).await), 409);
    set("away", 6).await.unwrap();
    let path = "/v1/mailboxes/alice/greetings/a%20b";
    let (status, body) = house.ask("PUT", path, ADMIN, sound(1)).await;
    assert!(status == 404 && is_sentence(&body), "{status} {body}");
    assert_eq!(house.ask("PUT", "/v1/mailboxes/alice/greetings/x", ROUTE, sound(1)).await.0, 403);
}

#[tokio::test]
async fn mistakes_name_their_field() {
    let house = house_of(&["alice"]).await;
    let spec = r#"{"name":"alice","account":"alice"}"#;
    assert_eq!(house.ask("POST", "/v1/mailboxes", ADMIN, spec).await.0, 201);
    for (method, path, body, want, field) in [
        ("POST", "", r#"{"account":"alice"}"#, 400, "name"),
        ("POST", "", r#"{"name":"x"}"#, 400, "account"),
        ("POST", "", r#"{"name":"../x","account":"alice"}"#, 400, "name"),
        ("POST", "", r#"{"name":"a\r\nb","account":"alice"}"#, 400, "name"),
        ("POST", "", r#"{"name":"x","account":"alice","max":1}"#, 400, "max"),
        ("POST", "", r#"{"name":"x","account":"alice","greeting":"x"}"#, 400, "greeting"),
        ("PATCH", "/alice", r#"{"greeting":null}"#, 400, "greeting"),
        ("PATCH", "/alice", r#"{"callback":"wait"}"#, 400, "callback"),
        ("PATCH", "/alice", r#"{"callback_scope":"all"}"#, 400, "callback_scope"),
        ("PATCH", "/alice", r#"{"language":"../en"}"#, 400, "language"),
        ("PATCH", "/alice", r#"{"video":1}"#, 400, "video"),
        ("PATCH", "/alice", r#"{"keep_days":70000}"#, 400, "keep_days"),
        ("PATCH", "/alice", r#"{"name":"x"}"#, 400, "name"),
        ("PATCH", "/alice", r#"{"messages_max":0}"#, 422, ""),
        ("GET", "/..%2F..%2Fetc", "", 404, ""),
        ("GET", "?stat=new", "", 400, "stat"),
        ("PUT", "/alice", "{}", 405, ""),
    ] {
        let path = format!("/v1/mailboxes{path}");
        let (status, answer) = house.ask(method, &path, ADMIN, body).await;
        assert_eq!(status, want, "{method} {path} {body}: {answer}");
        assert!(is_sentence(&answer), "{answer}");
        assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{path} {body}: {answer}");
    }
}
