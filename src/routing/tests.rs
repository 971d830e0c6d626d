use super::*;
use crate::domain::{Contact, DeviceName, Number, SipUri};

/// `name stage ring target [off|dnd]` a line, and what rings: `ring: a b | ring: c`, then what was
/// skipped.
fn check(list: &str, limits: Limits, expected: &str) {
    let devices: Vec<Device> =
        list.lines().map(str::trim).filter(|l| !l.is_empty()).map(read).collect();
    let contact = |uri: &str| Contact {
        uri: SipUri::parse(uri).unwrap(),
        received: Some(SipUri::parse("sip:10.9.9.9:5060").unwrap()),
        path: None,
    };
    let registrations = Registrations::from([
        (SipUri::parse("sip:two@home").unwrap(), vec![contact("sip:a@h"), contact("sip:b@h")]),
        (SipUri::parse("sip:none@home").unwrap(), vec![]),
    ]);
    let headers: Arc<str> = "".into();
    let list = List {
        wait_s: None,
        by_switch: false,
        confirms: true,
        devices: &devices,
        registrations: &registrations,
        states: &DeviceStates::new(),
        gateway: Some("gw:5060"),
        headers: &headers,
        limits,
    };
    let mut steps = Vec::new();
    let order = order(
        &list,
        |target| matches!(target, Target::Uri(uri) if uri.as_str() == "sip:l@h"),
        &mut steps,
    );
    let stages: Vec<String> = order
        .stages
        .iter()
        .map(|stage| {
            let uris: Vec<&str> = stage.branches.iter().map(|branch| &*branch.uri).collect();
            format!("{}: {}", stage.ring_s, uris.join(" "))
        })
        .collect();
    let skips: Vec<String> = steps.iter().filter_map(skipped).collect();
    assert_eq!(format!("{} / {}", stages.join(" | "), skips.join(", ")), expected);
}

fn skipped(step: &Step) -> Option<String> {
    if let Step::Device { device, skip: Some(skip), .. } = step {
        return Some(format!("{device} {skip:?}"));
    }
    matches!(step, Step::OrderFull { .. }).then(|| "full".to_owned())
}

fn read(line: &str) -> Device {
    let words: Vec<&str> = line.split_whitespace().collect();
    let target = match words[3].split_once('=').unwrap() {
        ("uri", uri) => Target::Uri(SipUri::parse(uri).unwrap()),
        ("aor", uri) => Target::Aor(SipUri::parse(uri).unwrap()),
        (_, number) => Target::Number(Number::parse(number).unwrap()),
    };
    Device {
        enabled: words.get(4) != Some(&"off"),
        dnd: words.get(4) == Some(&"dnd"),
        ..Device::new(
            DeviceName::parse(words[0]).unwrap(),
            target,
            words[1].parse().unwrap(),
            words[2].parse().unwrap(),
        )
    }
}

const WIDE: Limits = Limits { branches_max: 24, stage_branches_max: 10 };

#[test]
fn devices_of_a_stage_ring_together_and_stages_follow() {
    check(
        "desk 1 15 uri=sip:desk@h
         soft 1 20 uri=sip:soft@h
         mobile 2 25 number=+49171",
        WIDE,
        "20: sip:desk@h sip:soft@h | 25: sip:+49171@gw:5060 / ",
    );
}

#[test]
fn what_cannot_ring_is_left_out_and_said() {
    check(
        "a 1 15 uri=sip:a@h off
         loop 1 15 uri=sip:l@h
         quiet 1 15 uri=sip:q@h dnd
         b 2 15 aor=sip:none@home
         c 3 15 aor=sip:two@home
         d 3 15 aor=sip:unknown@home",
        WIDE,
        "15: sip:a@h sip:b@h sip:unknown@home / a Disabled, loop Loop, quiet Dnd, b NotRegistered",
    );
    check("a 1 15 uri=sip:a@h off", WIDE, " / a Disabled");
    check("", WIDE, " / ");
}

#[test]
fn an_order_has_an_end() {
    let list = "a 1 9 uri=sip:a@h
                b 1 9 uri=sip:b@h
                c 1 9 uri=sip:c@h
                d 2 9 aor=sip:two@home
                e 3 9 uri=sip:e@h";
    let limits = Limits { branches_max: 3, stage_branches_max: 2 };
    check(list, limits, "9: sip:a@h sip:b@h | 9: sip:a@h / c StageFull, full");
}
