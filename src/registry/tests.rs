use super::*;
use crate::domain::Mailbox;

/// Applies commands written as the log has them; returns the sentence of the last one's refusal.
fn run(registry: &mut Registry, commands: &[&str]) -> String {
    let mut last = String::new();
    for text in commands {
        let command: Command = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let planned = registry.plan(&command);
        let applied = registry.apply(registry.applied() + 1, &command);
        assert_eq!(planned, applied, "what was planned is what came of it: {text}");
        last = applied.err().map(|error| error.to_string()).unwrap_or_default();
    }
    last
}

fn with(commands: &[&str]) -> Registry {
    let mut registry = Registry::new(1);
    assert_eq!(run(&mut registry, commands), "");
    registry
}

const ALICE: &str = r#"{"command":"account_add","name":"alice","max_calls":2}"#;
const BOB: &str = r#"{"command":"account_add","name":"bob","parent":"alice"}"#;
const NUMBER: &str = r#"{"command":"number_add","identifier":"+49 30 12345","account":"alice"}"#;

fn device(name: &str, stage: u8) -> String {
    format!(
        r#"{{"command":"device_add","account":"alice","device":{{"name":"{name}","target":{{"uri":"sip:{name}@h"}},"stage":{stage},"ring_s":15,"enabled":true}}}}"#
    )
}

#[test]
fn refusals_say_what_to_do() {
    let check = |commands: &[&str], part: &str| {
        let sentence = run(&mut Registry::new(1), commands);
        assert!(sentence.contains(part), "{commands:?}: {sentence}");
    };
    check(&[ALICE, ALICE], "exists already");
    check(&[BOB], "there is no account alice");
    check(&[ALICE, NUMBER, NUMBER], "leads to account alice already");
    check(&[ALICE, BOB, r#"{"command":"account_remove","name":"alice"}"#], "1 account(s) below");
    check(
        &[ALICE, BOB, r#"{"command":"account_set","name":"alice","parent":"bob"}"#],
        "stands below it",
    );
    check(&[ALICE, &device("desk", 1), &device("desk", 2)], "has a device desk already");
    check(&[ALICE, &device("desk", 0)], "stages go from 1");
    check(&[r#"{"command":"number_remove","identifier":"+4930"}"#], "leads to no account");
    check(
        &[r#"{"command":"account_add","name":"x","refusal_codes":{"to":200}}"#],
        "cannot refuse a call",
    );
    check(
        &[ALICE, r#"{"command":"device_remove","account":"alice","name":"desk"}"#],
        "has no device desk",
    );
}

#[test]
fn the_tree_of_resellers_has_a_bottom() {
    let mut registry = Registry::new(1);
    run(&mut registry, &[r#"{"command":"account_add","name":"a0"}"#]);
    for depth in 1..=MAX_DEPTH {
        let text =
            format!(r#"{{"command":"account_add","name":"a{depth}","parent":"a{}"}}"#, depth - 1);
        assert_eq!(run(&mut registry, &[&text]), "");
    }
    let deeper = r#"{"command":"account_add","name":"x","parent":"a4"}"#;
    assert!(run(&mut registry, &[deeper]).contains("flatter tree"));
    let above = r#"{"command":"account_add","name":"top"}"#;
    let moved = r#"{"command":"account_set","name":"a0","parent":"top"}"#;
    assert!(run(&mut registry, &[above, moved]).contains("flatter tree"));
}
const MAX_DEPTH: usize = crate::domain::MAX_PARENT_DEPTH;

#[test]
fn renaming_keeps_everything() {
    let registry = with(&[
        ALICE,
        NUMBER,
        &device("desk", 1),
        r#"{"command":"account_set","name":"alice","rename":"carol"}"#,
    ]);
    assert_eq!(registry.find("alice"), None);
    let carol = registry.find("carol").unwrap();
    assert_eq!(registry.owner(&Identifier::parse("+493012345").unwrap()), Some(carol));
    assert_eq!(registry.devices(carol).len(), 1);
    assert_eq!(registry.account(carol).unwrap().caps.max_calls, Some(2));
}

#[test]
fn devices_stand_by_stage_and_keep_their_place() {
    let registry = with(&[
        ALICE,
        &device("c", 2),
        &device("a", 1),
        &device("b", 1),
        r#"{"command":"device_set","account":"alice","name":"a","ring_s":30}"#,
    ]);
    let names: Vec<_> =
        registry.devices(AccountKey(0)).iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_removed_account_leaves_nothing_and_its_key_is_not_given_again() {
    let registry = with(&[
        ALICE,
        NUMBER,
        &device("desk", 1),
        r#"{"command":"account_remove","name":"alice"}"#,
        r#"{"command":"account_add","name":"alice"}"#,
    ]);
    assert_eq!(registry.find("alice"), Some(AccountKey(1)));
    assert_eq!(registry.counts(), Counts { accounts: 1, ..Counts::default() });
}

#[test]
fn the_log_must_not_skip() {
    let mut registry = Registry::new(1);
    let command: Command = serde_json::from_str(ALICE).unwrap();
    assert_eq!(registry.apply(2, &command), Err(Error::OutOfOrder { expected: 1, given: 2 }));
    assert!(registry.apply(1, &command).is_ok());
    assert!(registry.apply(1, &command).is_err());
}

#[test]
fn rows_read_back_give_the_same_registry() {
    let mut live = Registry::new(1);
    let mut rows = Vec::new();
    for text in [ALICE, BOB, NUMBER, &device("desk", 1)] {
        let command: Command = serde_json::from_str(text).unwrap();
        rows.extend(live.apply(live.applied() + 1, &command).unwrap());
    }
    let mut restored = Registry::new(2);
    rows.into_iter().for_each(|row| restored.restore(row));
    restored.restored_to(live.applied());
    assert_eq!(restored.counts(), live.counts());
    assert_eq!(
        restored.plan(&serde_json::from_str(r#"{"command":"account_add","name":"x"}"#).unwrap()),
        live.plan(&serde_json::from_str(r#"{"command":"account_add","name":"x"}"#).unwrap()),
    );
    let listed: Vec<_> = live.accounts(Some("alice")).map(|(_, account)| &account.name).collect();
    assert_eq!(listed, [&AccountName::parse("bob").unwrap()]);
    assert_eq!(live.children(AccountKey(0), None).collect::<Vec<_>>(), [AccountKey(1)]);
}

const MAILBOX: &str = r#"{"command":"mailbox_add","account":"alice","mailbox":{"name":"alice","enabled":true,"video":true,"callback":"pause","callback_scope":"callee","callback_keep":true,"messages_max":100,"space_max_mib":500,"length_max_s":180,"keep_days":30}}"#;

#[test]
fn an_account_has_one_mailbox_which_goes_with_it() {
    let check = |commands: &[&str], part: &str| {
        let sentence = run(&mut Registry::new(1), commands);
        assert!(sentence.contains(part), "{commands:?}: {sentence}");
    };
    let second = &MAILBOX.replace(r#""name":"alice","enabled""#, r#""name":"other","enabled""#);
    let of_bob = &MAILBOX.replace(r#""account":"alice""#, r#""account":"bob""#);
    check(&[MAILBOX], "there is no account alice");
    check(&[ALICE, MAILBOX, second], "has the mailbox alice already");
    check(&[ALICE, BOB, MAILBOX, of_bob], "mailbox alice exists already");
    check(&[ALICE, &MAILBOX.replace("180", "3")], "length_max_s cannot be 3");
    check(&[r#"{"command":"mailbox_remove","name":"x"}"#], "there is no mailbox x");
    check(&[r#"{"command":"mailbox_set","name":"x"}"#], "there is no mailbox x");

    let mut registry = with(&[ALICE, MAILBOX]);
    let set = r#"{"command":"mailbox_set","name":"alice","language":"de","keep_days":7}"#;
    assert_eq!(run(&mut registry, &[set]), "");
    let (key, mailbox) = registry.mailbox("alice").unwrap();
    assert_eq!(
        (key, mailbox.limits.keep_days, mailbox.limits.length_max_s),
        (AccountKey(0), 7, 180)
    );
    assert_eq!(mailbox.language.as_ref().unwrap().as_str(), "de");
    let set = r#"{"command":"mailbox_set","name":"alice","language":null}"#;
    assert_eq!(run(&mut registry, &[set]), "");
    assert_eq!(registry.mailbox_of(AccountKey(0)).unwrap().language, None);
    assert_eq!(registry.counts().mailboxes, 1);
    assert_eq!(run(&mut registry, &[r#"{"command":"account_remove","name":"alice"}"#]), "");
    assert!(registry.mailbox("alice").is_none() && registry.mailboxes(None).next().is_none());
    assert_eq!(registry.counts(), Counts::default());
}

#[test]
fn mailboxes_are_listed_by_name_and_their_names_are_free_again() {
    let of = |account: &str, name: &str| {
        MAILBOX
            .replace(r#""account":"alice""#, &format!(r#""account":"{account}""#))
            .replace(r#""name":"alice""#, &format!(r#""name":"{name}""#))
    };
    let carol = r#"{"command":"account_add","name":"carol"}"#;
    let mut registry =
        with(&[ALICE, BOB, carol, &of("alice", "z"), &of("bob", "m"), &of("carol", "a")]);
    let listed = |registry: &Registry, after: Option<&str>| {
        let names =
            registry.mailboxes(after).map(|(key, mailbox)| (key.0, mailbox.name.to_string()));
        names.collect::<Vec<_>>()
    };
    let all = [(2, "a".to_owned()), (1, "m".to_owned()), (0, "z".to_owned())];
    assert_eq!(listed(&registry, None), all);
    assert_eq!(listed(&registry, Some("a")), all[1..]);
    assert_eq!(listed(&registry, Some("b")), all[1..]);
    assert_eq!(listed(&registry, Some("z")), []);
    let remove = r#"{"command":"mailbox_remove","name":"m"}"#;
    assert_eq!(
        run(&mut registry, &[remove, &of("bob", "n"), remove]),
        "there is no mailbox m: see `mailbox list`"
    );
    assert_eq!(registry.mailbox_of(AccountKey(1)).unwrap().name.as_str(), "n");
    assert_eq!(registry.counts().mailboxes, 3);
    // A change that is refused changes nothing.
    let before = registry.mailbox("n").unwrap().1.clone();
    let set = r#"{"command":"mailbox_set","name":"n","video":false,"keep_days":0}"#;
    assert!(run(&mut registry, &[set]).contains("keep_days cannot be 0"));
    assert_eq!(registry.mailbox("n").unwrap().1, &before);
    let greeting =
        format!(r#"{{"command":"mailbox_set","name":"n","greeting":"{}"}}"#, "0f".repeat(32));
    let take = r#"{"command":"mailbox_set","name":"n","greeting":null}"#;
    assert_eq!(run(&mut registry, &[&greeting]), "");
    assert!(registry.mailbox("n").unwrap().1.greeting.is_some());
    assert_eq!(run(&mut registry, &[take]), "");
    assert_eq!(registry.mailbox("n").unwrap().1, &before);
}

#[test]
fn an_account_carries_a_pointer_for_each_thing_that_it_has_not() {
    assert_eq!(size_of::<Option<Box<Mailbox>>>(), size_of::<usize>());
    let lists = size_of::<Vec<Identifier>>() + size_of::<Vec<Device>>();
    assert!(size_of::<Entry>() <= size_of::<Account>() + lists + 3 * size_of::<usize>());
}

/// `rules_set` for alice, with a rule that rings a device.
fn rules(device: &str) -> String {
    let text = format!("[[rule]]\nring = [\"{device}\"]\n");
    serde_json::json!({"command": "rules_set", "account": "alice", "text": text}).to_string()
}

#[test]
fn rules_name_devices_of_their_account() {
    const REMOVE: &str = r#"{"command":"rules_remove","account":"alice"}"#;
    let mut registry = with(&[ALICE, &device("desk", 1)]);
    let alice = registry.find("alice").unwrap();
    let told = run(&mut registry, &[&rules("dask")]);
    assert!(told.contains("line 2, column 9: rule[0].ring[0]: the account has no device dask"));
    assert!(registry.rules(alice).is_none());
    assert!(run(&mut registry, &[REMOVE]).contains("alice has no rules"));
    assert_eq!(run(&mut registry, &[&rules("desk")]), "");
    assert_eq!(registry.rules(alice).map(|rules| rules.rules.len()), Some(1));
    // What is wrong changes nothing.
    assert!(!run(&mut registry, &[&rules("dask")]).is_empty());
    assert_eq!((registry.rules(alice).is_some(), registry.counts().ruled), (true, 1));
    // A device may go: the order says that it is missing.
    let gone = r#"{"command":"device_remove","account":"alice","name":"desk"}"#;
    assert_eq!(run(&mut registry, &[gone]), "");
    assert_eq!((registry.rules(alice).is_some(), registry.counts().ruled), (true, 1));
    assert_eq!(run(&mut registry, &[REMOVE]), "");
    assert_eq!((registry.rules(alice).is_none(), registry.counts().ruled), (true, 0));
    assert_eq!(run(&mut registry, &[&device("desk", 1), &rules("desk")]), "");
    assert_eq!(run(&mut registry, &[r#"{"command":"account_remove","name":"alice"}"#]), "");
    assert_eq!(registry.counts().ruled, 0);
}
