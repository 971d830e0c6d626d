//! All that was agreed on goes to another node and is the same there, and what comes is not trusted.

use crate::domain::{LedgerRow, MessageMotion, NodeId, Outgoing, PoolId, SeenRow};

use super::super::whole::tables;
use super::super::{Enacted, Store};
use super::messages::message;
use super::*;

fn pieces(store: &Store) -> Vec<Vec<u8>> {
    let (_, mut whole) = store.whole().unwrap();
    std::iter::from_fn(|| whole.piece().unwrap()).collect()
}

fn install(store: &Store, pieces: &[Vec<u8>]) -> Result<(), String> {
    let mut arriving = store.arrive().unwrap();
    for piece in pieces {
        arriving.take(piece).map_err(|error| error.to_string())?;
    }
    store.install(arriving, b"mark").map_err(|error| error.to_string())
}

/// Every row of every table that is the same at every node.
fn dump(dir: &Dir) -> Vec<String> {
    let look = dir.look("ledger.db");
    let mut all = Vec::new();
    for (name, _, columns) in tables() {
        let only = if name == "meta" { "WHERE key <> 'boot'" } else { "" };
        let fields: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let select = format!("SELECT {} FROM {name} {only}", fields.join(" || ',' || "));
        let mut rows = look.prepare(&select).unwrap();
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let mut rows: Vec<String> = rows.map(|row| format!("{name}: {}", row.unwrap())).collect();
        rows.sort_unstable();
        all.extend(rows);
    }
    all
}

/// Something in every table, of some more than a piece holds.
fn furnish(dir: &Dir, store: &Store) {
    let rows = (0..3_000).map(|number| LedgerRow::Share {
        pool: PoolId::of(number * 4).unwrap(),
        node: NodeId(2),
        granted: 9,
        returned: 4,
        revoked: false,
    });
    let start = LedgerRow::Start { node: NodeId(2), boot: 4, nonce: u64::MAX };
    let seen =
        SeenRow { node: NodeId(2), boot: 4, nonce: u64::MAX, over_below: 7, seen: vec![9, 11] };
    let left = MessageMotion::Left {
        message: Box::new(message(1)),
        keep_until_ms: NOW_MS,
        tells: Outgoing { by: NodeId(2), notices: Vec::new() },
    };
    let all = [
        Enacted::Ledger(rows.chain([start]).collect()),
        Enacted::Seen(seen),
        Enacted::Message(Box::new(left)),
    ];
    store.enact(NodeId(1), &all, b"mark").unwrap();
    let long = "x".repeat(90_000);
    dir.look("ledger.db")
        .execute_batch(&format!(
            "INSERT INTO account VALUES (1, 'a\"lice', 2, NULL, NULL, NULL, 'strict', NULL, 1, NULL, 403);
             INSERT INTO identifier VALUES (1, '+4930''1', 1), (2, '+49302', 1);
             INSERT INTO device (id, account, name, kind, target, stage, ring_s, enabled)
                VALUES (1, 1, 'desk', 'uri', 'sip:d', 1, 15, 1);
             INSERT INTO mailbox VALUES (1, 'box', '{{}}');
             INSERT INTO mailbox_greeting VALUES (1, 'b'), (1, 'a'), (2, 'a');
             INSERT INTO rules VALUES (1, '{long}'), (2, '{long}'), (3, 'ü');
             INSERT INTO care VALUES (1, '{{}}');
             INSERT INTO notice_elsewhere VALUES ('left:1', 2, 'left', 1, '{{}}', 1, 2);
             UPDATE meta SET value = 17 WHERE key = 'applied';"
        ))
        .unwrap();
}

#[test]
fn the_list_has_every_column_and_what_tells_rows_apart_comes_first() {
    let dir = Dir::new();
    drop(dir.open());
    let look = dir.look("ledger.db");
    for (name, keys, columns) in tables() {
        let mut info = look.prepare(&format!("PRAGMA table_info({name})")).unwrap();
        let info: Vec<(String, i64)> = info
            .query_map([], |row| Ok((row.get("name")?, row.get("pk")?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let names: Vec<&str> = info.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, columns, "{name}");
        let firsts = info.iter().take_while(|(_, place)| *place > 0).count();
        assert_eq!((firsts, info.iter().filter(|(_, place)| *place > 0).count()), (keys, keys));
    }
}

#[test]
fn all_of_it_is_the_same_at_the_other_node_and_what_that_one_had_is_gone() {
    let (from, to) = (Dir::new(), Dir::new());
    let (store, other) = (from.open(), to.open());
    furnish(&from, &store);
    to.look("ledger.db")
        .execute_batch("INSERT INTO care VALUES (9, '{}'); UPDATE meta SET value = 5;")
        .unwrap();
    let pieces = pieces(&store);
    assert!(pieces.len() > TABLES_AT_LEAST, "{} pieces", pieces.len());
    assert!(pieces.iter().all(|piece| piece.len() < 200_000), "a piece fits into a frame");
    install(&other, &pieces).unwrap();
    assert_eq!(dump(&to), dump(&from));
    assert_eq!(other.mark().unwrap(), Some(b"mark".to_vec()));
    let boot: i64 = to
        .look("ledger.db")
        .query_row("SELECT value FROM meta WHERE key = 'boot'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(boot, 5, "the number of its starts is its own");
}

/// One for each table, and some tables have several.
const TABLES_AT_LEAST: usize = 14;

#[test]
fn what_is_read_is_of_one_moment() {
    let (from, to) = (Dir::new(), Dir::new());
    let store = from.open();
    furnish(&from, &store);
    let before = dump(&from);
    let (_, mut whole) = store.whole().unwrap();
    let mut pieces = vec![whole.piece().unwrap().unwrap()];
    from.look("ledger.db")
        .execute_batch("DELETE FROM account; DELETE FROM right_share; DELETE FROM rules")
        .unwrap();
    pieces.extend(std::iter::from_fn(|| whole.piece().unwrap()));
    install(&to.open(), &pieces).unwrap();
    assert_eq!(dump(&to), before);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let dir = Dir::new();
    let store = dir.open();
    furnish(&dir, &store);
    let before = dump(&dir);
    let long = format!(r#"{{"version":10,"table":6,"rows":[[1,"{}"]]}}"#, "x".repeat(1 << 20));
    for piece in [
        // Names of tables and columns are nothing that is taken.
        r#"{"version":10,"table":"account","rows":[]}"#,
        r#"{"version":10,"table":1,"columns":["key"],"rows":[]}"#,
        r#"{"version":10,"table":14,"rows":[]}"#,
        r#"{"version":9,"table":1,"rows":[]}"#,
        // Another number of values than the table has; what is no value.
        r#"{"version":10,"table":2,"rows":[[1,"+49301"]]}"#,
        r#"{"version":10,"table":2,"rows":[[1,"+49301",1,1]]}"#,
        r#"{"version":10,"table":2,"rows":[[1,["+49301"],1]]}"#,
        r#"{"version":10,"table":2,"rows":[[1,1.5,1]]}"#,
        // The number of this node's starts is its own.
        r#"{"version":10,"table":0,"rows":[["boot",1]]}"#,
        r#"{"version":10,"table":0,"rows":[[null,1]]}"#,
        &long,
        "",
    ] {
        install(&store, &[piece.into()]).unwrap_err();
    }
    // What only the database refuses: all that came with it is not taken either.
    let twice = r#"{"version":10,"table":5,"rows":[[null,null]]}"#;
    install(&store, &[pieces(&store).remove(1), twice.into()]).unwrap_err();
    assert_eq!(dump(&dir), before);
}

#[test]
fn a_text_that_looks_like_sql_is_a_text() {
    let (from, to) = (Dir::new(), Dir::new());
    let (store, other) = (from.open(), to.open());
    let nasty = "x'); DROP TABLE account; --";
    from.look("ledger.db").execute("INSERT INTO rules VALUES (1, ?1)", [nasty]).unwrap();
    install(&other, &pieces(&store)).unwrap();
    let text: String =
        to.look("ledger.db").query_row("SELECT text FROM rules", [], |row| row.get(0)).unwrap();
    assert_eq!(text, nasty);
    assert_eq!(dump(&to), dump(&from));
}
