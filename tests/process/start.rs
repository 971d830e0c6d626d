//! Starting: what stands in the way is told in sentences.

use std::net::TcpListener;

use super::daemon::{Home, hallporter, question, until};

#[test]
fn a_first_start_and_the_first_steps() {
    let home = Home::new("first", "drain = \"0s\"");
    let mut daemon = home.start();
    for (line, part) in [
        ("account add alice --max-calls 2", "alice"),
        ("number add +493012345 --account alice", "+493012345"),
        ("device add alice desk --uri sip:desk@10.0.0.7 --stage 1 --ring 15s", "desk"),
        ("route --from +15550100 --to +493012345", "desk at sip:desk@10.0.0.7"),
        ("call list --account alice --json", "[]"),
        ("account show alice", "calls from it     0  none            -       -          -"),
    ] {
        let (code, text) = home.cli(line);
        assert!(code == 0 && text.contains(part), "{line}: {code} {text}");
    }
    let answer = home.proxy().route(&question("first@x", "+493012345"));
    assert_eq!((&answer["action"], &answer["v"]), (&"fork".into(), &1.into()));
    // It is written down a few milliseconds behind the answer.
    until("it is known why", || {
        let (code, why) = home.cli("why first@x");
        code == 0 && why.contains("account alice")
    });
    daemon.stop();
    let (code, sentence) = home.cli("account list");
    assert!(code == 4 && sentence.contains("can't be reached"), "{code} {sentence}");
}

#[test]
fn a_port_in_use_is_told() {
    let home = Home::new("port", "");
    let _taken = TcpListener::bind(&home.address).unwrap();
    let log = home.refusal();
    assert!(log.contains(&format!("{} can't be listened on", home.address)), "{log}");
    assert!(log.contains("http.listen"), "{log}");
}

#[test]
fn a_directory_in_use_is_told() {
    let home = Home::new("shared", "");
    let daemon = home.start();
    let other = Home::new("sharing", "");
    let data = home.data().display().to_string();
    other.configure(&format!("[node]\ndata_dir = {data:?}"));
    let log = other.refusal();
    assert!(log.contains(&format!("(process {}) works on", daemon.pid())), "{log}");
    assert!(daemon.is_ready(), "the first one does not mind");
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let home = Home::new("mistakes", "");
    let text = "[node]\nname = \"a b\"\nnmae = \"x\"\n[http]\nlisten = \"127.0.0.1\"\n\
                drain = \"5 parsecs\"\n[calls]\ntable_max = -1\n";
    std::fs::write(home.config(), text).unwrap();
    let log = home.refusal();
    for part in
        ["line 2", "line 3", "line 5", "line 6", "line 8", "5 mistakes", "did you mean name?"]
    {
        assert!(log.contains(part), "{part:?} is not in: {log}");
    }
    assert!(!home.data().join("ledger.db").exists(), "nothing was begun");
    home.configure("lissten = 1");
    assert!(home.refusal().contains("there is no such key"));
    std::fs::remove_file(home.dir.join("admin.token")).unwrap();
    home.configure("");
    assert!(home.refusal().contains("admin.token"));
    std::fs::remove_file(home.config()).unwrap();
    assert!(home.refusal().contains("there is no such file"));
}

#[test]
fn a_damaged_database_is_told() {
    let home = Home::new("damaged", "drain = \"0s\"");
    home.start().stop();
    let ledger = home.data().join("ledger.db");
    let good = std::fs::read(&ledger).unwrap();
    std::fs::write(&ledger, [b"garbage".repeat(20), good[140..].to_vec()].concat()).unwrap();
    let log = home.refusal();
    assert!(
        log.contains("ledger.db is damaged") && log.contains("restore it from a copy"),
        "{log}"
    );
    std::fs::write(&ledger, &good).unwrap();
    home.start().stop();
}

#[test]
fn a_wrong_line_is_usage() {
    for line in ["serve --no-such", "account", "call release", "nothing"] {
        let output = hallporter().args(line.split_whitespace()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
    }
}
