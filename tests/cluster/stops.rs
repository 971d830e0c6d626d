//! A node that stands still: it is not dead, and says nothing.

use crate::crowd::{Burst, cap_is_exactly};
use crate::town::{Node, Plan};

const CAP: usize = 6;

#[test]
fn a_node_that_stood_still_goes_on_where_it_was() {
    let Some(mut town) = Plan::new("stops").found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    for sleeper in 0..town.nodes.len() {
        let nodes: Vec<&Node> = town.nodes.iter().collect();
        let before = Burst::filled(3, "+49301", &nodes);
        town.nodes[sleeper].daemon().signal("STOP");
        let others: Vec<&Node> =
            (0..town.nodes.len()).filter(|at| *at != sleeper).map(|at| &town.nodes[at]).collect();
        // What the sleeper holds is out of reach. What is up counts all the same.
        let during = Burst::of(2 * CAP, "+49301", &others);
        assert!(before.up() + during.up() <= CAP, "{} and {}", before.up(), during.up());
        before.hang_up();
        town.nodes[sleeper].daemon().signal("CONT");
        during.hang_up();
        cap_is_exactly(&town, "alice", "+49301", CAP);
    }
}
