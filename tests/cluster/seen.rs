//! What nodes see of each other: who is there, who is cut off, who stands still.

use crate::lab::{becomes, eventually};
use crate::town::{PATIENCE, Plan, Town};

/// Waits until each node sees these others, and no more.
#[track_caller]
fn all_see(town: &Town, seen: [&[&str]; 3]) {
    for (node, seen) in town.nodes.iter().zip(seen) {
        let (name, seen) = (&node.site.name, seen.iter().map(|name| (*name).to_owned()).collect());
        becomes(&(name, seen), PATIENCE, || (name, node.sees()));
    }
}

#[test]
fn who_is_cut_off_or_stands_still_is_seen_and_who_comes_back_too() {
    let Some(mut town) = Plan::new("seen").with_cuts().found() else { return };
    let everybody: &[&str] = &["north", "south", "west"];
    all_see(&town, [everybody; 3]);
    let field = town.field.as_ref().unwrap();
    field.relay.cut(3);
    all_see(&town, [&["north", "south"], &["north", "south"], &["west"]]);
    field.relay.heal();
    all_see(&town, [everybody; 3]);
    // Whom one of them does not hear, the others still hear: nobody is called dead.
    field.relay.cut_one_way(1, 3);
    field.relay.lose(5);
    field.relay.double(5);
    let packets = field.relay.taken();
    assert!(eventually(PATIENCE, || field.relay.taken() > packets + 500));
    all_see(&town, [everybody; 3]);
    field.relay.heal();
    town.nodes[1].daemon().signal("STOP");
    for at in [0, 2] {
        becomes(&["north".to_owned(), "west".to_owned()].into(), PATIENCE, || {
            town.nodes[at].sees()
        });
    }
    town.nodes[1].daemon().signal("CONT");
    all_see(&town, [everybody; 3]);
    town.nodes[0].kill();
    for at in [1, 2] {
        becomes(&["south".to_owned(), "west".to_owned()].into(), PATIENCE, || {
            town.nodes[at].sees()
        });
    }
    town.nodes[0].start();
    all_see(&town, [everybody; 3]);
}
