//! Credentials, limits and mistakes.

use super::*;

const QUESTION: &str = r#"{"call_id":"a","ruri":"sip:nobody@example.com"}"#;

#[tokio::test]
async fn a_door_wants_its_token() {
    let house = house().await;
    for (path, token, want) in [
        ("/v1/route", "", 401),
        ("/v1/route", "wrong", 401),
        ("/v1/route", ROUTE, 200),
        ("/v1/route", ADMIN, 200),
        ("/v1/rehearse", "", 401),
        ("/v1/rehearse", ROUTE, 403),
        ("/v1/rehearse", ADMIN, 200),
    ] {
        let (status, body) = house.ask("POST", path, token, QUESTION).await;
        assert_eq!(status, want, "{path} with {token:?}");
        assert!(status == 200 || is_sentence(&body), "{body}");
    }
    let basic = house.http.post(format!("{}/v1/route", house.url));
    let answer = basic.basic_auth("route", Some(ROUTE)).body(QUESTION).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = house.http.get(format!("{}/v1/status", house.url)).send().await.unwrap();
    assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    house.tokens.replace(b"other", b"another");
    assert_eq!(house.ask("POST", "/v1/route", ROUTE, QUESTION).await.0, 401);
    assert_eq!(house.ask("POST", "/v1/route", "other", QUESTION).await.0, 200);
}

#[tokio::test]
async fn every_door_but_the_open_ones_is_shut() {
    let house = house().await;
    for way in &table::WAYS {
        let path = way.path.replace(['{', '}'], "");
        let (stranger, _) = house.ask(way.method, &path, "", "").await;
        let (proxy, _) = house.ask(way.method, &path, ROUTE, "").await;
        match way.scope {
            Scope::Link => assert_eq!((stranger, proxy), (404, 404), "{path}"),
            Scope::Open => assert_eq!((stranger, proxy), (200, 200), "{path}"),
            Scope::Route => assert!(stranger == 401 && proxy == 400, "{path} {proxy}"),
            Scope::Admin | Scope::Device => {
                assert_eq!((stranger, proxy), (401, 403), "{} {path}", way.method);
            }
        }
    }
}

#[tokio::test]
async fn a_switch_asks_in_its_own_language() {
    let house = house().await;
    let door = "/v1/freeswitch/fs1/dialplan";
    let ask = |path: &str, context: &str| {
        let body = format!(
            "section=dialplan&Unique-ID=a-1&Hunt-Context={context}&Hunt-Destination-Number=112&\
             variable_sip_req_host=h"
        );
        let request = house.http.post(format!("{}{path}", house.url));
        request.basic_auth("route", Some(ROUTE)).body(body).send()
    };
    let answer = ask(door, "hallporter-calls").await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/xml".parse().unwrap())
    );
    let text = answer.text().await.unwrap();
    assert!(text.contains("data=\"112 XML hallporter-pass\""), "{text}");
    let text = ask(door, "public").await.unwrap().text().await.unwrap();
    assert!(text.contains("status=\"not found\""), "{text}");
    assert_eq!(ask("/v1/freeswitch/fs2/dialplan", "public").await.unwrap().status(), 404);
}

#[tokio::test]
async fn mistakes_get_a_sentence() {
    let house = house().await;
    let long = format!(r#"{{"call_id":"{}"}}"#, "x".repeat(1 << 20));
    for (method, path, body, want, field) in [
        ("POST", "/v1/nothing", "", 404, ""),
        ("GET", "/", "", 404, ""),
        ("GET", "/v1/accounts/", "", 404, ""),
        ("GET", "/v1/route", "", 405, ""),
        ("PUT", "/v1/accounts", "{}", 405, ""),
        ("POST", "/v1/route", "", 400, ""),
        ("POST", "/v1/route", "{", 400, ""),
        ("POST", "/v1/route", "[]", 400, ""),
        ("POST", "/v1/route", "{\"call_id\":\"a\0\"}", 400, ""),
        ("POST", "/v1/route", r#"{"ruri":"sip:a@h"}"#, 400, "call_id"),
        ("POST", "/v1/route", r#"{"call_id":1,"ruri":"sip:a@h"}"#, 400, "call_id"),
        ("POST", "/v1/route", r#"{"call_id":"a","ruri":"sip:\r\n"}"#, 400, "ruri"),
        ("POST", "/v1/route", r#"{"call_id":"a","ruri":"b","method":"BYE"}"#, 422, "method"),
        ("POST", "/v1/route?format=xml", QUESTION, 400, "format"),
        ("POST", "/v1/route?fromat=rtjson", QUESTION, 400, "fromat"),
        ("POST", "/v1/route", long.as_str(), 413, ""),
        ("POST", "/v1/event", long.as_str(), 413, ""),
        ("POST", "/v1/accounts", long.as_str(), 413, ""),
        ("POST", "/v1/nothing", long.as_str(), 404, ""),
        ("POST", "/v1/event", "no json", 400, ""),
        ("POST", "/v1/event", r#"{"event":"over","call_id":"a"}"#, 400, "event"),
    ] {
        let (status, answer) = house.ask(method, path, ADMIN, body.to_owned()).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!(status, want, "{method} {path} {shown}: {answer}");
        assert!(is_sentence(&answer), "{method} {path} {shown}: {answer}");
        assert_eq!(answer["field"].as_str().unwrap_or_default(), field, "{path} {shown}");
    }
    let (status, answer) = house.ask("POST", "/v1/route", "wrong", long).await;
    assert!(status == 401 && is_sentence(&answer));
    assert_eq!(house.ask("POST", "/v1/route", ROUTE, QUESTION).await.0, 200);
}

#[tokio::test]
async fn what_is_no_http_does_no_harm() {
    let house = house().await;
    let header = "X".repeat(10_000);
    let question = format!(
        "POST /v1/route HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {ROUTE}\r\n\
         X-Long: {header}\r\nContent-Length: {}\r\n\r\n{QUESTION}",
        QUESTION.len()
    );
    assert!(house.raw(question.as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(house.raw(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
    assert!(house.raw(many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let path = b"GET /v1/calls/%ff%00 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer admin-token\r\n\r\n";
    assert!(house.raw(path).await.starts_with("HTTP/1.1 400"));
    let chunked = format!(
        "POST /v1/route HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {ROUTE}\r\n\
         Transfer-Encoding: chunked\r\n\r\n11000\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x11000)
    );
    assert!(house.raw(chunked.as_bytes()).await.starts_with("HTTP/1.1 413"));
    assert_eq!(house.ask("GET", "/healthz", "", "").await.0, 200);
}

#[tokio::test]
async fn a_panic_is_the_end_of_one_request_only() {
    let house = house().await;
    let question = QUESTION.replace("\"a\"", "\"panic\"");
    let (status, body) = house.ask("POST", "/v1/route", ROUTE, question).await;
    assert_eq!(status, 500);
    assert!(is_sentence(&body), "{body}");
    assert_eq!(house.ask("POST", "/v1/route", ROUTE, QUESTION).await.0, 200);
}

#[tokio::test]
async fn a_proxy_asks_and_tells() {
    let house = house().await;
    for _ in 0..2 {
        let (status, answer) = house.ask("POST", "/v1/route", ROUTE, QUESTION).await;
        assert_eq!((status, &answer["v"], &answer["action"]), (200, &1.into(), &"pass".into()));
        assert!(answer["call"].is_string(), "counted or not, it can be asked about");
    }
    let events =
        r#"[{"event":"start","call_id":"a"}, {"event":"end"}, {"event":"end","call_id":"a"}]"#;
    let (status, taken) = house.ask("POST", "/v1/event", ROUTE, events).await;
    assert_eq!((status, &taken["accepted"]), (200, &2.into()));
    assert_eq!(taken["refused"][0]["index"], 1);
    assert_eq!(taken["refused"][0]["field"], "call_id");
    assert_eq!(house.fake.events.lock().unwrap().len(), 2);
    let one = r#"{"event":"end","call_id":"a"}"#;
    let (status, taken) = house.ask("POST", "/v1/event", ROUTE, one).await;
    assert_eq!((status, &taken["accepted"]), (200, &1.into()));
}

#[tokio::test]
async fn monitors_need_no_token_here() {
    let house = house().await;
    assert_eq!(house.ask("GET", "/healthz", "", "").await.0, 200);
    assert_eq!(house.ask("HEAD", "/healthz", "", "").await.0, 200);
    assert_eq!(house.ask("GET", "/readyz", "", "").await.0, 200);
    *house.fake.status.lock().unwrap() =
        Status { ready: true, draining: true, ..Status::default() };
    let (status, body) = house.ask("GET", "/readyz", "", "").await;
    assert!(status == 503 && is_sentence(&body), "{body}");
    let trouble = Some("the disk is full: make room on it".to_owned());
    *house.fake.status.lock().unwrap() = Status { trouble, ..Status::default() };
    let (status, body) = house.ask("GET", "/readyz", "", "").await;
    assert_eq!((status, &body["error"]), (503, &"the disk is full: make room on it".into()));
    house.ask("POST", "/v1/route", ROUTE, QUESTION).await;
    let metrics = house.http.get(format!("{}/metrics", house.url)).send().await.unwrap();
    let text = metrics.text().await.unwrap();
    for line in [
        "hallporter_calls 0",
        "hallporter_http_answers_total{route=\"/v1/route\",code=\"200\"} 1",
        "hallporter_http_answers_total{route=\"/readyz\",code=\"503\"} 2",
        "hallporter_route_answer_seconds_count 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let house = house_with(|options| options.connections_max = 1).await;
    let mut first = TcpStream::connect(house.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    first.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let answer = house.raw(b"").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(
        head.contains(&format!("Content-Length: {}\r\n", body.len()))
            || head.ends_with(&format!("Content-Length: {}", body.len())),
        "{head}"
    );
    assert!(is_sentence(&serde_json::from_str(body).unwrap()));
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let house = house_with(|options| options.idle_within = Duration::from_millis(50)).await;
    assert_eq!(house.raw(b"").await, "");
    assert_eq!(house.raw(b"GET /healthz HT").await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let house = house_with(|options| options.body_within = Duration::from_millis(50)).await;
    let head = format!(
        "POST /v1/route HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {ROUTE}\r\nContent-Length: 9\r\n\r\n{{"
    );
    assert!(house.raw(head.as_bytes()).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn admin_requests_are_limited_and_routes_are_not() {
    let house = house_with(|options| {
        options.admin_requests_max = 1;
        options.answer_within = Duration::from_secs(5);
    })
    .await;
    let gate = house.fake.gate.lock().await;
    let waiting = house.ask("GET", "/v1/why/a", ADMIN, "");
    tokio::pin!(waiting);
    let limited = async {
        loop {
            let (status, body) = house.ask("GET", "/v1/status", ADMIN, "").await;
            if status == 429 {
                break body;
            }
            tokio::task::yield_now().await;
        }
    };
    let limited = tokio::time::timeout(Duration::from_secs(5), limited);
    let body = tokio::select! {
        _ = &mut waiting => panic!("it had to wait"),
        body = limited => body.unwrap(),
    };
    assert!(is_sentence(&body));
    assert_eq!(house.ask("POST", "/v1/route", ROUTE, QUESTION).await.0, 200);
    drop(gate);
    assert_eq!(waiting.await.0, 200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let house = house_with(|options| options.answer_within = Duration::from_millis(50)).await;
    let _gate = house.fake.gate.lock().await;
    let (status, body) = house.ask("GET", "/v1/why/a", ADMIN, "").await;
    assert!(status == 503 && is_sentence(&body), "{body}");
}

#[tokio::test]
async fn what_has_begun_is_answered_before_the_end() {
    let mut house = house().await;
    let gate = house.fake.gate.lock().await;
    let request = house.http.get(format!("{}/v1/why/a", house.url)).bearer_auth(ADMIN);
    let waiting = tokio::spawn(request.send());
    let deadline = tokio::time::sleep(Duration::from_secs(5));
    tokio::pin!(deadline);
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), house.fake.asked.notified()).await.unwrap();
    house.stop.take().unwrap().send(()).unwrap();
    let mut rest = Vec::new();
    tokio::select! {
        () = &mut deadline => panic!("the idle connection was not closed"),
        read = idle.read_to_end(&mut rest) => { read.unwrap(); }
    }
    assert!(!house.done.is_finished());
    drop(gate);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    tokio::time::timeout(Duration::from_secs(5), &mut house.done).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(house.address).await.is_err());
}
