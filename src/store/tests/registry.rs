//! What operators laid down comes back as it was.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::domain::{
    Account, Caps, Care, ContentId, Device, DeviceName, Forward, ForwardPlaces, Identifier,
    Language, Mailbox, MailboxName, Number, Policy, RefusalCodes, SelfCare, SipUri, Tags, Target,
    TokenHash, Zone,
};
use crate::registry::{AccountPatch, AccountSpec, CarePatch, DevicePatch, MailboxPatch, Registry};
use crate::rules::RuleFile;

use super::*;

fn changes_of(store: &Store) -> (Vec<Change>, u64) {
    let mut changes = Vec::new();
    let applied = store.load_registry(&mut |change| changes.push(change)).unwrap();
    (changes, applied)
}

fn restored(store: &Store) -> Registry {
    let mut registry = Registry::new(2);
    let applied = store.load_registry(&mut |change| registry.restore(change)).unwrap();
    registry.restored_to(applied);
    registry
}

fn rules(device: &str) -> RuleFile {
    RuleFile::read(&format!("# As it was written.\n[[rule]]\nring = [\"{device}\"]\n")).unwrap()
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn account(text: &str, parent: Option<AccountKey>) -> Account {
    Account {
        name: name(text),
        caps: Caps::default(),
        parent,
        policy: Policy::Available,
        zone: None,
        enabled: true,
        refusal_codes: RefusalCodes::default(),
    }
}

fn care(number: Number) -> Care {
    Care {
        may: SelfCare::All,
        places: ForwardPlaces::parse("+49 @example.com").unwrap(),
        forwards: [(Forward::Busy, Target::Number(number))].into(),
        here: DeviceName::parse("c").ok(),
        tokens: [(DeviceName::parse("b").unwrap(), TokenHash(ContentId([9; 32])))].into(),
    }
}

#[test]
fn every_row_comes_back() {
    let dir = Dir::new();
    let full = Account {
        caps: Caps { max_calls: Some(0), max_in: Some(u32::MAX), max_out: Some(7) },
        policy: Policy::Strict,
        zone: Some(Zone::parse("Europe/Berlin").unwrap()),
        enabled: false,
        refusal_codes: RefusalCodes { to: Some(600), from: Some(480) },
        ..account("full", Some(AccountKey(9)))
    };
    let device = |text: &str, target, stage| Device {
        name: DeviceName::parse(text).unwrap(),
        target,
        stage,
        ring_s: 300,
        enabled: stage == 1,
        dnd: stage == 32,
        push: stage == 1,
        tags: Tags::parse(if stage == 1 { "" } else { "mobile work" }).unwrap(),
    };
    let uri = |text: &str| SipUri::parse(text).unwrap();
    let number = Number::parse("+493012345").unwrap();
    let rows = [
        Change::KeysGiven(12),
        Change::Account(AccountKey(3), full),
        Change::Account(AccountKey(9), account("plain", None)),
        Change::Identifier(Identifier::parse("+999").unwrap(), AccountKey(9)),
        Change::Identifier(Identifier::parse("Ann!x@h.example").unwrap(), AccountKey(3)),
        Change::Device(AccountKey(3), device("c", Target::Uri(uri("sips:a@[::1]:5061")), 32)),
        Change::Device(AccountKey(3), device("b", Target::Aor(uri("sip:b@h")), 1)),
        Change::Device(AccountKey(9), device("b", Target::Number(number), 2)),
        Change::Mailbox(AccountKey(3), Mailbox::new(MailboxName::parse("full").unwrap())),
        Change::Mailbox(AccountKey(9), Mailbox::new(MailboxName::parse("plain").unwrap())),
        Change::Rules(AccountKey(3), rules("b")),
        Change::Rules(AccountKey(9), rules("b")),
        Change::Care(AccountKey(3), Box::new(care(number))),
    ];
    let store = dir.open();
    store.commit(1, NOW_MS, &some_command(), &rows).unwrap();
    drop(store);
    let store = dir.open();
    assert_eq!(changes_of(&store), (rows.to_vec(), 1));
    assert_eq!(store.rule_text(AccountKey(3)).unwrap().as_deref(), Some(&**rules("b").text()));
    assert_eq!(store.rule_text(AccountKey(4)).unwrap(), None);

    let gone = [
        Change::IdentifierGone(Identifier::parse("+999").unwrap()),
        Change::DeviceGone(AccountKey(3), DeviceName::parse("c").unwrap()),
        Change::AccountGone(AccountKey(9)),
        Change::RulesGone(AccountKey(4)),
    ];
    store.commit(2, NOW_MS, &some_command(), &gone).unwrap();
    drop(store);
    let left = [0, 1, 4, 6, 8, 10, 12].map(|place: usize| rows[place].clone());
    assert_eq!(changes_of(&dir.open()), (left.to_vec(), 2));
}

fn account_name() -> impl Strategy<Value = AccountName> {
    "[a-e]".prop_map(|text| name(&text))
}

fn identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof!["\\+49[1-6]0", "[a-c]@h"].prop_map(|text| Identifier::parse(&text).unwrap())
}

fn device_name() -> impl Strategy<Value = DeviceName> {
    "[p-t]".prop_map(|text| DeviceName::parse(&text).unwrap())
}

fn mailbox_command() -> impl Strategy<Value = Command> {
    let mailbox_name = || "[m-o]".prop_map(|text| MailboxName::parse(&text).unwrap());
    let language = || proptest::option::of(Just(Language::parse("de").unwrap()));
    let greeting = || proptest::option::of(any::<[u8; 32]>().prop_map(ContentId));
    let mailbox_add = (account_name(), mailbox_name(), language(), greeting(), any::<bool>())
        .prop_map(|(account, name, language, greeting, video)| Command::MailboxAdd {
            account,
            mailbox: Mailbox { language, greeting, video, ..Mailbox::new(name) },
        });
    let mailbox_set = (
        mailbox_name(),
        proptest::option::of(language()),
        proptest::option::of(greeting()),
        proptest::option::of(0u16..9),
    )
        .prop_map(|(name, language, greeting, keep_days)| {
            let patch = MailboxPatch { language, greeting, keep_days, ..MailboxPatch::default() };
            Command::MailboxSet { name, patch }
        });
    prop_oneof![
        4 => mailbox_add,
        4 => mailbox_set,
        1 => mailbox_name().prop_map(|name| Command::MailboxRemove { name }),
    ]
}

fn care_command() -> impl Strategy<Value = Command> {
    let here = || proptest::option::of(proptest::option::of(device_name()));
    let to = || proptest::option::of(Just(Target::Number(Number::parse("+4930").unwrap())));
    let care_set =
        (account_name(), here(), to(), any::<bool>()).prop_map(|(account, here, to, all)| {
            let may = Some(if all { SelfCare::All } else { SelfCare::Dnd });
            let forwards = [(Forward::Busy, to)].into();
            Command::CareSet { account, patch: CarePatch { may, places: None, forwards, here } }
        });
    let token_set = (account_name(), device_name(), proptest::option::of(any::<[u8; 32]>()))
        .prop_map(|(account, device, hash)| {
            let hash = hash.map(|hash| TokenHash(ContentId(hash)));
            Command::TokenSet { account, device, hash }
        });
    prop_oneof![care_set, token_set]
}

fn command() -> impl Strategy<Value = Command> {
    let parent = || proptest::option::of(account_name());
    let add = (account_name(), parent(), proptest::option::of(0u32..9)).prop_map(
        |(name, parent, max)| {
            Command::AccountAdd(AccountSpec {
                name,
                caps: Caps { max_calls: max, ..Caps::default() },
                parent,
                policy: Policy::Strict,
                zone: None,
                enabled: max != Some(3),
                refusal_codes: RefusalCodes::default(),
            })
        },
    );
    let set = (account_name(), parent(), proptest::option::of(parent()), any::<bool>()).prop_map(
        |(name, rename, parent, enabled)| {
            let patch =
                AccountPatch { rename, parent, enabled: Some(enabled), ..AccountPatch::default() };
            Command::AccountSet { name, patch }
        },
    );
    let device_add = (account_name(), device_name(), 1u8..4, 0u16..60).prop_map(
        |(account, name, stage, ring_s)| {
            let target = Target::Uri(SipUri::parse(&format!("sip:{name}@h")).unwrap());
            Command::DeviceAdd { account, device: Device::new(name, target, stage, ring_s) }
        },
    );
    let device_set = (
        account_name(),
        device_name(),
        proptest::option::of(device_name()),
        proptest::option::of(1u8..4),
        proptest::option::of(1u16..60),
    )
        .prop_map(|(account, name, rename, stage, ring_s)| {
            let patch = DevicePatch { rename, stage, ring_s, ..DevicePatch::default() };
            Command::DeviceSet { account, name, patch }
        });
    prop_oneof![
        9 => mailbox_command(),
        5 => care_command(),
        4 => (account_name(), device_name())
            .prop_map(|(account, name)| Command::RulesSet { account, text: rules(name.as_str()) }),
        1 => account_name().prop_map(|account| Command::RulesRemove { account }),
        4 => add,
        2 => set,
        1 => account_name().prop_map(|name| Command::AccountRemove { name }),
        4 => (identifier(), account_name())
            .prop_map(|(identifier, account)| Command::NumberAdd { identifier, account }),
        2 => (identifier(), account_name())
            .prop_map(|(identifier, account)| Command::NumberSet { identifier, account }),
        1 => identifier().prop_map(|identifier| Command::NumberRemove { identifier }),
        6 => device_add,
        4 => device_set,
        2 => (account_name(), device_name())
            .prop_map(|(account, name)| Command::DeviceRemove { account, name }),
    ]
}

/// All that anybody can ask of a registry, in the order in which it is told.
fn told(registry: &Registry) -> Vec<String> {
    let mut lines = vec![format!("{:?} {}", registry.counts(), registry.applied())];
    for (key, account) in registry.accounts(None) {
        lines.push(format!("{key:?} {account:?}"));
        lines.push(format!("{:?}", registry.identifiers(key)));
        lines.push(format!("{:?}", registry.devices(key)));
        lines.push(format!("{:?}", registry.children(key, None).collect::<Vec<_>>()));
        lines.push(format!("{:?}", registry.mailbox_of(key)));
        lines.push(format!("{:?}", registry.rules(key)));
        lines.push(format!("{:?}", registry.care(key)));
    }
    lines.extend(registry.numbers(None).map(|(number, key)| format!("{number} {key:?}")));
    lines.extend(registry.mailboxes(None).map(|found| format!("{found:?}")));
    // Which key the next account gets.
    let add = r#"{"command":"account_add","name":"next"}"#;
    lines.push(format!("{:?}", registry.plan(&serde_json::from_str(add).unwrap())));
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_registry_comes_back_as_it_was(commands in vec(command(), 1..60), reopen_at in 0usize..60) {
        let dir = Dir::new();
        let mut store = dir.open();
        let mut registry = Registry::new(1);
        for (step, command) in commands.iter().enumerate() {
            if step == reopen_at {
                drop(store);
                store = dir.open();
                // Restored in the middle: what follows must not differ from what would have.
                registry = restored(&store);
            }
            let Ok(changes) = registry.plan(command) else { continue };
            let index = registry.applied() + 1;
            store.commit(index, NOW_MS, command, &changes).unwrap();
            prop_assert_eq!(registry.apply(index, command), Ok(changes));
        }
        drop(store);
        let store = dir.open();
        prop_assert_eq!(told(&restored(&store)), told(&registry));
        // The log alone gives the same: that is what other machines will have.
        let mut replayed = Registry::new(3);
        let look = dir.look("ledger.db");
        let mut log = look.prepare("SELECT number, command FROM log ORDER BY number").unwrap();
        let mut rows = log.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let command = serde_json::from_str(&row.get::<_, String>(1).unwrap()).unwrap();
            replayed.apply(row.get::<_, i64>(0).unwrap().cast_unsigned(), &command).unwrap();
        }
        prop_assert_eq!(told(&replayed), told(&registry));
    }
}

#[test]
fn a_number_that_does_not_follow_is_refused() {
    let dir = Dir::new();
    let store = dir.open();
    store.commit(1, NOW_MS, &some_command(), &[Change::KeysGiven(1)]).unwrap();
    for index in [0, 1, 3, u64::MAX] {
        let error =
            store.commit(index, NOW_MS, &some_command(), &[Change::KeysGiven(9)]).unwrap_err();
        assert!(error.to_string().contains("ends at 1"), "{error}");
    }
    assert_eq!(changes_of(&store), (vec![Change::KeysGiven(1)], 1));
    store.commit(2, NOW_MS, &some_command(), &[]).unwrap();
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let dir = Dir::new();
    let store = dir.open();
    let pages = |count: i64| {
        let sql = format!("PRAGMA max_page_count = {count}");
        locked(&store.ledger).query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let now = pages(1);
    assert_eq!(pages(now), now);
    let add = |index: u64| {
        // Each command fills some pages, so that soon one finds no room in the middle.
        let rows: Vec<Change> = (0..200)
            .map(|place| {
                let text = format!("{}@h", format!("u{index}-{place}-").repeat(9));
                Change::Identifier(Identifier::parse(&text).unwrap(), AccountKey(1))
            })
            .collect();
        store.commit(index, NOW_MS, &some_command(), &rows)
    };
    let error = add(1).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.to_string().contains("free some room"), "{error}");
    assert!(matches!(store.audit(NOW_MS, "x", &"y".repeat(100_000)), Err(Error::Full { .. })));
    assert_eq!(changes_of(&store), (vec![Change::KeysGiven(0)], 0), "not even the half of it");
    pages(1_000_000);
    add(1).unwrap();
    assert_eq!(changes_of(&store).0.len(), 201);
}

#[test]
fn a_row_that_makes_no_sense_stops_the_start() {
    for (what, sql) in [
        (
            "policy",
            "INSERT INTO account VALUES (0, 'a', NULL, NULL, NULL, NULL, 'lax', NULL, 1, NULL, NULL)",
        ),
        (
            "account",
            "INSERT INTO account VALUES (0, 'a b', NULL, NULL, NULL, NULL, 'strict', NULL, 1, NULL, NULL)",
        ),
        ("nowhere", "INSERT INTO identifier VALUES (1, 'nowhere', 0)"),
        ("kind", "INSERT INTO device VALUES (1, 0, 'd', 'fax', 'sip:a@h', 1, 1, 1, 0, '', 0)"),
        ("tel:+49", "INSERT INTO device VALUES (1, 0, 'd', 'uri', 'tel:+49', 1, 1, 1, 0, '', 0)"),
        ("rules: line 1, column 8", "INSERT INTO rules VALUES (0, '[[rule]')"),
        ("self care", "INSERT INTO care VALUES (0, '{\"may\":\"some\"}')"),
        ("mailbox", "INSERT INTO mailbox VALUES (0, 'm', '{\"name\":\"m\"}')"),
    ] {
        let dir = Dir::new();
        drop(dir.open());
        dir.look("ledger.db").execute_batch(sql).unwrap();
        let error = dir.open().load_registry(&mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("ledger.db is damaged") && error.contains(what), "{error}");
    }
}
