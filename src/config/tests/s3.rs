//! The bucket.

use super::*;

/// Files that others may read.
fn files(path: &Path) -> io::Result<TokenFile> {
    tokens(path).map(|file| TokenFile { open_to_others: true, ..file })
}

fn read(lines: &str) -> Checked {
    let messages = "[messages]\nspool = \"s\"\nprompts = \"p\"\n[[freeswitch]]\nname = \"a\"";
    let text = format!("[s3]\n{lines}\n{messages}");
    check::config(&text, Path::new(BASE), &files)
}

#[test]
fn little_is_enough_for_a_bucket() {
    let checked = read("bucket = \"recordings\"");
    let s3 = checked.config.unwrap().s3.unwrap();
    assert_eq!((s3.bucket.as_str(), s3.endpoint.as_deref()), ("recordings", None));
    assert_eq!((s3.region.as_str(), s3.prefix.as_str()), ("us-east-1", "hallporter"));
    assert_eq!((s3.access_key.as_str(), s3.secret_key.expose()), ("AKIA", "secret"));
    assert_eq!((s3.save_within.as_secs(), s3.transfer_within.as_secs()), (4, 600));
    assert_eq!(s3.to_string(), "bucket recordings at Amazon, region us-east-1");
    let doubts: Vec<_> = checked.warnings.iter().map(ToString::to_string).collect();
    let open = doubts.iter().filter(|told| told.contains("s3.credentials_file"));
    assert_eq!(open.filter(|told| told.contains("chmod 600")).count(), 1, "{doubts:?}");
}

#[test]
fn an_endpoint_without_tls_is_here_or_allowed() {
    for (endpoint, allowed) in [
        ("http://127.0.0.1:9000", ""),
        ("http://127.9.9.9/", ""),
        ("http://[::1]:9000", ""),
        ("http://[::1]", ""),
        ("http://localhost:9000", ""),
        ("https://s3.example.com", ""),
        ("http://10.0.0.7:9000", "allow_http = true"),
    ] {
        let lines = format!("bucket = \"abc\"\nendpoint = \"{endpoint}\"\n{allowed}");
        let s3 = read(&lines).config.unwrap().s3.unwrap();
        assert_eq!(s3.endpoint.as_deref(), Some(endpoint.trim_end_matches('/')));
    }
    for endpoint in ["http://10.0.0.7:9000", "http://127.0.0.1.example.com", "http://[::2]:1"] {
        let found = read(&format!("bucket = \"abc\"\nendpoint = \"{endpoint}\"")).mistakes;
        let told = found[0].to_string();
        assert!(found.len() == 1 && told.contains("allow_http = true"), "{found:?}");
    }
}

#[test]
fn every_mistake_about_a_bucket_is_told_at_once() {
    let lines = "bucket = \"Rec_\"\nendpoint = \"https://h/path\"\nregion = \"eu west\"\n\
                 prefix = \"a/../b\"\nsave_within = \"9s\"\ntransfer_within = \"1s\"";
    let found: Vec<_> = read(lines).mistakes.iter().map(ToString::to_string).collect();
    for (line, told) in [
        "no name of a bucket",
        "holds more than an address",
        "is no region",
        "can't begin the name",
        "take 1s to 8s",
        "take 10s to 1h",
    ]
    .iter()
    .enumerate()
    {
        let start = format!("line {}: s3.", line + 2);
        assert!(found[line].starts_with(&start) && found[line].contains(told), "{found:?}");
    }
    assert_eq!(found.len(), 6, "{found:?}");
    for prefix in ["/a", "a/", "a//b", ".", "a b", "ä"] {
        let found = read(&format!("bucket = \"abc\"\nprefix = \"{prefix}\"")).mistakes;
        assert_eq!(found.len(), 1, "{prefix}");
    }
    let text = "[messages]\nspool = \"s\"\nprompts = \"p\"\n[s3]\nbucket = \"abc\"\n\
                credentials_file = \"one.token\"";
    let found = mistakes(text);
    assert!(found.len() == 1 && found[0].contains("must hold two lines"), "{found:?}");
}

#[test]
fn what_a_bucket_alone_needs_is_doubtful_without_one() {
    let told = |text: &str| {
        let (config, warnings) = Config::parse(text, Path::new(BASE), &files).unwrap();
        let told = warnings.iter().filter(|warning| warning.key.starts_with("s3."));
        (config.s3.is_some(), told.map(ToString::to_string).collect::<Vec<_>>())
    };
    let (there, doubts) = told("[s3]\nregion = \"eu\"\nallow_http = true");
    assert!(!there && doubts.len() == 2 && doubts[0].contains("without s3.bucket"), "{doubts:?}");
    let (there, doubts) = told("[s3]\nbucket = \"abc\"");
    assert!(there && doubts.iter().any(|told| told.contains("nothing is recorded")), "{doubts:?}");
}
