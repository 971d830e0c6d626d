//! What can be seen without a bucket; `tests/bucket.rs` has one.

use std::path::PathBuf;

use super::*;

fn bucket(endpoint: &str, prefix: &str) -> Bucket {
    let settings = Settings {
        bucket: "recordings".to_owned(),
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".to_owned(),
        prefix: prefix.to_owned(),
        access_key: "key".to_owned(),
        secret_key: "secret".to_owned(),
        transfer_within: Duration::from_secs(10),
    };
    Bucket::new(settings).unwrap()
}

fn content_of(bytes: &[u8]) -> ContentId {
    ContentId(Sha256::digest(bytes).into())
}

fn file(name: &str, bytes: &[u8]) -> (PathBuf, File) {
    let path = std::env::temp_dir().join(format!("hallporter-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let file = File::open(&path).unwrap();
    (path, file)
}

#[test]
fn objects_are_named_by_what_they_hold() {
    let (id, name) = (ContentId([0xab; 32]), "ab".repeat(32));
    for (prefix, key) in [
        ("", format!("ab/{name}")),
        ("hallporter", format!("hallporter/ab/{name}")),
        ("a/b.c", format!("a/b.c/ab/{name}")),
    ] {
        assert_eq!(bucket("http://127.0.0.1:9", prefix).key(id).as_ref(), key);
    }
}

#[tokio::test]
async fn nothing_spoiled_goes_out_and_nobody_there_is_told() {
    // A port that nobody listens at.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let bucket = bucket(&format!("http://{address}"), "");
    let within = Duration::from_secs(5);
    let (path, sound) = file("spoiled", b"sound");
    let put = bucket.put(content_of(b"other"), sound, 5, within).await;
    assert!(matches!(put, Err(Error::Spoiled { .. })), "{put:?}");
    // Shorter than it is said to be, or longer.
    for bytes in [4, 6] {
        let put = bucket.put(content_of(b"sound"), File::open(&path).unwrap(), bytes, within).await;
        assert!(matches!(put, Err(Error::Spoiled { .. })), "{bytes} {put:?}");
    }
    assert_eq!(bucket.figures().trouble(), None, "that says nothing of the bucket");
    let put = bucket.put(content_of(b"sound"), File::open(&path).unwrap(), 5, within).await;
    assert!(matches!(put, Err(Error::Away { .. })), "{put:?}");
    let trouble = bucket.figures().trouble().unwrap();
    let start = format!("bucket recordings at http://{address} can't be reached (");
    assert!(trouble.starts_with(&start) && !trouble.contains("secret"), "{trouble}");
    let counts = bucket.figures().counts();
    assert_eq!((counts.uploads, counts.uploads_failed), (0, 4));
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_bucket_that_says_nothing_is_waited_for_only_so_long() {
    // Connections are taken, and nothing is ever answered.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bucket = bucket(&format!("http://{}", listener.local_addr().unwrap()), "");
    let long = vec![7; 9 << 20];
    for (name, bytes) in [("short", &long[..9]), ("long", &long)] {
        let (path, sound) = file(name, bytes);
        let within = Duration::from_millis(200);
        let put = bucket.put(content_of(bytes), sound, bytes.len() as u64, within).await;
        assert!(matches!(put, Err(Error::Late { .. })), "{name} {put:?}");
        std::fs::remove_file(path).unwrap();
    }
    assert!(bucket.figures().trouble().unwrap().contains("within"));
}

#[test]
fn what_is_answered_is_told_in_one_line() {
    let source = |text: &str| -> Box<dyn std::error::Error + Send + Sync> { text.into() };
    let not_found =
        |text: &str| object_store::Error::NotFound { path: String::new(), source: source(text) };
    let told = |error: &object_store::Error| Error::of(error, "bucket b at h", ContentId([1; 32]));
    let gone = told(&not_found("<Code>NoSuchBucket</Code>"));
    assert_eq!(gone.to_string(), "there is no bucket b at h: make it, or mend s3.bucket");
    assert!(matches!(told(&not_found("<Code>NoSuchKey</Code>")), Error::NotThere { .. }));
    let refused = told(&object_store::Error::PermissionDenied {
        path: String::new(),
        source: source("<?xml?>\n<Error><Code>AccessDenied</Code></Error>"),
    });
    assert!(refused.to_string().contains("refuses the key (AccessDenied)"), "{refused}");
    let odd = told(&object_store::Error::Generic {
        store: "S3",
        source: source("Server returned 500\n\u{1b}[31m"),
    });
    assert!(!odd.to_string().contains(char::is_control), "{odd}");
}
