//! kill -9 under load, again and again: the same calls, the same counts, every slot comes free.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::daemon::{Home, event, now, question};
use super::line::Line;
use super::lists::calls;
use super::model::{Client, Differences, Known, Stand};

const CLIENTS: usize = 6;
const CAPS: [u32; 4] = [1, 5, 12, 30];

/// What was answered longer ago than this has to be on the disk. Rows are gathered for 5 ms and
/// written in one transaction; the rest is room for a machine that is busy with other tests.
const FLUSHED_WITHIN: Duration = Duration::from_millis(1500);

fn number(account: usize) -> String {
    format!("+4930123{account:03}")
}

/// `HALLPORTER_KILL_ROUNDS` makes it go on for longer than usual.
fn rounds() -> usize {
    std::env::var("HALLPORTER_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

#[test]
fn a_killed_daemon_comes_back_with_the_same_calls() {
    let home = Home::new("kill", "drain = \"0s\"");
    let mut daemon = home.start();
    for (account, cap) in CAPS.iter().enumerate() {
        home.lay_down(&format!("a{account}"), *cap, &number(account));
    }
    let numbers: Vec<String> = (0..CAPS.len()).map(number).collect();
    let mut all = Differences::default();
    let mut asked = 0;
    let mut refused = 0;
    for round in 0..rounds() {
        let seed = |client: usize| {
            ((round * 97 + client * 31 + 7) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let name = format!("r{round}-c{client}");
                let client = Client::new(home.proxy(), name, &numbers, seed(client));
                std::thread::spawn(move || client.run())
            })
            .collect();
        let mut dice = Client::new(home.proxy(), String::new(), &[], seed(99));
        std::thread::sleep(Duration::from_millis(20 + dice.roll(300) as u64));
        let killed_at = now();
        daemon.kill();
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for client in clients {
            let client = client.join().unwrap();
            refused += client.refused;
            known.extend(client.calls);
        }
        asked += known.len();
        daemon = home.start();
        let mut admin = home.admin();
        let listed = calls(&mut admin);
        let mut differences = Differences::default();
        differences.compare(&known, &listed, killed_at);
        assert!(differences.oldest < FLUSHED_WITHIN, "round {round}: {differences:?}");
        all.add(&differences);
        ask_again(&home, &known, &listed);
        let counted = listed.len();
        assert_eq!(calls(&mut admin).len(), counted, "asking again takes no slot");
        check_counts(&mut admin, &listed);
        end_everything(&home, &known);
        burst(&home, round);
    }
    println!(
        "{} kills, {asked} calls asked about ({refused} refused), {} live at the kills; \
         of the last {:?} before a kill: {} admitted and missing, {} over and still there, \
         {} answered and shown as reserved",
        rounds(),
        all.calls,
        all.oldest,
        all.missing,
        all.stale,
        all.behind
    );
    assert!(refused > 0 && all.calls > 0, "it was a test of something");
}

/// The same question gets the same number after the kill.
#[track_caller]
fn ask_again(home: &Home, known: &BTreeMap<String, Known>, listed: &BTreeMap<String, Value>) {
    let mut proxy = home.proxy();
    let reserved = known.iter().filter(|(_, known)| known.stand == Stand::Reserved && !known.open);
    for (call_id, known) in reserved.filter(|(call_id, _)| listed.contains_key(*call_id)).take(10) {
        let answer = proxy.route(&question(call_id, &known.number));
        assert_eq!((&answer["action"], &answer["call"]), (&"fork".into(), &known.call), "{answer}");
    }
}

/// Every account counts exactly its calls in the list, and never more than its cap.
#[track_caller]
fn check_counts(admin: &mut Line, listed: &BTreeMap<String, Value>) {
    for (account, cap) in CAPS.iter().enumerate() {
        let name = format!("a{account}");
        let live = listed.values().filter(|call| call["callee"] == name).count();
        let total = &admin.get(&format!("/v1/accounts/{name}"))["usage"]["total"];
        assert_eq!(total["live"], json!(live), "{name}");
        assert_eq!((&total["overdraft"], &total["frozen"]), (&json!(0), &json!(0)), "{name}");
        assert!(live <= *cap as usize, "{name} carries {live}");
    }
}

#[track_caller]
fn end_everything(home: &Home, known: &BTreeMap<String, Known>) {
    let ends: Vec<Value> = known.keys().map(|call_id| event("end", call_id)).collect();
    let mut proxy = home.proxy();
    for batch in ends.chunks(500) {
        let taken = proxy.done("POST", "/v1/event", &json!(batch));
        assert_eq!(taken["accepted"], json!(batch.len()));
    }
    let mut admin = home.admin();
    assert_eq!(calls(&mut admin).len(), 0);
    check_counts(&mut admin, &BTreeMap::new());
}

/// As many calls as there are slots are admitted when more are asked for at once, and then ended.
#[track_caller]
fn burst(home: &Home, round: usize) {
    for (account, cap) in CAPS.iter().enumerate() {
        let asking: Vec<_> = (0..4)
            .map(|client| {
                let mut proxy = home.proxy();
                let each = *cap / 2 + 2;
                std::thread::spawn(move || {
                    let ask = |call: u32| {
                        let call_id = format!("b{round}-{account}-{client}-{call}@x");
                        let answer = proxy.route(&question(&call_id, &number(account)));
                        (answer["action"] == "fork").then_some(call_id)
                    };
                    (0..each).filter_map(ask).collect::<Vec<_>>()
                })
            })
            .collect();
        let admitted: Vec<String> =
            asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect();
        assert_eq!(admitted.len(), *cap as usize, "account a{account} in round {round}");
        let mut proxy = home.proxy();
        for call_id in admitted {
            proxy.tell(&event("failed", &call_id));
        }
    }
    assert_eq!(calls(&mut home.admin()).len(), 0);
}
