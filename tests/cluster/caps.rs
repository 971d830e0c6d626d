//! One cap over three regions.

use std::time::Duration;

use crate::crowd::{Burst, cap_is_exactly};
use crate::town::{Node, Plan};

const CAP: usize = 5;
const CALLS: usize = 60;

#[test]
fn of_sixty_calls_from_three_regions_exactly_five_are_admitted() {
    let Some(town) = Plan::new("caps").found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    let nodes: Vec<&Node> = town.nodes.iter().collect();
    for delay_ms in [0, 0, 0, 10, 10] {
        if let Some(field) = &town.field {
            field.relay.delay(Duration::from_millis(delay_ms));
        }
        let burst = Burst::of(CALLS, "+49301", &nodes);
        assert_eq!(burst.up(), CAP, "at {delay_ms} ms one way; {:?}", burst.refused);
        assert!(burst.refused.iter().all(|code| *code == 486), "{:?}", burst.refused);
        assert_eq!(town.calls_at_proxies(), CAP);
        town.all_count("alice", CAP as u64);
        burst.hang_up();
        town.all_count("alice", 0);
    }
    cap_is_exactly(&town, "alice", "+49301", CAP);
}

/// A customer moves: his calls come up in one region, then in the next.
#[test]
fn rights_go_where_the_calls_are() {
    let Some(town) = Plan::new("moves").found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    for node in town.nodes.iter().chain(&town.nodes) {
        let name = &node.site.name;
        let burst = Burst::of(CAP, "+49301", &[node]);
        assert_eq!(burst.up(), CAP, "in {name}: {:?}", burst.refused);
        let more = Burst::of(1, "+49301", &[node]);
        assert_eq!(more.refused, [486], "in {name}");
        burst.hang_up();
        town.all_count("alice", 0);
    }
}
