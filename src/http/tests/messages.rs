//! Messages, their files, deposits and notices.

use serde_json::json;

use crate::domain::{
    AccountKey, Caller, CardPart, DepositCard, DepositCause, Mailbox, MailboxName, Medium,
    MessageId, MessageState, NodeId, NoticeState,
};
use crate::http::wire::{MessageFilter, PageQuery};

use super::mailboxes::house_of;
use super::*;

const WAV: &str = "audio/wav";
const MP4: &str = "video/mp4";

/// Three messages: a sound, one in two parts that are joined, one in two parts that are not.
async fn furnished() -> House {
    let house = house_of(&["alice", "bob"]).await;
    for owner in ["alice", "bob"] {
        let spec = json!({"name": owner, "account": owner});
        house.client().mailbox_add(&serde_json::from_value(spec).unwrap()).await.unwrap();
    }
    let mail = &house.fake.mail;
    mail.leave(1, "alice", &[(WAV, b"0123456789")], false);
    mail.leave(2, "alice", &[(WAV, b"abc"), (MP4, b"defg")], true);
    mail.leave(3, "bob", &[(WAV, b"one"), ("text/html", b"<script>")], false);
    house
}

fn id(number: u32) -> MessageId {
    MessageId::new(NodeId(1), 7, number)
}

#[tokio::test]
async fn in_a_cluster_it_is_said_where_a_message_lies() {
    let house = furnished().await;
    let client = house.client();
    let alone = client.message(id(1)).await.unwrap();
    assert_eq!((alone.safe, alone.nodes), (None, vec![]), "there is nothing to say");
    let mail = &house.fake.mail;
    mail.cluster.store(true, Ordering::Relaxed);
    let two = vec![NodeId(1), NodeId(3)];
    mail.messages.lock().unwrap().get_mut(&id(2)).unwrap().holders = two.clone();
    let old = client.message(id(1)).await.unwrap();
    assert_eq!((old.safe, old.nodes), (Some(false), vec![NodeId(1)]), "of before the cluster");
    let safe = client.message(id(2)).await.unwrap();
    assert_eq!((safe.safe, safe.nodes), (Some(true), two));
    let page = PageQuery { limit: None, after: None };
    let listed = client.messages(&MessageFilter::default(), &page).await.unwrap().items;
    let said: Vec<_> = listed.iter().map(|message| message.safe).collect();
    assert_eq!(said, [Some(false), Some(true), Some(false)]);
}

#[tokio::test]
async fn messages_are_listed_newest_first() {
    let house = furnished().await;
    let client = house.client();
    client.message_set(id(1), MessageState::Saved).await.unwrap();
    client.message_remove(id(3)).await.unwrap();
    house.fake.mail.leave(4, "alice", &[(WAV, b"x")], false);
    let mailbox = |text: &str| MailboxName::parse(text).ok();
    let any = MessageFilter::default();
    for (filter, want) in [
        (any.clone(), "m7-4 m7-2 m7-1"),
        (MessageFilter { mailbox: mailbox("alice"), ..any.clone() }, "m7-4 m7-2 m7-1"),
        (MessageFilter { mailbox: mailbox("bob"), ..any.clone() }, ""),
        (MessageFilter { state: Some(MessageState::New), ..any.clone() }, "m7-4 m7-2"),
        (MessageFilter { state: Some(MessageState::Saved), ..any.clone() }, "m7-1"),
        (MessageFilter { state: Some(MessageState::Deleted), ..any.clone() }, "m7-3"),
    ] {
        for limit in [1, 2, 3, 1000] {
            let (mut found, mut page) = (Vec::new(), PageQuery { limit: Some(limit), after: None });
            loop {
                let answer = client.messages(&filter, &page).await.unwrap();
                found.extend(answer.items.into_iter().map(|message| message.id.to_string()));
                page.after = answer.next;
                if page.after.is_none() {
                    break;
                }
            }
            assert_eq!(found.join(" "), want, "{filter:?} by {limit}");
        }
    }
    for (query, want, field) in [
        ("mailbox=nobody", 404, "mailbox"),
        ("account=nobody", 404, "account"),
        ("mailbox=..%2Fx", 400, "mailbox"),
        ("state=old", 400, "state"),
        ("after=7", 400, "after"),
        ("after=7.m07-1", 400, "after"),
        ("limit=0", 400, "limit"),
        ("from=x", 400, "from"),
    ] {
        let (status, body) = house.ask("GET", &format!("/v1/messages?{query}"), ADMIN, "").await;
        assert!(status == want && is_sentence(&body), "{query}: {status} {body}");
        assert_eq!(body["field"], field, "{query}");
    }
    house.fake.mail.broken.store(true, Ordering::Relaxed);
    let (status, body) = house.ask("GET", "/v1/messages", ADMIN, "").await;
    assert!(status == 503 && is_sentence(&body), "{body}");
}

#[tokio::test]
async fn a_message_lives_until_it_is_deleted() {
    let house = furnished().await;
    let client = house.client();
    let shown = client.message(id(2)).await.unwrap();
    assert_eq!(
        (&*shown.from, shown.mailbox.as_str(), shown.parts.len()),
        ("+15550100", "alice", 2)
    );
    assert_eq!(shown.account.unwrap().as_str(), "alice");
    let heard = client.message_set(id(2), MessageState::Heard).await.unwrap();
    assert_eq!(heard.state, MessageState::Heard);
    let (status, body) = house.ask("DELETE", "/v1/messages/m7-2", ADMIN, "").await;
    assert_eq!((status, body), (204, Value::Null));
    for (method, path, body, want) in [
        ("GET", "m7-2", "", 404),
        ("GET", "m7-2/file", "", 404),
        ("GET", "m7-2/parts/1", "", 404),
        ("PATCH", "m7-2", r#"{"state":"new"}"#, 404),
        ("DELETE", "m7-2", "", 404),
        ("DELETE", "m7-99", "", 404),
        ("GET", "m07-1", "", 404),
        ("GET", "..%2F..%2Fetc%2Fpasswd", "", 404),
        ("GET", "m7-1%00", "", 404),
        ("GET", "m7-1/parts/2", "", 404),
        ("GET", "m7-1/parts/0", "", 404),
        ("GET", "m7-1/parts/..", "", 404),
        ("GET", "m7-1/parts/99999", "", 404),
        ("GET", "m7-3/file", "", 409),
        ("PATCH", "m7-1", r#"{"state":"deleted"}"#, 400),
        ("PATCH", "m7-1", r#"{"state":"old"}"#, 400),
        ("PATCH", "m7-1", r#"{"state":"new","urgent":true}"#, 400),
        ("PATCH", "m7-1", "{}", 400),
        ("POST", "m7-1", "{}", 405),
    ] {
        let (status, answer) =
            house.ask(method, &format!("/v1/messages/{path}"), ADMIN, body).await;
        assert!(status == want && is_sentence(&answer), "{method} {path}: {status} {answer}");
    }
}

/// Status, headers and body of one question for a file.
async fn file(
    house: &House,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let mut request = house.http.get(format!("{}/v1/messages/{path}", house.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.bearer_auth(ADMIN).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn files_are_served_whole_and_in_ranges() {
    let house = furnished().await;
    let (status, headers, body) = file(&house, "m7-1/file", &[]).await;
    assert_eq!((status, &body[..]), (200, &b"0123456789"[..]));
    for (name, want) in [
        ("content-type", WAV),
        ("content-length", "10"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "attachment; filename=\"m7-1.wav\""),
    ] {
        assert_eq!(headers[name], want);
    }
    let tag = headers["etag"].to_str().unwrap().to_owned();
    for (asked, want, range, part) in [
        (&[("range", "bytes=2-4")][..], 206, "bytes 2-4/10", &b"234"[..]),
        (&[("range", "bytes=-3")], 206, "bytes 7-9/10", b"789"),
        (&[("range", "bytes=8-99")], 206, "bytes 8-9/10", b"89"),
        (&[("range", "bytes=2-4"), ("if-range", &tag)], 206, "bytes 2-4/10", b"234"),
        (&[("range", "bytes=2-4"), ("if-range", "\"other\"")], 200, "", b"0123456789"),
        (&[("range", "bytes=0-1,3-4")], 200, "", b"0123456789"),
        (&[("range", "bytes=4-2")], 200, "", b"0123456789"),
    ] {
        let (status, headers, body) = file(&house, "m7-1/file", asked).await;
        let said = headers.get("content-range").map(|value| value.to_str().unwrap());
        assert_eq!((status, said.unwrap_or_default(), &body[..]), (want, range, part), "{asked:?}");
    }
    let (status, headers, body) = file(&house, "m7-1/file", &[("range", "bytes=10-")]).await;
    assert_eq!((status, headers["content-range"].to_str().unwrap()), (416, "bytes */10"));
    assert!(is_sentence(&serde_json::from_slice(&body).unwrap()));
    let url = format!("{}/v1/messages/m7-1/file", house.url);
    let head = house.http.head(url).bearer_auth(ADMIN).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-length"]),
        (200, &"10".parse().unwrap())
    );
}

#[tokio::test]
async fn joined_files_parts_and_what_nobody_knows() {
    let house = furnished().await;
    let (_, headers, body) = file(&house, "m7-2/file", &[]).await;
    assert_eq!((headers["content-type"].to_str().unwrap(), &body[..]), (MP4, &b"abcdefg"[..]));
    assert_eq!(headers["content-disposition"], "attachment; filename=\"m7-2.mp4\"");
    let (_, headers, body) = file(&house, "m7-2/parts/2", &[]).await;
    assert_eq!(headers["content-disposition"], "attachment; filename=\"m7-2-2.mp4\"");
    assert_eq!(body, b"defg");
    // A type that a browser would run is not said.
    let (_, headers, body) = file(&house, "m7-3/parts/2", &[]).await;
    assert_eq!(
        (headers["content-type"].to_str().unwrap(), &body[..]),
        ("application/octet-stream", &b"<script>"[..])
    );
    assert_eq!(headers["content-disposition"], "attachment; filename=\"m7-3-2.bin\"");
    // More than one piece, through the client of the command line.
    let large: Vec<u8> = (0..300_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    house.fake.mail.leave(4, "alice", &[(WAV, &large)], false);
    let mut out = Vec::new();
    let bytes = house.client().message_file(id(4), None, &mut out).await.unwrap().unwrap();
    assert!(bytes == 300_000 && out == large);
    let gone = house.client().message_file(id(4), Some(9), &mut out).await;
    assert!(matches!(gone, Err(ClientError::Refused { status: 404, .. })), "{gone:?}");
    house.fake.mail.files.lock().unwrap().clear();
    let (status, _, body) = file(&house, "m7-1/file", &[]).await;
    assert!(status == 404 && is_sentence(&serde_json::from_slice(&body).unwrap()));
}

#[tokio::test]
async fn deposits_are_seen_and_steered() {
    let house = furnished().await;
    let client = house.client();
    assert_eq!(client.deposits(&PageQuery::default()).await.unwrap().items, []);
    for number in [10, 11, 12] {
        let mut mailbox = Mailbox::new(MailboxName::parse("alice").unwrap());
        mailbox.video = number != 11;
        house.fake.handle(Input::Resume(Box::new(DepositCard {
            message: id(number),
            account: AccountKey(0),
            mailbox,
            caller: Caller { shown: "+15550100".into(), ..Caller::default() },
            call_id: "a@h".into(),
            cause: DepositCause::NoAnswer,
            switch: "fs1".into(),
            leg: None,
            began_ms: 5,
            urgent: false,
            link_until_s: None,
            beside: None,
            parts: vec![
                CardPart { number: 1, medium: Medium::Video, dropped: true },
                CardPart { number: 2, medium: Medium::Audio, dropped: false },
            ],
        })));
    }
    let page = PageQuery { limit: Some(2), after: None };
    let first = client.deposits(&page).await.unwrap();
    let [one, two] = &first.items[..] else { panic!("{first:?}") };
    assert_eq!((one.id, two.id, &*one.from, &*one.switch), (id(10), id(11), "+15550100", "fs1"));
    assert_eq!((one.parts, one.medium, one.state.is_empty()), (1, Some(Medium::Audio), false));
    let next = client.deposits(&PageQuery { after: first.next, ..page }).await.unwrap();
    assert_eq!((next.items[0].id, next.items.len(), next.next), (id(12), 1, None));

    client.deposit_medium(id(10), Medium::Audio).await.unwrap();
    client.deposit_end(id(10)).await.unwrap();
    for (path, body, want) in [
        ("m7-99/medium", r#"{"medium":"audio"}"#, 404),
        ("m7-99/end", "", 404),
        ("x/end", "", 404),
        ("m7-12/medium", r#"{"medium":"video"}"#, 404),
        ("m7-b/medium", r#"{"medium":"video"}"#, 409),
        ("m7-a/medium", r#"{"medium":"text"}"#, 400),
        ("m7-a/medium", "", 400),
    ] {
        let (status, answer) =
            house.ask("POST", &format!("/v1/deposits/{path}"), ADMIN, body).await;
        assert!(status == want && is_sentence(&answer), "{path} {body}: {status} {answer}");
    }
    let (status, _) = house.ask("GET", "/v1/deposits?after=x", ADMIN, "").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn notices_are_seen_and_tried_again() {
    let house = furnished().await;
    let client = house.client();
    let mail = &house.fake.mail;
    mail.announce(1, NoticeState::Told);
    mail.announce(2, NoticeState::GivenUp);
    mail.announce(3, NoticeState::Waiting);
    let list = async |state| {
        let (mut found, mut page) = (Vec::new(), PageQuery { limit: Some(1), after: None });
        loop {
            let answer = client.notices(state, &page).await.unwrap();
            found
                .extend(answer.items.into_iter().map(|notice| notice.message.unwrap().to_string()));
            page.after = answer.next;
            if page.after.is_none() {
                break found.join(" ");
            }
        }
    };
    assert_eq!(list(None).await, "m7-1 m7-2 m7-3");
    assert_eq!(list(Some(NoticeState::GivenUp)).await, "m7-2");
    let first = client.notices(None, &PageQuery::default()).await.unwrap().items.remove(0);
    assert_eq!((&*first.id, &first.body["from"]), ("message.left:m7-1", &"+15550100".into()));
    let (_, status) = house.ask("GET", "/v1/status", ADMIN, "").await;
    assert_eq!(status["outbox"], json!({"waiting": 1, "given_up": 1}));
    client.notice_retry("message.left:m7-2").await.unwrap();
    assert_eq!(list(Some(NoticeState::GivenUp)).await, "");
    let long = format!("/v1/notices/{}/retry", "x".repeat(5000));
    for (method, path, want) in [
        ("POST", "/v1/notices/message.left:m7-9/retry", 404),
        ("POST", "/v1/notices/'%20OR%201=1/retry", 404),
        ("POST", &long, 404),
        ("GET", "/v1/notices?state=old", 400),
        ("DELETE", "/v1/notices", 405),
    ] {
        let (status, answer) = house.ask(method, path, ADMIN, "").await;
        assert!(status == want && is_sentence(&answer), "{method} {path}: {status} {answer}");
    }
    mail.broken.store(true, Ordering::Relaxed);
    let (status, body) = house.ask("GET", "/v1/status", ADMIN, "").await;
    assert_eq!((status, &body["outbox"]), (200, &Value::Null), "it is told without it");
}
