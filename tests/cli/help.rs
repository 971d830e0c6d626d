//! Every help page, kept as it is: a change of one is seen in review.

use std::path::Path;

use super::{directory, ends, out};

/// Compares with a kept text; `HALLPORTER_BLESS=1` keeps the new one.
#[track_caller]
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.txt"));
    if std::env::var_os("HALLPORTER_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let first = kept.lines().zip(text.lines()).find(|(kept, new)| kept != new);
    assert!(
        kept == text,
        "{name} has changed, first at {first:?}; if that is right: HALLPORTER_BLESS=1\n{text}"
    );
}

#[test]
fn help_pages_are_as_they_were() {
    let dir = directory("help");
    let mut left = vec![Vec::<String>::new()];
    let mut pages = 0;
    while let Some(path) = left.pop() {
        let page = ends(&dir, &format!("{} --help", path.join(" ")), 0);
        let page = out(&page);
        compare(
            &["help".to_owned()].iter().chain(&path).cloned().collect::<Vec<_>>().join("-"),
            page,
        );
        pages += 1;
        let commands = page.split_once("\nCommands:\n").map(|(_, rest)| rest).unwrap_or_default();
        for line in commands.lines().take_while(|line| line.starts_with("  ")) {
            let name = line.split_whitespace().next().unwrap();
            if name != "help" {
                left.push(path.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
    }
    assert_eq!(pages, 72, "a command came or went: see that tests/snapshots has no page too many");
    let kept = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"));
    assert_eq!(kept.unwrap().count(), pages);
}
