//! Rules as data: `rules/cases/*.toml` are texts with examples in them (who rings, and with what
//! explanation), `rules/mistakes/*.toml` are texts that must be refused, beside each a `.txt` with
//! every sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "rules/properties.rs"]
mod properties;
#[path = "rules/tells.rs"]
mod tells;
#[path = "rules/zones.rs"]
mod zones;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hallporter::desk::{Around, try_example};
use hallporter::domain::{Device, DeviceName, GreetingName, Numbering, SipUri, Tags, Target, Zone};
use hallporter::rules::{RuleFile, read};

/// Where the texts lie.
fn texts(below: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(below);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// The devices of every account here: two that ring first, then one, then another.
fn devices() -> Vec<Device> {
    [("desk", 1, 15), ("soft", 1, 20), ("mobile", 2, 25), ("home", 3, 30)]
        .map(|(name, stage, ring_s)| {
            let target = Target::Uri(SipUri::parse(&format!("sip:{name}@10.0.0.7")).unwrap());
            Device::new(DeviceName::parse(name).unwrap(), target, stage, ring_s)
        })
        .into()
}

#[test]
fn every_case_comes_out_as_it_says() {
    let (mut devices, zone) = (devices(), Zone::parse("Europe/Berlin").unwrap());
    // What somebody has set for tonight changes no example.
    devices.iter_mut().for_each(|device| device.dnd = true);
    let numbering = Numbering { country: "49".to_owned(), ..Numbering::default() };
    let around = Around { devices, zone, numbering, mailbox: true, greetings: vec![] };
    let (mut count, mut wrong) = (0, String::new());
    for path in texts("cases") {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (rules, examples) = match read(&text) {
            Ok(read) => read,
            Err(mistakes) => {
                let _ = writeln!(wrong, "{name}: {mistakes:#?}");
                continue;
            }
        };
        assert!(!examples.is_empty(), "{name} has no example");
        for example in examples {
            count += 1;
            let trial = try_example(&rules, &example, &around);
            if !trial.as_expected {
                let _ = writeln!(
                    wrong,
                    "{name}, line {}: expected {:?} because {:?}, got {:?}\n    {}",
                    example.line,
                    example.expect,
                    example.why,
                    trial.got,
                    trial.lines.join("\n    ")
                );
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 300, "there are {count} cases");
}

/// Every text in `docs/rules.md` is one that the program takes, and its examples come out.
#[test]
fn what_the_page_shows_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let page = std::fs::read_to_string(path).unwrap();
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let numbering = Numbering::default();
    let around = Around { devices: devices(), zone, numbering, mailbox: true, greetings: vec![] };
    let mut count = 0;
    for block in page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let (rules, examples) = read(block).unwrap_or_else(|m| panic!("{m:#?}"));
        for example in examples {
            let trial = try_example(&rules, &example, &around);
            assert!(trial.as_expected, "{}: {trial:#?}", example.name);
            count += 1;
        }
    }
    assert!(count >= 3, "{count} examples");
    // What the page does not name, nobody finds.
    for key in [
        "hours",
        "days",
        "dates",
        "holidays",
        "from",
        "to",
        "kind",
        "busy",
        "registered",
        "in_call",
        "dnd",
    ] {
        assert!(page.contains(&format!("| `{key}` |")), "{key}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let mut wrong = String::new();
    for path in texts("mistakes") {
        let text = std::fs::read_to_string(&path).unwrap();
        let told = match RuleFile::read(&text) {
            Ok(_) => "it is accepted\n".to_owned(),
            Err(mistakes) => mistakes.iter().map(|mistake| format!("{mistake}\n")).collect(),
        };
        let expected = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if told != expected {
            let _ = writeln!(wrong, "{}:\n{told}", path.display());
            if std::env::var_os("HALLPORTER_BLESS").is_some() {
                std::fs::write(path.with_extension("txt"), &told).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_text_survives_the_log() {
    let file = RuleFile::read("[[rule]]\nring = [\"desk\"] # as it was written\n").unwrap();
    let written = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<RuleFile>(&written).unwrap(), file);
    assert!(serde_json::from_str::<RuleFile>("\"[[rule]]\"").is_err());
    let strangers = file.strangers(|name| name.as_str() == "soft");
    assert_eq!(
        (strangers[0].line, strangers[0].column, strangers[0].key.as_str()),
        (2, 9, "rule[0].ring[0]")
    );
    assert!(file.strangers(|_| true).is_empty());
}

/// Nobody has to have a tag that rules name; that nobody has it is said once, with what was meant.
#[test]
fn a_tag_that_nobody_has_is_told() {
    let text = "[group]\ng = [\"tag:moblie\"]\n[[rule]]\nwhen.registered = \"tag:work\"\nring = [\"group:g\", [\"desk\", \"tag:moblie\", \"tag:x\"]]\n[[rule]]\nring = [\"tag:x\"]\n";
    let file = RuleFile::read(text).unwrap();
    assert!(file.strangers(|name| name.as_str() == "desk").is_empty());
    assert_eq!(file.strangers(|_| false).len(), 1);
    let mut devices = devices();
    devices[2].tags = Tags::parse("mobile work").unwrap();
    let told: Vec<String> = file.doubts(&devices, []).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 2, column 6: group.g: no device of the account has the tag moblie: did you mean tag:mobile?",
            "line 5, column 43: rule[0].ring[1]: no device of the account has the tag x: set it with `device set --tag`",
        ]
    );
    devices[0].tags = Tags::parse("moblie x").unwrap();
    assert!(file.doubts(&devices, []).is_empty());
}

/// The same of greetings.
#[test]
fn a_greeting_that_the_mailbox_does_not_have_is_told() {
    let text = "[[rule]]\nwhen.busy = 1\nmailbox.greeting = \"colsed\"\n[[rule]]\nwhen.busy = 2\nmailbox = { greeting = \"night\" }\n[[rule]]\nmailbox = { greeting = \"night\" }\n";
    let file = RuleFile::read(text).unwrap();
    let greetings = ["closed", "away"].map(|name| GreetingName::parse(name).unwrap());
    let told: Vec<String> = file.doubts(&[], &greetings).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 3, column 20: rule[0].mailbox.greeting: the account's mailbox has no greeting colsed: did you mean \"closed\"?",
            "line 6, column 24: rule[1].mailbox.greeting: the account's mailbox has no greeting night: give it one with `mailbox set --named-greeting night=FILE`",
        ]
    );
    let greetings = ["colsed", "night"].map(|name| GreetingName::parse(name).unwrap());
    assert_eq!(file.doubts(&[], &greetings), []);
}
