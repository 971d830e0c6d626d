//! `rule import`

use std::path::{Path, PathBuf};

use super::{directory, ends, err, out};

const SCRIPT: &str = "<cpl>\n  <incoming>\n    <location url=\"sip:desk@example.com\">\n      <log/>\n    </location>\n  </incoming>\n</cpl>\n";

fn with_files(name: &str) -> PathBuf {
    let dir = directory(name);
    std::fs::write(dir.join("alice.xml"), SCRIPT).unwrap();
    std::fs::write(dir.join("bad.xml"), "<cpl>\n <incoming>\n</cpl>\n").unwrap();
    let tables =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/import/several-groups.fusionpbx");
    for table in ["groups.csv", "members.csv"] {
        std::fs::copy(tables.join(table), dir.join(table)).unwrap();
    }
    dir
}

#[test]
fn a_script_becomes_rules_and_a_list() {
    let dir = with_files("import-cpl");
    let output = ends(&dir, "rule import --cpl alice.xml --account alice", 0);
    assert!(
        out(&output).contains("#   hallporter device add alice desk --uri sip:desk@example.com\n")
    );
    assert!(out(&output).ends_with("ring = [\"desk\"]\nmailbox = false\n"), "{}", out(&output));
    assert_eq!(
        err(&output),
        "hallporter: not carried over: alice.xml, line 4, column 7: log: `why CALL-ID` tells what was decided, and why\n"
    );
    std::fs::write(dir.join("alice.toml"), out(&output)).unwrap();
    ends(&dir, "rule test alice.toml", 0);

    let output = ends(&dir, "rule import --cpl alice.xml --json", 0);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let made = &told["imports"][0];
    assert_eq!(made["devices"][0]["name"], "desk");
    assert_eq!((&made["not_carried"][0]["line"], &made["account"]), (&4.into(), &"ACCOUNT".into()));
    assert_eq!(err(&output), "");

    let output = ends(&dir, "rule import --cpl bad.xml", 1);
    assert!(
        err(&output).contains("bad.xml, line 3, column 1: this is not XML"),
        "{}",
        err(&output)
    );
    assert_eq!(out(&output), "");
    ends(&dir, "rule import --cpl gone.xml", 1);
    ends(&dir, "rule import", 2);
    ends(&dir, "rule import --cpl alice.xml --fusionpbx groups.csv", 2);
    ends(&dir, "rule import --cpl alice.xml --today yesterday", 2);
}

#[test]
fn tables_become_a_file_for_each_account() {
    let dir = with_files("import-fusionpbx");
    let tables = "rule import --fusionpbx groups.csv members.csv";
    let output = ends(&dir, tables, 1);
    assert!(
        err(&output).contains("it has the rules of 3 accounts: choose one with --extension (600, 600, 602), or write all with --into DIR"),
        "{}",
        err(&output)
    );
    let output = ends(&dir, &format!("{tables} --extension 602"), 0);
    assert!(out(&output).contains("refuse = 480"), "{}", out(&output));
    ends(&dir, &format!("{tables} --extension 700"), 1);

    let output = ends(&dir, &format!("{tables} --into ."), 0);
    assert!(
        out(&output).starts_with("./600.toml: ring group 600 (Sales), not carried over: 0\n"),
        "{}",
        out(&output)
    );
    for made in ["600.toml", "600-2.toml", "602.toml"] {
        ends(&dir, &format!("rule test {made}"), 0);
    }
    // What is there already is not written over.
    let output = ends(&dir, &format!("{tables} --into ."), 1);
    assert!(err(&output).contains("./600.toml can't be written"), "{}", err(&output));
}
