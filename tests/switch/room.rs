//! The room of the Event Socket alone, on a real switch: what it is told, and what its commands do.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hallporter::domain::{
    Keys, LegEvent, LegId, Medium, NodeId, SipUri, Sound, StepId, SwitchCommand, SwitchEvent,
    SwitchId,
};
use hallporter::freeswitch::{Patience, Secret, Switch as Room, SwitchConfig};

use crate::lab::switch::PASSWORD;
use crate::lab::{Call, Lab, Manners, Phone, Switch, installed, seconds, wav};

const FALLBACK: &str = "_hallporter_fallback XML hallporter";

struct House {
    lab: Lab,
    switch: Switch,
    phone: Phone,
    room: Room,
    told: Receiver<SwitchEvent>,
    _runtime: tokio::runtime::Runtime,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let switch = Switch::start(&lab);
    let (sender, told) = channel();
    let config = SwitchConfig {
        id: SwitchId(0),
        name: "room".into(),
        host: switch.esl.ip().to_string().into(),
        port: switch.esl.port(),
        password: Secret::new(PASSWORD),
        profile: "hallporter".into(),
        routes: false,
        fallback: FALLBACK.into(),
        patience: Patience::default(),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let room = {
        let _inside = runtime.enter();
        Room::start(config, Arc::new(move |_, event| drop(sender.send(event))))
    };
    let phone = Phone::new(lab.ip);
    let house = House { lab, switch, phone, room, told, _runtime: runtime };
    house.hears(|event| matches!(event, SwitchEvent::Legs { .. }));
    house
}

fn silence(ms: u32) -> Vec<Sound> {
    vec![Sound::Silence { ms }]
}

impl House {
    /// The first that fits of what is told.
    #[track_caller]
    fn hears(&self, fits: impl Fn(&SwitchEvent) -> bool) -> SwitchEvent {
        let end = Instant::now() + seconds(20.0);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.told.recv_timeout(left).expect("it is not told");
            if fits(&event) {
                return event;
            }
        }
    }

    #[track_caller]
    fn hears_of(&self, leg: &LegId, fits: impl Fn(&LegEvent) -> bool) -> LegEvent {
        let told = self.hears(|event| {
            matches!(event, SwitchEvent::Leg { leg: of, event } if of == leg && fits(event))
        });
        let SwitchEvent::Leg { event, .. } = told else { unreachable!() };
        event
    }

    #[track_caller]
    fn comes(&self) -> LegId {
        let parked = |event: &SwitchEvent| {
            matches!(event, SwitchEvent::Leg { event: LegEvent::Parked(_), .. })
        };
        let SwitchEvent::Leg { leg, .. } = self.hears(parked) else { unreachable!() };
        leg
    }

    /// A caller whose leg is ours and answered.
    #[track_caller]
    fn caller(&self, user: &str) -> (Call, LegId) {
        let call = self.phone.call(user, self.switch.sip);
        let leg = self.comes();
        self.room.send(SwitchCommand::Claim { leg: leg.clone() });
        assert_eq!(
            self.hears_of(&leg, |event| matches!(event, LegEvent::Claimed(_))),
            LegEvent::Claimed(true)
        );
        self.room.send(SwitchCommand::Answer { leg: leg.clone() });
        self.hears_of(&leg, |event| *event == LegEvent::Answered);
        (call, leg)
    }

    fn play(&self, leg: &LegId, step: u32, sounds: Vec<Sound>) {
        let (leg, step, keys) = (leg.clone(), StepId::new(NodeId(1), 1, step), Keys::Any);
        self.room.send(SwitchCommand::Play { leg, step, sounds, keys });
    }

    #[track_caller]
    fn done(&self, leg: &LegId, step: u32) -> Option<char> {
        let step = StepId::new(NodeId(1), 1, step);
        let done =
            |event: &LegEvent| matches!(event, LegEvent::Done { step: of, .. } if *of == step);
        let LegEvent::Done { key, failed: false, .. } = self.hears_of(leg, done) else {
            panic!("it failed")
        };
        key
    }
}

/// The break that flushes the tail must not hit what is played next.
#[test]
fn what_is_played_next_is_played_whole() {
    if !installed() {
        return;
    }
    const MS: u32 = 200;
    let house = house("room-play");
    let (call, leg) = house.caller("alice");
    let mut short = Vec::new();
    for step in 0..40 {
        let began = Instant::now();
        house.play(&leg, step, silence(MS));
        assert_eq!(house.done(&leg, step), None);
        short.push(began.elapsed());
    }
    let cut = short.iter().filter(|took| **took < Duration::from_millis(u64::from(MS) - 30));
    assert_eq!(cut.count(), 0, "{short:?}");
    // Also behind a break, and behind one that has nothing to break any more.
    for step in 100..120 {
        house.play(&leg, step, silence(5_000));
        if step % 2 == 0 {
            std::thread::sleep(Duration::from_millis(60));
        }
        house.room.send(SwitchCommand::Break { leg: leg.clone() });
        let began = Instant::now();
        house.play(&leg, step + 100, silence(MS));
        house.done(&leg, step + 100);
        let took = began.elapsed();
        assert!(took > Duration::from_millis(u64::from(MS) - 30), "step {step}: {took:?}");
    }
    call.bye();
    house.hears_of(&leg, |event| matches!(event, LegEvent::HungUp { .. }));
}

#[test]
fn the_tail_takes_over_when_nobody_says_anything() {
    if !installed() {
        return;
    }
    let house = house("room-tail");
    let (call, leg) = house.caller("alice");
    let path = house.lab.dir.join("1.wav");
    let (medium, limit_s, silence_s) = (Medium::Audio, 2, 0);
    let keys = Keys::EndOrSwitch { switch: '*' };
    house.room.send(SwitchCommand::Record {
        leg: leg.clone(),
        step: StepId::new(NodeId(1), 1, 1),
        path: path.display().to_string().into(),
        medium,
        limit_s,
        silence_s,
        keys,
    });
    house.hears_of(&leg, |event| matches!(event, LegEvent::RecordStarted { .. }));
    house.hears_of(&leg, |event| matches!(event, LegEvent::RecordStopped { key: None, .. }));
    house.done(&leg, 1);
    assert!(path.metadata().unwrap().len() > 10_000);
    assert!(call.hears(&wav::prompt("en/unavailable"), seconds(10.0)), "silence");
    assert!(call.hung_up(seconds(10.0)));
    house.hears_of(&leg, |event| matches!(event, LegEvent::HungUp { .. }));
}

#[test]
fn two_are_connected_and_parted() {
    if !installed() {
        return;
    }
    let house = house("room-bridge");
    let (call, leg) = house.caller("alice");
    house.play(&leg, 1, silence(10_000));
    let other_call = house.phone.call("bob", house.switch.sip);
    let other = house.comes();
    house.room.send(SwitchCommand::Claim { leg: other.clone() });
    house.hears_of(&other, |event| *event == LegEvent::Claimed(true));
    house.room.send(SwitchCommand::Break { leg: leg.clone() });
    house.done(&leg, 1);
    house.room.send(SwitchCommand::Bridge { leg: leg.clone(), other: other.clone() });
    let bridged = LegEvent::Bridged { other: other.clone() };
    house.hears_of(&leg, |event| *event == bridged);
    // A list in between changes nothing.
    house.hears(|event| matches!(event, SwitchEvent::Legs { legs, .. } if legs.len() == 2));
    other_call.bye();
    house.hears_of(&leg, |event| *event == LegEvent::Unbridged);
    house.play(&leg, 2, silence(300));
    house.done(&leg, 2);
    house.room.send(SwitchCommand::HangUp { leg: leg.clone(), cause: "NORMAL_CLEARING" });
    house.hears_of(&leg, |event| matches!(event, LegEvent::HungUp { .. }));
    assert!(call.hung_up(seconds(5.0)));
}

#[test]
fn a_device_is_called_and_never_left_in_silence() {
    if !installed() {
        return;
    }
    let house = house("room-call");
    house.phone.behaves(Manners::default());
    let leg = LegId::parse("room-call-1").unwrap();
    let uri = SipUri::parse(&format!("sip:dev@{}", house.phone.at)).unwrap();
    let call = |leg: &LegId| SwitchCommand::Call {
        leg: leg.clone(),
        uri: uri.clone(),
        via: None,
        from_user: "alice".into(),
        video: false,
        ring_s: 10,
    };
    house.room.send(call(&leg));
    house.hears_of(&leg, |event| matches!(event, LegEvent::Parked(_)));
    let came = house.phone.comes(0, seconds(5.0));
    // We die here: nothing is played. The guard takes over.
    assert!(came.hears(&wav::prompt("en/unavailable"), seconds(12.0)), "{}", house.switch.log());
    house.hears_of(&leg, |event| matches!(event, LegEvent::HungUp { .. }));
    // And with something to play it does not.
    let leg = LegId::parse("room-call-2").unwrap();
    house.room.send(call(&leg));
    house.hears_of(&leg, |event| matches!(event, LegEvent::Parked(_)));
    let began = Instant::now();
    house.play(&leg, 1, silence(7_000));
    house.done(&leg, 1);
    assert!(began.elapsed() > seconds(6.5), "the guard has cut it");
    house.room.send(SwitchCommand::HangUp { leg: leg.clone(), cause: "NORMAL_CLEARING" });
    house.hears_of(&leg, |event| matches!(event, LegEvent::HungUp { .. }));
}

#[test]
fn a_killed_switch_is_lost_and_found_anew() {
    if !installed() {
        return;
    }
    let mut house = house("room-kill");
    let (_call, leg) = house.caller("alice");
    house.play(&leg, 1, silence(60_000));
    let before = house.room.status().core_uuid;
    house.switch.kill();
    let began = Instant::now();
    house.hears(|event| *event == SwitchEvent::Lost);
    assert!(began.elapsed() < seconds(2.0));
    house.switch.run();
    house.hears(|event| matches!(event, SwitchEvent::Legs { restarted: true, .. }));
    let is_there = || house.room.status().core_uuid != before && house.room.status().connected;
    assert!(crate::lab::eventually(seconds(20.0), is_there));
    house.switch.hang();
    house.hears(|event| *event == SwitchEvent::Lost);
    house.switch.wake();
    house.hears(|event| matches!(event, SwitchEvent::Legs { restarted: false, .. }));
}
