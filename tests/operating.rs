//! Holds `docs/operating.md` to what the program says: every metric, every warning and error of the
//! log, every cause of a refusal with its SIP codes.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use hallporter::admission::refusal;
use hallporter::domain::{Cause, RefusalCodes, Side};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/operating.md")).unwrap()
}

/// All source that is not a test's.
fn sources() -> Vec<(PathBuf, String)> {
    let (mut found, mut directories) = (Vec::new(), vec![root().join("src")]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The last text in quotes of each call of a macro: what the line says.
fn said<'a>(source: &'a str, called: &str) -> Vec<&'a str> {
    let calls = source.match_indices(called).map(|(place, _)| &source[place + called.len()..]);
    calls.filter_map(|rest| arguments(rest).rsplit('"').nth(1)).collect()
}

/// What stands before the closing parenthesis, those in texts and pairs left out of account.
fn arguments(rest: &str) -> &str {
    let (mut depth, mut quoted) = (0, false);
    for (place, letter) in rest.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return &rest[..place],
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    rest
}

#[test]
fn every_warning_and_error_is_explained() {
    let page = page();
    let mut missing = Vec::new();
    let mut count = 0;
    for (path, source) in sources() {
        for line in ["warn!(", "error!("].map(|called| said(&source, called)).concat() {
            count += 1;
            if !page.contains(line) && !line.ends_with("this is a mistake in hallporter") {
                missing.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(count >= 20, "only {count} lines were found: is the log written in another way?");
    assert!(missing.is_empty(), "docs/operating.md does not explain:\n{}", missing.join("\n"));
}

/// The words that are made of such characters and begin with `start`.
fn words<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let in_word = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let mut all: Vec<&str> = text.split(|letter| !in_word(letter)).collect();
    all.retain(|word| word.len() > start.len() && word.starts_with(start));
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn every_metric_is_explained_and_every_explained_one_exists() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let process = ["metrics.rs", "metrics/bucket.rs", "metrics/cluster.rs"];
    let process: String = process.map(|path| read(&format!("src/serve/{path}"))).concat();
    let doors = read("src/http/meter.rs");
    let registered = doors
        .split("registry.register(")
        .skip(1)
        .map(|rest| format!("hallporter_{}", rest.split('"').nth(1).unwrap()));
    let bare = |name: &str| name.strip_suffix("_total").unwrap_or(name).to_owned();
    let mut exist: Vec<String> = words(&process, "hallporter_").into_iter().map(bare).collect();
    exist.extend(registered);
    exist.sort_unstable();
    exist.dedup();
    let page = page();
    let mut explained: Vec<String> = words(&page, "hallporter_").into_iter().map(bare).collect();
    explained.sort_unstable();
    explained.dedup();
    assert_eq!(explained, exist);
}

#[test]
fn every_cause_is_explained_with_its_codes() {
    let page = page();
    for cause in Cause::ALL {
        let start = format!("| `{}` |", cause.as_str());
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("docs/operating.md has no row {start}"));
        for side in [Side::From, Side::To] {
            let refusal = refusal(cause, side, RefusalCodes::default());
            let code = refusal.code.to_string();
            assert!(row.contains(&code), "{code} is not in {row}");
            let wait = refusal.headers.lines().find(|line| line.starts_with("Retry-After"));
            assert!(wait.is_none_or(|wait| row.contains(wait)), "{wait:?} is not in {row}");
        }
    }
}
