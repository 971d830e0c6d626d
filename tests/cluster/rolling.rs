//! One node after the other is restarted, as for a new version.

use crate::crowd::{Traffic, cap_is_exactly};
use crate::town::Plan;

/// Far from what is up at any time: what has ended while its daemon was away counts until the
/// proxy has told it.
const CAP: usize = 80;

#[test]
fn a_rolling_restart_refuses_nobody() {
    let Some(mut town) = Plan::new("rolling").found() else { return };
    town.customer("alice", &format!("--max-calls {CAP}"), "+49301");
    let traffic = Traffic::start(&town.nodes, 3, "+49301");
    traffic.goes_on(30);
    for node in &mut town.nodes {
        node.terminate();
        traffic.goes_on(20);
        node.start();
        traffic.goes_on(30);
    }
    traffic.stop_unrefused(&town, CAP);
    cap_is_exactly(&town, "alice", "+49301", CAP);
}
