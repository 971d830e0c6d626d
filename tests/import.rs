//! What was written for other systems, as data: `rules/import/NAME.cpl`, or a directory
//! `rules/import/NAME.fusionpbx` with the tables of an export; beside each `NAME.toml`, the rules
//! that come out, and `NAME.txt`, the list of what was not carried over. Where there is a
//! `NAME.examples`, its examples hold for the rules.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "import/properties.rs"]
mod properties;
#[path = "import/times.rs"]
mod times;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hallporter::desk::{Around, try_example};
use hallporter::domain::{AccountName, Device, DeviceName, Numbering, SipUri, Target, Zone};
use hallporter::import::{
    Export, Imports, NotCarried, Unreadable, Wanted, read_cpl, read_fusionpbx,
};
use hallporter::rules::{RuleFile, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/import")
}

/// Sources with this ending.
fn sources(ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    paths
}

fn wanted() -> Wanted {
    Wanted {
        account: Some(AccountName::parse("alice").unwrap()),
        aor: Some(SipUri::parse("sip:alice@example.com").unwrap()),
        ..Wanted::default()
    }
}

fn lines(list: &[NotCarried]) -> String {
    list.iter().map(|entry| format!("{entry}\n")).collect()
}

/// What comes out of a source: the rules, and the list.
fn imported(path: &Path) -> (String, String) {
    let made = if path.is_dir() {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let export = |path: &PathBuf| Export {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            text: std::fs::read_to_string(path).unwrap(),
        };
        let files: Vec<Export> = files.iter().map(export).collect();
        read_fusionpbx(&files, &Wanted::default())
    } else {
        let text = std::fs::read_to_string(path).unwrap();
        read_cpl(&text, &wanted())
            .map(|one| Imports { imports: vec![one], not_carried: Vec::new() })
    };
    match made {
        Ok(Imports { imports, not_carried }) => {
            let text: Vec<String> = imports.iter().map(|one| one.text.clone()).collect();
            let lists: String = imports.iter().map(|one| lines(&one.not_carried)).collect();
            (text.join("\n#---\n"), lists + &lines(&not_carried))
        }
        Err(error) => (String::new(), format!("nothing came out: {error}\n")),
    }
}

/// Compares with a kept text; `HALLPORTER_BLESS=1` keeps the new one.
fn compare(path: &Path, text: &str, wrong: &mut String) {
    if std::env::var_os("HALLPORTER_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept != text {
        let _ = writeln!(wrong, "{}:\n{text}", path.display());
    }
}

#[test]
fn every_source_comes_out_as_it_is_kept() {
    let (mut wrong, mut count) = (String::new(), 0);
    for path in sources("cpl").into_iter().chain(sources("fusionpbx")) {
        count += 1;
        let (text, list) = imported(&path);
        compare(&path.with_extension("toml"), &text, &mut wrong);
        compare(&path.with_extension("txt"), &list, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count >= 40, "there are {count} sources");
}

/// Runs examples on a text with its own devices.
fn run(text: &str, examples: &str, name: &str, wrong: &mut String) -> usize {
    let all = format!("{text}\n{examples}");
    let (rules, examples) = read(&all).unwrap_or_else(|m| panic!("{name}: {m:#?}\n{all}"));
    let device = |(stage, name): (u8, &str)| {
        let target = Target::Uri(SipUri::parse(&format!("sip:{name}@10.0.0.7")).unwrap());
        Device::new(DeviceName::parse(name).unwrap(), target, stage, 20)
    };
    let devices = (1..=u8::MAX).zip(rules.devices.iter()).map(device).collect();
    let around = Around {
        devices,
        zone: Zone::parse("Europe/Berlin").unwrap(),
        numbering: Numbering::default(),
        mailbox: true,
        greetings: vec![],
    };
    for example in &examples {
        let trial = try_example(&rules, example, &around);
        if !trial.as_expected {
            let (line, expect, lines) = (example.line, &example.expect, trial.lines.join("\n    "));
            let _ = writeln!(
                wrong,
                "{name}, line {line}: expected {expect:?}, got {:?}\n    {lines}",
                trial.got
            );
        }
    }
    examples.len()
}

#[test]
fn the_rules_do_what_the_source_did() {
    let (mut wrong, mut count) = (String::new(), 0);
    for path in sources("examples") {
        let source = ["cpl", "fusionpbx"].map(|ending| path.with_extension(ending));
        let source = source.iter().find(|source| source.exists()).expect("there is a source");
        let (text, _) = imported(source);
        let examples = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        count += run(&text, &examples, &name, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count >= 30, "there are {count} examples");
}

/// What `docs/import.md` shows comes out: a source, then the rules.
#[test]
fn what_the_page_shows_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let blocks: Vec<(&str, &str)> =
        page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect();
    let mut count = 0;
    let mut files: Vec<Export> = Vec::new();
    let mut script = None;
    for (kind, block) in blocks {
        let block = format!("{block}\n");
        match kind {
            "xml" => script = Some(block),
            "csv" => {
                files.push(Export { name: format!("{}.csv", files.len() + 1), text: block });
            }
            "toml" => {
                let made = match script.take() {
                    Some(script) => read_cpl(&script, &wanted()).unwrap(),
                    None => {
                        let made = read_fusionpbx(&std::mem::take(&mut files), &Wanted::default());
                        made.unwrap().imports.remove(0)
                    }
                };
                if made.text != block && std::env::var_os("HALLPORTER_BLESS").is_some() {
                    let shown = format!("```toml\n{block}```");
                    assert!(page.matches(&shown).count() == 1, "{shown}");
                    std::fs::write(
                        &path,
                        page.replacen(&shown, &format!("```toml\n{}```", made.text), 1),
                    )
                    .unwrap();
                }
                assert_eq!(made.text, block);
                count += 1;
            }
            _ => {}
        }
    }
    assert!(count >= 3, "{count} examples");
}

#[test]
fn a_source_that_is_none_is_told_with_its_place() {
    for (text, line, column, what) in [
        ("", 1, 1, "there is no element in it"),
        ("<cpl>\n  <incoming>\n</cpl>", 3, 1, "this is not XML"),
        ("<cpl>\n <incoming>&boom;</incoming></cpl>", 2, 12, "is no entity of XML"),
        ("<cpl>\n <sub ref='&boom;'/></cpl>", 2, 2, "this is not XML"),
        ("<!DOCTYPE cpl [<!ENTITY a \"b\">]>\n<cpl/>", 1, 1, "declares things of its own"),
        ("<xcap/>", 1, 1, "not with <cpl>"),
        ("<cpl/><cpl/>", 1, 7, "something behind the script"),
        ("<cpl a=\"1\" a=\"2\"/>", 1, 1, "this is not XML"),
    ] {
        let Err(Unreadable::Source(faults)) = read_cpl(text, &wanted()) else {
            panic!("{text} is read")
        };
        let fault = &faults[0];
        assert!(fault.what.contains(what), "{text}: {fault}");
        assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault}");
    }
    let deep = format!("<cpl>{}{}</cpl>", "<a>".repeat(80), "</a>".repeat(80));
    let many = format!("<cpl>{}</cpl>", "<a/>".repeat(5_000));
    let large = format!("<cpl>{}</cpl>", " ".repeat(300 * 1024));
    for text in [deep, many, large] {
        assert!(matches!(read_cpl(&text, &wanted()), Err(Unreadable::Source(_))));
    }
    for (text, line, what) in [
        ("", 1, "the file is empty"),
        ("a,b\n1,2\n", 2, "this is no table"),
        ("ring_group_uuid,ring_group_strategy\n1\n", 2, "has 1 fields"),
        ("ring_group_uuid,ring_group_strategy\n1,\"x\n", 2, "is not closed"),
        ("[{\"a\": 1}, {\"a\": ]", 1, "no row in JSON"),
    ] {
        let file = Export { name: "x.csv".to_owned(), text: text.to_owned() };
        let Err(Unreadable::Source(faults)) = read_fusionpbx(&[file], &wanted()) else {
            panic!("{text} is read")
        };
        assert!(faults[0].what.contains(what), "{text}: {}", faults[0]);
        assert_eq!((faults[0].line, faults[0].file.as_deref()), (line, Some("x.csv")), "{text}");
    }
}

#[test]
fn what_is_not_said_can_be_given() {
    let script = "<cpl><incoming><lookup source='registration'><success><proxy><noanswer><location url='sip:box@example.com'><proxy/></location></noanswer></proxy></success></lookup></incoming></cpl>";
    let made = read_cpl(script, &Wanted::default()).unwrap();
    assert_eq!(made.account, "ACCOUNT");
    let told = lines(&made.not_carried);
    assert!(told.contains("put it in place of USER@DOMAIN, or give --aor"), "{told}");
    let voicemail = vec![SipUri::parse("sip:box@example.com").unwrap()];
    let made = read_cpl(script, &Wanted { voicemail, ..wanted() }).unwrap();
    assert!(made.text.contains("mailbox = true"), "{}", made.text);
    assert_eq!(made.devices.len(), 1);
    assert_eq!(
        made.devices[0].command,
        "hallporter device add alice registered --aor sip:alice@example.com --ring 20s"
    );
    assert!(RuleFile::read(&made.text).is_ok());
}
