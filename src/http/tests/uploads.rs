//! Videos that come by a link: whole, in pieces, broken off, with lies, and by no link of ours.

use super::mailroom::{LINK, UPLOAD_BYTES_MAX};
use super::*;

/// Status, headers and body of one request with these headers.
async fn ask(
    house: &House,
    method: &str,
    link: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> (u16, reqwest::header::HeaderMap, Value) {
    let url = format!("{}/u/{link}", house.url);
    let mut request = house.http.request(method.parse().unwrap(), url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.bytes().await.unwrap();
    (status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

const MP4: (&str, &str) = ("content-type", "video/mp4");

#[tokio::test]
async fn a_video_comes_whole() {
    let house = house().await;
    let (status, headers, view) = ask(&house, "GET", LINK, &[], "").await;
    assert_eq!((status, &view["offset"], &view["complete"]), (200, &0.into(), &false.into()));
    assert_eq!(view["bytes_max"], UPLOAD_BYTES_MAX);
    assert_eq!(
        (&headers["cache-control"], &headers["upload-offset"]),
        (&"no-store".parse().unwrap(), &"0".parse().unwrap())
    );
    let keys: Vec<_> = view.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["bytes_max", "complete", "expires_ms", "medium", "offset"], "and no more");
    // More than any body that is held may have.
    let video = vec![7; 200_000];
    let (status, headers, view) = ask(&house, "PUT", LINK, &[MP4], video.clone()).await;
    assert_eq!((status, &view["complete"], &view["offset"]), (200, &true.into(), &200_000.into()));
    assert_eq!(headers["upload-offset"], "200000");
    assert_eq!(house.fake.mail.upload.lock().unwrap().bytes, video);
    // Once is once.
    for method in ["GET", "PUT"] {
        let (status, _, body) = ask(&house, method, LINK, &[MP4], "x").await;
        assert!(status == 410 && is_sentence(&body), "{method} {body}");
    }
}

#[tokio::test]
async fn a_video_comes_in_pieces() {
    let house = house().await;
    let range = |range| [MP4, ("content-range", range)];
    let (status, _, view) = ask(&house, "PUT", LINK, &range("bytes 0-3/10"), "0123").await;
    assert_eq!((status, &view["offset"], &view["complete"]), (200, &4.into(), &false.into()));
    let (status, headers, body) = ask(&house, "PUT", LINK, &range("bytes 6-9/10"), "6789").await;
    assert!(status == 409 && is_sentence(&body), "{status} {body}");
    assert_eq!(headers["upload-offset"], "4");
    let (status, headers, _) = ask(&house, "HEAD", LINK, &[], "").await;
    assert_eq!(
        (status, &headers["upload-offset"], &headers["upload-length"]),
        (200, &"4".parse().unwrap(), &"10".parse().unwrap())
    );
    let rest = [MP4, ("upload-offset", "4"), ("upload-length", "10")];
    let (status, _, view) = ask(&house, "PUT", LINK, &rest, "456789").await;
    assert_eq!((status, &view["complete"]), (200, &true.into()));
    assert_eq!(house.fake.mail.upload.lock().unwrap().bytes, b"0123456789");
}

#[tokio::test]
async fn only_the_link_itself_is_let_in() {
    let house = house().await;
    let long = "x".repeat(2000);
    for (link, want) in [
        ("expired", 410),
        ("good-link_1", 404),
        ("good-link_0x", 404),
        ("good-link_", 404),
        ("Good-link_0", 404),
        ("..%2F..%2Fv1%2Fstatus", 404),
        ("good-link_0%00", 404),
        (&long, 404),
    ] {
        for method in ["GET", "PUT"] {
            let (status, _, body) = ask(&house, method, link, &[MP4], "x".repeat(5000)).await;
            assert!(status == want && is_sentence(&body), "{method} {link}: {status} {body}");
            assert!(!body.to_string().contains("m7"), "{body}");
        }
    }
    let (status, _, body) = ask(&house, "DELETE", LINK, &[], "").await;
    assert!(status == 405 && is_sentence(&body));
    // Neither is a token a link, nor a link a token.
    assert_eq!(house.ask("GET", "/u/admin-token", ADMIN, "").await.0, 404);
    assert_eq!(house.ask("GET", "/v1/messages", LINK, "").await.0, 401);
    assert!(house.fake.mail.upload.lock().unwrap().total.is_none(), "nothing was begun");
}

#[tokio::test]
async fn what_the_headers_say_has_to_fit() {
    let house = house().await;
    let too_many = (UPLOAD_BYTES_MAX + 1).to_string();
    for (headers, want) in [
        (&[MP4, ("content-range", "bytes 0-3/4")][..], 400),
        (&[MP4, ("content-range", "bytes 0-9/10"), ("content-range", "bytes 0-9/10")], 400),
        (&[MP4, ("content-range", "bytes 9-0/10")], 400),
        (&[MP4, ("content-range", "bytes 0-9/*")], 400),
        (&[MP4, ("content-range", "bytes */10")], 400),
        (&[MP4, ("content-range", "bytes 5-14/10")], 400),
        (&[MP4, ("content-range", "0-9/10")], 400),
        (&[MP4, ("upload-offset", "-1")], 400),
        (&[MP4, ("upload-offset", "+1")], 400),
        (&[MP4, ("upload-offset", "99999999999999999999")], 400),
        (&[MP4, ("upload-offset", "18446744073709551615")], 411),
        (&[MP4, ("upload-offset", "1"), ("upload-offset", "1")], 400),
        (&[MP4, ("upload-length", "9")], 400),
        (&[MP4, ("upload-length", "x")], 400),
        (&[MP4, ("upload-length", &too_many)], 413),
        (&[("content-type", "text/html")], 415),
        (&[], 415),
        (&[MP4, ("upload-offset", "3")], 409),
    ] {
        let (status, _, body) = ask(&house, "PUT", LINK, headers, "0123456789").await;
        assert!(status == want && is_sentence(&body), "{headers:?}: {status} {body}");
    }
    let long = vec![0; usize::try_from(UPLOAD_BYTES_MAX).unwrap() + 1];
    let (status, _, body) = ask(&house, "PUT", LINK, &[MP4], long).await;
    assert!(status == 413 && is_sentence(&body), "{status} {body}");
    assert_eq!(house.fake.mail.upload.lock().unwrap().bytes, b"", "nothing of it was taken");
}

/// A request for an upload with these headers and a part of its body.
fn begun(headers: &str, body: &str) -> String {
    format!(
        "PUT /u/{LINK} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: video/mp4\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn what_breaks_off_goes_on_where_it_was() {
    let house = house().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(begun("Content-Length: 10\r\n", "0123").as_bytes()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), house.fake.mail.came.notified()).await.unwrap();
    let (_, _, view) = ask(&house, "GET", LINK, &[], "").await;
    assert_eq!((&view["offset"], &view["total"]), (&4.into(), &10.into()), "progress is seen");
    drop(stream);
    let rest = [MP4, ("content-range", "bytes 4-9/10")];
    let (status, _, view) = ask(&house, "PUT", LINK, &rest, "456789").await;
    assert_eq!((status, &view["complete"]), (200, &true.into()));
    assert_eq!(house.fake.mail.upload.lock().unwrap().bytes, b"0123456789");
}

#[tokio::test]
async fn who_falls_silent_is_not_waited_for() {
    let house =
        house_with(|options| options.upload_silent_within = Duration::from_millis(50)).await;
    let answer = house.raw(begun("Content-Length: 10\r\n", "0123").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(house.fake.mail.upload.lock().unwrap().bytes, b"0123", "what came is kept");
}

#[tokio::test]
async fn chunks_have_to_say_how_many_there_are() {
    let house = house().await;
    let chunked = "Transfer-Encoding: chunked\r\n";
    let answer = house.raw(begun(chunked, "4\r\n0123\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");
    let said = "Transfer-Encoding: chunked\r\nUpload-Length: 8\r\n";
    let answer = house.raw(begun(said, "5\r\n01234\r\n4\r\n5678\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let answer = house.raw(begun(said, "4\r\n0123\r\n4\r\n4567\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"complete\":true"), "{answer}");
}

#[tokio::test]
async fn uploads_are_limited_and_their_progress_is_not() {
    let house = house_with(|options| options.uploads_max = 1).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(begun("Content-Length: 4\r\n", "0").as_bytes()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), house.fake.mail.came.notified()).await.unwrap();
    let (status, headers, body) = ask(&house, "PUT", LINK, &[MP4], "0123").await;
    assert!(status == 429 && is_sentence(&body), "{status} {body}");
    assert!(headers.contains_key("retry-after"));
    assert_eq!(ask(&house, "GET", LINK, &[], "").await.0, 200);
    stream.write_all(b"123").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}
