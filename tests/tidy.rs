//! Holds the floor plan: who imports whom, which package lives where, what the core never does,
//! how long a file and a function may be.
//!
//! Read from the text of the source, tests in it included; `tidy/plan.rs` has the plan.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "tidy/plan.rs"]
mod plan;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use plan::{ARROWS, CORE, FILE_LINES_MAX, FUNCTION_LINES_MAX, NOT_IN_CORE, PACKAGES};
use source::{functions, has, mask, named_behind};

/// A file below `src`, by its path there.
struct File {
    path: String,
    source: String,
}

impl File {
    /// The room: the directory right below `src`, or the file's own name.
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// The names from the root of the crate down to this module.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').collect() }
    }

    /// The names at the root of the crate that this file names.
    fn imports(&self) -> Vec<String> {
        let masked = mask(&self.source);
        let mut names = named_behind(&masked, "crate");
        names.extend(named_behind(&masked, "hallporter"));
        let to_root = vec!["super"; self.module().len()].join("::");
        if !to_root.is_empty() {
            names.extend(named_behind(&masked, &to_root));
        }
        names
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            let rest = self.path.strip_prefix(place);
            place.is_empty() || rest.is_some_and(|rest| rest.starts_with(['/', '.']))
        })
    }
}

/// All Rust files below a directory of the repository.
fn files(below: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("the repository can be read") {
            let path = entry.expect("the repository can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("source is text");
                let path = path.strip_prefix(&root).expect("it is below").display().to_string();
                found.push(File { path, source });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "nothing is below {below}");
    found
}

/// Imports that the plan has no arrow for.
fn wrong_arrows(file: &File, rooms: &[String]) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == file.room()) else {
        return vec![format!("{}: give the room a line in tests/tidy/plan.rs", file.path)];
    };
    let imports = file.imports().into_iter().filter(|name| {
        rooms.contains(name) && name != file.room() && !allowed.contains(&name.as_str())
    });
    let path = &file.path;
    imports.map(|name| format!("{path} imports {name}, which is not below it")).collect()
}

/// Packages that don't live where they are named.
fn wrong_packages(file: &File) -> Vec<String> {
    let masked = mask(&file.source);
    let strays = PACKAGES.iter().filter(|(package, places)| {
        !file.is_in(places) && !named_behind(&masked, package).is_empty()
    });
    strays.map(|(package, places)| format!("{} names {package} ({places:?})", file.path)).collect()
}

/// What a core room must not know.
fn impure(file: &File) -> Vec<String> {
    if !CORE.contains(&file.room()) {
        return Vec::new();
    }
    let masked = mask(&file.source);
    let words = NOT_IN_CORE.iter().filter(|word| has(&masked, word));
    words.map(|word| format!("{} has {word}: it comes in with the input", file.path)).collect()
}

/// Files and functions that nobody can keep in mind.
fn too_long(file: &File) -> Vec<String> {
    let lines = file.source.lines().count();
    let mut long = Vec::new();
    if lines > FILE_LINES_MAX {
        long.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", file.path));
    }
    for (name, line, code) in functions(&mask(&file.source)) {
        if code > FUNCTION_LINES_MAX {
            let path = &file.path;
            long.push(format!("{path}:{line}: fn {name} has {code}, at most {FUNCTION_LINES_MAX}"));
        }
    }
    long
}

fn rooms(files: &[File]) -> Vec<String> {
    files.iter().map(|file| file.room().to_owned()).collect()
}

fn all(below: &str, rule: impl Fn(&File) -> Vec<String>) {
    let wrong: Vec<String> = files(below).iter().flat_map(rule).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn arrows_point_down() {
    let rooms = rooms(&files("src"));
    all("src", |file| wrong_arrows(file, &rooms));
}

#[test]
fn packages_live_in_their_rooms() {
    all("src", wrong_packages);
}

#[test]
fn every_package_has_a_room() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the manifest is text");
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).expect("there are some");
    let lines = dependencies.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let names: Vec<String> = names.map(|name| name.replace('-', "_")).collect();
    assert!(names.len() > 5, "the manifest was read: {names:?}");
    for name in &names {
        assert!(PACKAGES.iter().any(|(known, _)| known == name), "{name} has no room in the plan");
    }
    for (known, _) in PACKAGES {
        assert!(names.iter().any(|name| name == known), "{known} is in the plan, and not used");
    }
}

#[test]
fn the_core_knows_no_clock_no_disk_and_no_network() {
    all("src", impure);
}

#[test]
fn files_and_functions_fit_in_a_head() {
    for below in ["src", "tests", "benches"] {
        all(below, too_long);
    }
}

#[test]
fn what_is_wrong_is_noticed() {
    let rooms: Vec<String> =
        ["admission", "cli", "desk", "domain", "http", "store"].map(Into::into).into();
    let arrows = |path: &str, source: &str| {
        let file = File { path: path.to_owned(), source: source.to_owned() };
        let mut wrong = wrong_arrows(&file, &rooms);
        wrong.extend(wrong_packages(&file));
        wrong.extend(impure(&file));
        wrong.len()
    };
    assert_eq!(arrows("desk/mod.rs", "use crate::{domain::{Now, http}, admission::store};"), 0);
    assert_eq!(arrows("desk/mod.rs", "use crate::{\n    domain::X,\n    http::{Y, Z},\n};"), 1);
    assert_eq!(arrows("desk/x.rs", "fn f() { crate::store::g() }"), 1);
    assert_eq!(arrows("desk/mod.rs", "use super::store;"), 1);
    assert_eq!(arrows("desk/x.rs", "use super::store;"), 0);
    assert_eq!(arrows("desk/x.rs", "use super::super::store;"), 1);
    assert_eq!(arrows("desk/x.rs", "// use crate::store; \nconst X: &str = \"crate::store\";"), 0);
    assert_eq!(arrows("main.rs", "use hallporter::desk;"), 1);
    assert_eq!(arrows("garden/mod.rs", ""), 1);
    assert_eq!(arrows("http/x.rs", "use rusqlite::Connection;"), 1);
    assert_eq!(arrows("http/x.rs", "use reqwest::Client;"), 1);
    assert_eq!(arrows("http/client/x.rs", "use reqwest::Client;"), 0);
    assert_eq!(arrows("http/client.rs", "use reqwest::Client;"), 0);
    assert_eq!(arrows("desk/x.rs", "let at = std::time::Instant::now();"), 1);
    assert_eq!(arrows("desk/x.rs", "pub async fn f() { g().await }"), 2);
    assert_eq!(
        arrows("desk/x.rs", "let asynchronous = r#\"async \"tokio::\"#; /* /* async */ */"),
        0
    );
}

#[test]
fn lengths_are_counted() {
    let source = |lines: usize| {
        let body = "    call('{', \"}\");\n    // a word\n\n".repeat(lines);
        format!("impl X {{\nfn long<'a>(x: &'a [u8; 4]) -> Y\nwhere\n    Y: Z,\n{{\n{body}}}\n}}\n")
    };
    let count = |lines| functions(&mask(&source(lines)));
    assert_eq!(count(60), [("long".to_owned(), 2, 60)]);
    assert_eq!(functions(&mask("trait T { fn f(&self); }\nfn g() {}")), [("g".to_owned(), 2, 0)]);
    let long = |lines| too_long(&File { path: "x.rs".to_owned(), source: source(lines) }).len();
    assert_eq!((long(60), long(61), long(200)), (0, 1, 2));
}
