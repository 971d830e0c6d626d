//! The switch's own list, which is the truth.

use hallporter::domain::{LegEvent, SwitchEvent};
use hallporter::freeswitch::Recognise;

use crate::fake::{Fake, Manner, event};
use crate::recordings::blocks;
use crate::side::{Side, end_mark, leg, patient};

const MARKED: &str = "sofia/lab/dev";

fn row(uuid: &str, state: &str, application: &str) -> String {
    format!(
        r#"{{"uuid":"{uuid}","name":"{MARKED}","state":"{state}","application":"{application}","application_data":"/s/1.wav 60"}}"#
    )
}

fn list(rows: &[String]) -> String {
    format!(r#"{{"row_count":{},"rows":[{}]}}"#, rows.len(), rows.join(","))
}

/// What `uuid_dump` says of a leg.
fn dump(uuid: &str, mark: &str) -> String {
    format!(
        "Event-Name: CHANNEL_DATA\nUnique-ID: {uuid}\nAnswer-State: ringing\n\
         Caller-Destination-Number: bob\nvariable_hallporter: {mark}\n\
         variable_sip_call_id: call%40host\nvariable_sip_from_uri: alice%4010.0.0.7\n\n"
    )
}

fn parked(uuid: &str) -> Vec<u8> {
    event(
        &[
            ("Event-Name", "CHANNEL_PARK"),
            ("Unique-ID", uuid),
            ("Caller-Destination-Number", "bob"),
            ("variable_hallporter", "deposit"),
        ],
        "",
    )
}

fn know(fake: &Fake, uuid: &str, mark: &str) {
    fake.answer(&format!("uuid_getvar {uuid} hallporter"), mark);
    fake.answer(&format!("uuid_dump {uuid}"), &dump(uuid, mark));
}

/// The legs in the last thing that was told, which is a list.
fn legs(told: &[SwitchEvent]) -> (bool, Vec<(String, String)>) {
    let Some(SwitchEvent::Legs { restarted, legs }) = told.last() else { panic!("{told:?}") };
    let pairs = legs.iter().map(|seen| (seen.leg.to_string(), seen.application.to_string()));
    (*restarted, pairs.collect())
}

async fn first_list(fake: &Fake, recognise: Recognise) -> (Side, Vec<SwitchEvent>) {
    let mut side = Side::start(fake, patient(), recognise);
    let told = side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await;
    (side, told)
}

#[tokio::test]
async fn what_waits_unseen_is_told_before_the_list() {
    let fake = Fake::start(Manner::Good).await;
    fake.set_channels(&list(&[
        row("waits", "CS_EXECUTE", "park"),
        row("records", "CS_EXECUTE", "record"),
        row("talked", "CS_PARK", "uuid_bridge"),
        row("comes", "CS_EXECUTE", "sched_transfer"),
        row("strange", "CS_EXECUTE", "park"),
        row("fallen", "CS_EXECUTE", "playback"),
        row("b a d", "CS_EXECUTE", "park"),
    ]));
    for uuid in ["waits", "records", "talked", "comes"] {
        know(&fake, uuid, "deposit");
    }
    know(&fake, "fallen", "fallback");
    let (mut side, told) = first_list(&fake, Recognise::Marked).await;
    let waiting = |told: &[SwitchEvent]| -> Vec<String> {
        let parked = told.iter().filter_map(|event| match event {
            SwitchEvent::Leg { leg, event: LegEvent::Parked(facts) } => {
                assert_eq!(&*facts.dialled, "bob");
                Some(leg.to_string())
            }
            SwitchEvent::Leg { .. }
            | SwitchEvent::Legs { .. }
            | SwitchEvent::CallsAsked { .. }
            | SwitchEvent::Calls(_)
            | SwitchEvent::Lost => None,
        });
        parked.collect()
    };
    assert_eq!(waiting(&told), ["waits", "talked"]);
    let SwitchEvent::Leg { event: LegEvent::Parked(facts), .. } = &told[0] else { panic!() };
    assert_eq!((&*facts.call_id, &*facts.from_uri), ("call@host", "sip:alice@10.0.0.7"));
    let pair = |leg: &str, application: &str| (leg.to_owned(), application.to_owned());
    let expected = [
        pair("waits", "park"),
        pair("records", "record"),
        pair("talked", "park"),
        pair("comes", "sched_transfer"),
    ];
    assert_eq!(legs(&told), (false, expected.to_vec()));
    // Their events come after the list: who was told is not told again, who was not is.
    for uuid in ["waits", "comes", "records"] {
        fake.say([parked(uuid)]);
    }
    fake.say([end_mark()]);
    let told = side.until_end_mark().await;
    let again = SwitchEvent::Leg { leg: leg("records"), event: LegEvent::Unbridged };
    assert_eq!((waiting(&told), told.len(), &told[1]), (vec!["comes".to_owned()], 2, &again));
    assert_eq!(side.switch.status().ignored, 1);
}

#[tokio::test]
async fn recorded_lists_are_read() {
    let bodies: Vec<String> = blocks("channels_json")
        .into_iter()
        .filter_map(|block| String::from_utf8(block.bytes).ok())
        .filter_map(|text| text.split_once("\n\n").map(|(_, body)| body.to_owned()))
        .filter(|body| body.contains("row_count") && !body.contains("b_uuid"))
        .collect();
    let mut counts = Vec::new();
    for body in &bodies {
        let fake = Fake::start(Manner::Good).await;
        fake.set_channels(body);
        let dumped = blocks("channels_json").into_iter().find(|block| {
            String::from_utf8_lossy(&block.bytes).contains("\n\nEvent-Name: CHANNEL_DATA")
        });
        let dumped = String::from_utf8(dumped.unwrap().bytes).unwrap();
        fake.answer("uuid_dump", dumped.split_once("\n\n").unwrap().1);
        let (_side, told) = first_list(&fake, Recognise::All).await;
        counts.push((legs(&told).1.len(), told.len() - 1));
    }
    // Nobody; two who wait; the same two connected; one of them after the other was sent away.
    assert!(counts.contains(&(0, 0)) && counts.contains(&(2, 2)), "{counts:?}");
    assert!(counts.contains(&(2, 0)), "who is connected does not wait: {counts:?}");
}

#[tokio::test]
async fn nonsense_instead_of_a_list_changes_nothing() {
    let fake = Fake::start(Manner::Good).await;
    fake.set_channels("-ERR no reply\n");
    let mut patience = patient();
    patience.list_every = std::time::Duration::from_millis(20);
    let mut side = Side::start(&fake, patience, Recognise::Marked);
    assert_eq!(side.next().await, SwitchEvent::Lost);
    assert!(side.switch.status().trouble.unwrap().contains("makes no sense"));
    fake.set_channels("{\"row_count\": 0}\n");
    side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await;
    fake.set_channels("{]");
    for _ in 0..3 {
        fake.set_channels(&list(&[row("strange", "CS_EXECUTE", "park")]));
        let told = side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await;
        assert_eq!(legs(&told).1, []);
    }
}

#[tokio::test]
async fn absence_from_the_table_is_none() {
    let fake = Fake::start(Manner::Good).await;
    let mut patience = patient();
    patience.list_every = std::time::Duration::from_millis(20);
    let mut side = Side::up_with(&fake, patience, Recognise::Marked).await;
    fake.say([parked("early")]);
    side.until(|event| matches!(event, SwitchEvent::Leg { .. })).await;
    let there =
        |event: &SwitchEvent| matches!(event, SwitchEvent::Legs { legs, .. } if !legs.is_empty());
    let told = side.until(there).await;
    assert_eq!(legs(&told).1, [("early".to_owned(), "unknown".to_owned())]);
    fake.answer("uuid_exists early", "false");
    side.until(|event| matches!(event, SwitchEvent::Legs { legs, .. } if legs.is_empty())).await;
}

#[tokio::test]
async fn events_that_were_dropped_are_made_up_for() {
    const FLOOD: usize = 9_000;
    let fake = Fake::start(Manner::Good).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(Some(gate));
    let sink = std::sync::Arc::new(move |_, event: SwitchEvent| {
        // The first event of a leg is kept long enough for the others to pile up.
        if matches!(event, SwitchEvent::Leg { .. })
            && let Some(gate) = gate.lock().unwrap().take()
        {
            tokio::task::block_in_place(|| gate.recv().unwrap());
        }
        let _ = told.send(event);
    });
    let config = crate::side::config(fake.port, crate::fake::PASSWORD, patient());
    // The reader is blocked on a thread of its own, as it would be by a slow machine.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let switch = {
        let _inside = runtime.enter();
        hallporter::freeswitch::Switch::start(config, sink)
    };
    while !matches!(heard.recv().await, Some(SwitchEvent::Legs { .. })) {}
    know(&fake, "late", "deposit");
    fake.set_channels(&list(&[row("late", "CS_EXECUTE", "park")]));
    let small = event(&[("Event-Name", "DTMF"), ("Unique-ID", "x")], "");
    fake.say([parked("first")]);
    fake.say((0..FLOOD).map(|_| small.clone()));
    fake.say([parked("late")]);
    crate::side::eventually("the flood was not said", || fake.said_all()).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    go.send(()).unwrap();
    let late = |event: &SwitchEvent| matches!(event, SwitchEvent::Leg { leg, event: LegEvent::Parked(_) } if leg.as_str() == "late");
    let found = async { while !late(&heard.recv().await.unwrap()) {} };
    tokio::time::timeout(crate::side::LONG, found).await.expect("the leg is lost");
    let status = switch.status();
    assert!(status.overflows >= 1 && (status.events as usize) < FLOOD, "{status:?}");
    drop(switch);
    runtime.shutdown_background();
}
