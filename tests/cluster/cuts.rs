//! A region that is cut off, and comes back.

use crate::crowd::{Burst, Traffic, cap_is_exactly};
use crate::lab::becomes;
use crate::town::{Node, PATIENCE, Plan, Town};

const CAP: usize = 6;

/// Cuts a region (by its place) off and lets all regions call; gives what is up.
fn cut_and_call(town: &Town, alone: usize, number: &str) -> Burst {
    let field = town.field.as_ref().unwrap();
    field.relay.cut(town.nodes[alone].site.region.as_ref().unwrap().number);
    let nodes: Vec<&Node> = town.nodes.iter().collect();
    Burst::of(3 * CAP, number, &nodes)
}

#[test]
fn no_cap_is_exceeded_while_a_region_is_cut_off_nor_afterwards() {
    let Some(town) = Plan::new("cuts").with_cuts().found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    let field = town.field.as_ref().unwrap();
    for alone in 0..town.nodes.len() {
        let burst = cut_and_call(&town, alone, "+49301");
        assert!(burst.up() <= CAP, "{} are up", burst.up());
        assert_eq!(town.calls_at_proxies(), burst.up());
        burst.hang_up();
        field.relay.heal();
        cap_is_exactly(&town, "alice", "+49301", CAP);
    }
}

/// It keeps the rights that it holds, for as long as it takes.
#[test]
fn a_region_that_is_cut_off_goes_on_with_the_rights_that_it_holds() {
    let Some(town) = Plan::new("cut-off").with_cuts().found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    let alone = &town.nodes[2];
    // All of them are there now.
    let first = Burst::of(CAP, "+49301", &[alone]);
    assert_eq!(first.up(), CAP, "{:?}", first.refused);
    let field = town.field.as_ref().unwrap();
    field.relay.cut(alone.site.region.as_ref().unwrap().number);
    let ends = || becomes(&Some(0), PATIENCE, || alone.live("alice"));
    first.hang_up();
    ends();
    for _ in 0..5 {
        let again = Burst::of(CAP + 1, "+49301", &[alone]);
        assert_eq!(again.up(), CAP, "{:?}", again.refused);
        let elsewhere = Burst::of(2, "+49301", &[&town.nodes[0], &town.nodes[1]]);
        assert_eq!(elsewhere.up(), 0, "all rights are where nobody gets at them");
        again.hang_up();
        ends();
    }
    field.relay.heal();
    cap_is_exactly(&town, "alice", "+49301", CAP);
}

/// Packets that are lost, come twice, or go one way only.
#[test]
fn a_bad_way_between_regions_changes_no_count() {
    let Some(town) = Plan::new("bad-way").with_cuts().found() else { return };
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    let field = town.field.as_ref().unwrap();
    field.relay.lose(5);
    field.relay.double(5);
    let traffic = Traffic::start(&town.nodes, 3, "+49301");
    traffic.goes_on(30);
    field.relay.cut_one_way(1, 2);
    traffic.goes_on(30);
    field.relay.heal();
    traffic.goes_on(30);
    let seen = traffic.stop();
    assert!(seen.most <= CAP, "{seen:?}");
    cap_is_exactly(&town, "alice", "+49301", CAP);
}
