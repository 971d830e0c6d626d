//! Commands of several legs at once: each leg's in order, none held up by another leg's.

use std::time::Duration;

use hallporter::domain::{Keys, LegEvent, SipUri, Sound, StepId, SwitchCommand, SwitchEvent};
use hallporter::freeswitch::{Patience, Recognise};

use crate::fake::{Fake, Manner};
use crate::side::{Side, eventually, leg, patient};

fn play(name: &str, step: u64) -> SwitchCommand {
    let sounds = vec![Sound::File("/p/en/busy.wav".into())];
    SwitchCommand::Play { leg: leg(name), step: StepId(step), sounds, keys: Keys::Any }
}

fn claim(name: &str) -> SwitchCommand {
    SwitchCommand::Claim { leg: leg(name) }
}

fn text(name: &str) -> SwitchCommand {
    let uri = SipUri::parse("sip:dev@10.0.0.7:5060").unwrap();
    SwitchCommand::SendText { leg: leg(name), uri, via: None, text: "https://h.example/7".into() }
}

/// Of which leg the next commands are, in the order in which the switch hears them.
async fn heard(fake: &mut Fake, names: &[&str], count: usize) -> Vec<(String, String)> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let command = fake.command().await;
        let named = |name: &&&str| command.split([' ', '\n']).any(|word| word == **name);
        let name = names.iter().find(named).unwrap_or_else(|| panic!("{command}"));
        heard.push(((*name).to_owned(), command));
    }
    heard
}

#[tokio::test]
async fn the_legs_of_a_burst_have_their_turns() {
    let mut fake = Fake::start(Manner::Good).await;
    let side = Side::up(&fake, Recognise::Marked).await;
    let names: Vec<String> = (0..20).map(|number| format!("leg-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in &names {
        side.switch.send(play(name, 1));
        side.switch.send(SwitchCommand::Answer { leg: leg(name) });
    }
    let heard = heard(&mut fake, &names, names.len() * 5).await;
    // Nobody's second command comes before everybody's first.
    let mut firsts: Vec<&str> = heard.iter().take(names.len()).map(|(name, _)| &**name).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), names.len(), "{heard:?}");
    for name in names {
        let own: Vec<&str> = heard
            .iter()
            .filter(|(of, _)| of == name)
            .map(|(_, command)| command.lines().nth(2).unwrap())
            .collect();
        let applications = ["set", "playback", "playback", "transfer", "answer"];
        assert_eq!(own, applications.map(|name| format!("Execute-App-Name: {name}")), "{name}");
    }
}

#[tokio::test]
async fn what_connects_two_legs_waits_for_both() {
    let mut fake = Fake::start(Manner::Good).await;
    let side = Side::up(&fake, Recognise::Marked).await;
    let names = ["a-leg", "b-leg"];
    side.switch.send(play(names[0], 1));
    side.switch.send(play(names[1], 2));
    side.switch.send(SwitchCommand::Bridge { leg: leg(names[0]), other: leg(names[1]) });
    side.switch.send(claim(names[1]));
    // Four for each that plays, five for the bridge (both tails are flushed with it), one claim.
    let heard = heard(&mut fake, &names, 14).await;
    let plays = heard.iter().take(8).all(|(_, command)| command.starts_with("sendmsg "));
    assert!(plays, "{heard:?}");
    assert_eq!(heard[8].1, "api uuid_break a-leg all");
    assert_eq!(heard[12].1, "api uuid_bridge a-leg b-leg");
    assert_eq!(heard[13].1, "api sched_del b-leg");
}

#[tokio::test]
async fn whoever_waits_at_a_loss_is_told_once() {
    let mut fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::Marked).await;
    side.switch.send(text("c-leg"));
    fake.command().await;
    fake.behave(Manner::Deaf);
    for command in [claim("a-leg"), play("a-leg", 1), claim("b-leg")] {
        side.switch.send(command);
    }
    assert_eq!(fake.command().await, "api sched_del a-leg");
    fake.hang_up_jobs();
    let mut refused = Vec::new();
    while let SwitchEvent::Leg { leg, event } = side.next().await {
        let LegEvent::Refused { command } = event else { panic!("{event:?}") };
        refused.push((leg.to_string(), command));
    }
    refused.sort_unstable();
    let expected =
        [("a-leg", "claim"), ("a-leg", "play"), ("b-leg", "claim"), ("c-leg", "send_text")];
    assert_eq!(refused, expected.map(|(leg, command)| (leg.to_owned(), command)));
}

#[tokio::test]
async fn a_job_may_end_before_it_has_a_number() {
    let fake = Fake::start(Manner::Good).await;
    let mut side = Side::up(&fake, Recognise::Marked).await;
    fake.behave(Manner::Hasty);
    let names = ["a-leg", "b-leg", "c-leg"];
    for name in names {
        side.switch.send(text(name));
    }
    let mut sent = Vec::new();
    while sent.len() < names.len() {
        let SwitchEvent::Leg { leg, event } = side.next().await else { panic!() };
        assert_eq!(event, LegEvent::TextSent(true));
        sent.push(leg.to_string());
    }
    sent.sort_unstable();
    assert_eq!(sent, names);
}

#[tokio::test]
async fn a_list_that_does_not_come_holds_up_nothing() {
    let mut fake = Fake::start(Manner::Good).await;
    let patience = Patience { list_every: Duration::from_millis(20), ..patient() };
    let mut side = Side::up_with(&fake, patience, Recognise::Marked).await;
    fake.behave(Manner::Listless);
    let before = fake.lists();
    side.switch.send(claim("a-leg"));
    assert_eq!(fake.command().await, "api sched_del a-leg");
    // It is asked for anew, a few rounds later.
    eventually("the list is given up", || fake.lists() > before + 3).await;
    fake.behave(Manner::Good);
    side.until(|event| matches!(event, SwitchEvent::Leg { .. })).await;
    side.until(|event| matches!(event, SwitchEvent::Legs { .. })).await;
    assert_eq!(side.switch.status().connects, 1);
}
