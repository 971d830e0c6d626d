//! What an older version left behind is brought up to now's format.

use crate::domain::{Identifier, Mailbox, MailboxName};
use crate::registry::Registry;

use super::messages::{left, message};
use super::*;

/// Written by the first release itself.
const FORMAT_1: &str = include_str!("format_1.sql");

fn old() -> Dir {
    let dir = Dir::new();
    dir.look("ledger.db").execute_batch(FORMAT_1).unwrap();
    dir
}

fn format_of(dir: &Dir) -> i64 {
    dir.look("ledger.db").query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn registry_of(store: &Store) -> Registry {
    let mut registry = Registry::new(1);
    let applied = store.load_registry(&mut |change| registry.restore(change)).unwrap();
    registry.restored_to(applied);
    registry
}

#[test]
fn the_registry_of_format_1_is_there_and_takes_mailboxes_and_messages() {
    let dir = old();
    let (store, boot) = dir.try_open().unwrap();
    assert_eq!((boot, format_of(&dir)), (2, 11));
    let mut registry = registry_of(&store);
    assert_eq!(registry.applied(), 9);
    let counts = registry.counts();
    assert_eq!((counts.accounts, counts.identifiers), (3, 2));
    assert_eq!((counts.devices, counts.mailboxes), (2, 0));
    let alice = registry.find("alice").unwrap();
    assert_eq!(registry.owner(&Identifier::parse("+493012345").unwrap()), Some(alice));
    assert_eq!(registry.account(alice).unwrap().caps.max_in, Some(1));

    let mailbox = Mailbox::new(MailboxName::parse("box").unwrap());
    let command = Command::MailboxAdd {
        account: registry.account(alice).unwrap().name.clone(),
        mailbox: mailbox.clone(),
    };
    let changes = registry.plan(&command).unwrap();
    store.commit(10, NOW_MS, &command, &changes).unwrap();
    registry.apply(10, &command).unwrap();
    assert!(left(&store, &message(1)));
    drop(store);
    let store = dir.open();
    assert_eq!(registry_of(&store).mailbox("box"), Some((alice, &mailbox)));
    assert_eq!(store.message(message(1).id).unwrap(), Some(message(1)));
}

#[test]
fn a_step_that_breaks_off_leaves_the_old_format_whole() {
    let dir = old();
    // Something stands where the last table of the step should be.
    dir.look("ledger.db").execute_batch("CREATE TABLE notice (a)").unwrap();
    assert!(dir.refusal().contains("notice already exists"), "{}", dir.refusal());
    assert_eq!(format_of(&dir), 1);
    let look = dir.look("ledger.db");
    let begun = look.table_exists(None, "message").unwrap();
    assert!(!begun, "not even the half of it");
    look.execute_batch("DROP TABLE notice").unwrap();
    assert_eq!(registry_of(&dir.open()).counts().accounts, 3);
}

#[test]
fn both_ways_lead_to_the_same_tables() {
    let (new, old) = (Dir::new(), old());
    drop((new.open(), old.open()));
    let schema = |dir: &Dir| {
        let look = dir.look("ledger.db");
        let mut query =
            look.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").unwrap();
        let rows = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?)));
        rows.unwrap().collect::<Result<Vec<(String, String, _)>, _>>().unwrap()
    };
    assert_eq!(schema(&new), schema(&old));
}
