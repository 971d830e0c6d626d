//! kill -9 of each node, with calls up.

use crate::crowd::{Burst, cap_is_exactly};
use crate::lab::{Dial, seconds};
use crate::town::{Node, Plan};

const CAP: usize = 6;

#[test]
fn a_killed_node_comes_back_with_its_calls_whichever_it_is() {
    let Some(mut town) = Plan::new("kills").found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    for victim in 0..town.nodes.len() {
        let nodes: Vec<&Node> = town.nodes.iter().collect();
        // Two in each region.
        let burst = Burst::filled(CAP, "+49301", &nodes);
        town.nodes[victim].kill();
        // Its calls are up, and count; whoever asks instead of it knows that.
        for node in &town.nodes {
            let call = node.line.dial(Dial::to("+49301"));
            let code = call.code(seconds(15.0));
            assert!([486, 503].contains(&code), "{code} in {}", node.site.name);
        }
        assert_eq!(town.calls_at_proxies(), CAP);
        // One call in each region ends while it is away, and at its proxy nobody hears of that.
        let mut calls = burst.into_calls();
        for call in calls.drain(..3) {
            call.bye();
        }
        town.nodes[victim].start();
        town.all_count("alice", 3);
        for call in calls {
            call.bye();
        }
        town.all_count("alice", 0);
    }
    cap_is_exactly(&town, "alice", "+49301", CAP);
}

/// Whoever leads the agreement, the others go on without it.
#[test]
fn two_nodes_of_three_decide_and_take_changes() {
    let Some(mut town) = Plan::new("two-of-three").found() else { return };
    town.all_vote();
    for victim in 0..town.nodes.len() {
        let (name, number) = (format!("customer{victim}"), format!("+4930{victim}"));
        town.nodes[victim].kill();
        let others: Vec<usize> = (0..town.nodes.len()).filter(|at| *at != victim).collect();
        town.nodes[others[0]].type_line(&format!("account add {name} --max-calls 2"));
        town.nodes[others[1]].type_line(&format!("number add {number} --account {name}"));
        let nodes: Vec<&Node> = others.iter().map(|at| &town.nodes[*at]).collect();
        for node in &nodes {
            node.knows(&number);
        }
        let burst = Burst::of(8, &number, &nodes);
        assert!(burst.up() <= 2, "{} are up without {victim}", burst.up());
        burst.hang_up();
        Burst::filled(2, &number, &nodes).hang_up();
        town.nodes[victim].start();
        town.nodes[victim].knows(&number);
        cap_is_exactly(&town, &name, &number, 2);
    }
}
