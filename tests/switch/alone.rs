//! FreeSWITCH without Kamailio: it asks who rings, and its channels are the calls.

use std::net::UdpSocket;

use crate::lab::house::{House, house_alone};
use crate::lab::phone::Dialled;
use crate::lab::{Call, Manners, Phone, Says, Takes, becomes, eventually, installed, seconds};

/// Bob has two phones that ring together and a third one behind them; alice calls.
pub(crate) struct Town {
    pub(crate) house: House,
    /// The way to the world.
    world: Phone,
    pub(crate) first: Phone,
    pub(crate) second: Phone,
    pub(crate) third: Phone,
}

pub(crate) fn takes(phone: &Phone, takes: Takes) {
    phone.behaves(Manners { takes, ..Manners::default() });
}

pub(crate) fn town(name: &str) -> Town {
    let (house, world) = house_alone(name);
    let [first, second, third] = [(); 3].map(|()| Phone::new(house.lab.ip));
    let daemon = &house.daemon;
    for (account, number) in [("bob", "+493012345"), ("alice", "+49301")] {
        daemon.cli(&format!("account add {account}"));
        daemon.cli(&format!("number add {number} --account {account}"));
    }
    for (name, phone, stage) in [("desk", &first, 1), ("wall", &second, 1), ("late", &third, 2)] {
        let uri = format!("sip:{name}@{}", phone.at);
        daemon.cli(&format!("device add bob {name} --uri {uri} --stage {stage} --ring 3s"));
        takes(phone, Takes::Rings);
    }
    Town { house, world, first, second, third }
}

impl Town {
    /// Alice dials.
    pub(crate) fn dials(&self, number: &str) -> Call {
        let dialled = self.house.phone.dialled(number, self.house.switch.sip);
        self.house.phone.dial(Dialled { from: "<sip:+49301@hp.test>".to_owned(), ..dialled })
    }

    pub(crate) fn logs(&self) -> String {
        format!("{}\n{}", self.house.daemon.log(), self.house.switch.log())
    }

    #[track_caller]
    pub(crate) fn is_told(&self, call: &Call, code: u16) {
        assert_eq!(call.code(seconds(12.0)), code, "{}", self.logs());
    }

    /// Alice talks with bob.
    #[track_caller]
    fn talks(&self) -> Call {
        takes(&self.first, Takes::Answers);
        let call = self.dials("+493012345");
        self.is_told(&call, 200);
        self.is_up();
        call
    }

    #[track_caller]
    fn is_up(&self) {
        let states = || self.house.daemon.calls().into_iter().map(|(_, state)| state).collect();
        becomes(&vec!["up".to_owned()], seconds(5.0), states);
    }

    #[track_caller]
    pub(crate) fn carries(&self, calls: u64) {
        self.house.daemon.carries("bob", calls);
        self.house.daemon.carries("alice", calls);
    }
}

#[test]
fn two_ring_together_and_then_a_third() {
    if !installed() {
        return;
    }
    let town = town("alone-order");
    let call = town.dials("+493012345");
    let (first, second) = (town.first.comes(0, seconds(5.0)), town.second.comes(0, seconds(5.0)));
    assert_eq!(town.third.came(), 0, "{}", town.logs());
    town.carries(1);
    let third = town.third.comes(0, seconds(8.0));
    assert!(first.hung_up(seconds(5.0)) && second.hung_up(seconds(5.0)), "{}", town.logs());
    third.answer(Manners::default());
    town.is_told(&call, 200);
    town.is_up();
    town.carries(1);
    call.bye();
    town.carries(0);
    // Given up while it rings; refused by all.
    let call = town.dials("+493012345");
    town.first.comes(1, seconds(5.0));
    call.cancel();
    town.is_told(&call, 487);
    town.carries(0);
    for phone in [&town.first, &town.second, &town.third] {
        takes(phone, Takes::Refuses(486));
    }
    let call = town.dials("+493012345");
    town.is_told(&call, 486);
    town.carries(0);
}

#[test]
fn a_cap_refuses_as_through_a_proxy() {
    if !installed() {
        return;
    }
    let town = town("alone-cap");
    let daemon = &town.house.daemon;
    daemon.cli("account set bob --max-in 1");
    let call = town.talks();
    let more = town.dials("+493012345");
    town.is_told(&more, 486);
    let reply = more.reply().unwrap();
    assert!(reply.text.contains("Reason: Q.850;cause=17"), "{}", reply.text);
    daemon.cli("account set bob --max-in 9");
    daemon.cli("account set alice --max-out 1");
    let more = town.dials("+493012345");
    town.is_told(&more, 403);
    let reply = more.reply().unwrap();
    assert!(reply.text.contains("Reason: Q.850;cause=21"), "{}", reply.text);
    town.carries(1);
    call.bye();
    town.carries(0);
    let call = town.talks();
    daemon.cli(&format!(
        "call end {}",
        daemon.get("/v1/calls")["items"][0]["call"].as_str().unwrap()
    ));
    assert!(call.hung_up(seconds(5.0)), "{}", town.logs());
    town.carries(0);
}

#[test]
fn the_count_is_right_after_a_kill() {
    if !installed() {
        return;
    }
    let mut town = town("alone-kill");
    let call = town.talks();
    town.house.daemon.kill();
    town.house.starts();
    // Its lists show it: two that miss it would end it, and another call tells when they came.
    let looks = || {
        let metrics = town.house.daemon.get_from("/metrics").unwrap().body;
        let line = metrics.lines().find(|line| line.starts_with("hallporter_looks_total"));
        line.and_then(|line| line.split(' ').next_back()?.parse::<u64>().ok()).unwrap_or_default()
    };
    assert!(eventually(seconds(40.0), || looks() >= 4), "{}", town.logs());
    town.carries(1);
    call.bye();
    town.carries(0);
    // It ends while nobody hears it.
    let call = town.talks();
    town.house.daemon.kill();
    call.bye();
    town.house.starts();
    let free = || town.house.daemon.live("bob") == 0;
    assert!(eventually(seconds(20.0), free), "{}", town.logs());
    // The switch ends.
    let _call = town.talks();
    town.house.switch.kill();
    assert!(eventually(seconds(20.0), free), "{}", town.logs());
}

#[test]
fn strangers_and_emergencies_pass() {
    if !installed() {
        return;
    }
    let mut town = town("alone-pass");
    town.house.daemon.cli("account set alice --max-out 0");
    let call = town.dials("112");
    town.is_told(&call, 200);
    assert_eq!(town.world.came(), 1, "{}", town.logs());
    town.house.daemon.carries("alice", 1);
    call.bye();
    town.house.daemon.carries("alice", 0);
    let call = town.dials("+15550100");
    town.is_told(&call, 403);
    // What could break out of the dialplan goes nowhere.
    town.house.daemon.cli("account set alice --max-out 5");
    for evil in ["112%20XML%20hallporter-pass", "1%24%7Buuid%7D", "1%0A2", "%27,answer:%27"] {
        let call = town.dials(evil);
        town.is_told(&call, 404);
    }
    assert_eq!(town.world.came(), 1);
    // Without a daemon the switch's own files decide.
    town.house.daemon.kill();
    let call = town.dials("112");
    town.is_told(&call, 200);
    assert_eq!(town.world.came(), 2, "{}", town.logs());
    town.house.starts();
    // It was not asked about, and is counted from the first list on.
    let counted = || town.house.daemon.live("alice") == 1;
    assert!(eventually(seconds(10.0), counted), "{}", town.logs());
    call.bye();
    town.house.daemon.carries("alice", 0);
}

#[test]
fn the_mailbox_is_at_the_end() {
    if !installed() {
        return;
    }
    let town = town("alone-mailbox");
    let house = &town.house;
    house.daemon.cli("mailbox add bob --account bob --no-video");
    for (number, (what, cause)) in
        [(Takes::Rings, "no_answer"), (Takes::Refuses(486), "busy")].into_iter().enumerate()
    {
        for phone in [&town.first, &town.second, &town.third] {
            takes(phone, what);
        }
        let call = town.dials("+493012345");
        town.is_told(&call, 200);
        house.hears(&call, cause);
        // A deposit counts for its caller alone.
        house.daemon.carries("alice", 1);
        house.daemon.carries("bob", 0);
        house.says(&call, 1, 700);
        call.bye();
        house.has_messages(number + 1);
        assert_eq!(house.messages()[number].cause, cause);
        town.carries(0);
    }
    house.daemon.cli("account set bob --max-in 0");
    let rang = town.first.came();
    let call = town.dials("+493012345");
    town.is_told(&call, 200);
    house.hears(&call, "at_cap");
    call.bye();
    assert_eq!(town.first.came(), rang);
    town.carries(0);
}

/// Bob registers with these phones.
pub(crate) fn registers(town: &Town, phones: &[&Phone]) {
    let socket = UdpSocket::bind((town.house.lab.ip, 0)).unwrap();
    socket.set_read_timeout(Some(seconds(5.0))).unwrap();
    for (number, phone) in phones.iter().enumerate() {
        let register = format!(
            "REGISTER sip:phones.test SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKr{number}\r\n\
             From: <sip:bob@phones.test>;tag=r{number}\r\nTo: <sip:bob@phones.test>\r\n\
             Call-ID: r{number}@test\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
             Contact: <sip:bob@{at}>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
            me = socket.local_addr().unwrap(),
            at = phone.at,
        );
        socket.send_to(register.as_bytes(), town.house.switch.sip).unwrap();
        let mut reply = [0; 4096];
        let (count, _) = socket.recv_from(&mut reply).unwrap();
        let reply = String::from_utf8_lossy(&reply[..count]).into_owned();
        assert!(reply.starts_with("SIP/2.0 200"), "{reply}\n{}", town.logs());
    }
}

#[test]
fn a_registered_device_rings_wherever_it_is() {
    if !installed() {
        return;
    }
    let town = town("alone-registered");
    let daemon = &town.house.daemon;
    for device in ["desk", "wall", "late"] {
        daemon.cli(&format!("device rm bob {device}"));
    }
    daemon.cli("device add bob any --aor sip:bob@phones.test --stage 1 --ring 3s");
    // Nowhere yet.
    let call = town.dials("+493012345");
    assert!(call.code(seconds(10.0)) >= 480, "{}", town.logs());
    registers(&town, &[&town.first, &town.second]);
    let call = town.dials("+493012345");
    // One list of variables stands before both.
    for phone in [&town.first, &town.second] {
        let rung = phone.comes(0, seconds(5.0));
        assert!(rung.hung_up(seconds(6.0)), "{}", town.logs());
    }
    assert!(call.code(seconds(5.0)) >= 400);
    town.carries(0);
}

/// Rules for bob: his first phone by a key, then his third.
#[track_caller]
pub(crate) fn by_key(house: &House, key: &str) {
    let file = house.lab.dir.join("rules.toml");
    let text = format!(
        "[[rule]]\nring = [{{ devices = [\"group:out\"], for = \"9s\", confirm = \"{key}\" }}, \"late\"]\n\
         mailbox = false\n[group]\nout = [\"group:mobiles\"]\nmobiles = [\"desk\"]\n"
    );
    std::fs::write(&file, text).unwrap();
    house.daemon.cli(&format!("rule set bob {}", file.display()));
}

#[test]
fn a_key_takes_the_call_and_a_voicemail_does_not() {
    if !installed() {
        return;
    }
    let town = town("alone-confirm");
    by_key(&town.house, "7");
    confirms(&town.house, &town.first, &town.third, || town.dials("+493012345"));
    town.carries(0);
}

/// The key connects; another one, none, and a refusal lead on to the next stage.
pub(crate) fn confirms(house: &House, mobile: &Phone, next: &Phone, dials: impl Fn() -> Call) {
    let logs = || format!("{}\n{}", house.daemon.log(), house.switch.log());
    let (rang, before) = (mobile.came(), next.came());
    takes(next, Takes::Answers);
    takes(mobile, Takes::Answers);
    let call = dials();
    let asked = mobile.comes(rang, seconds(8.0));
    house.hears(&asked, "confirm");
    house.hears(&asked, "key_seven");
    assert_eq!(call.code(seconds(0.0)), 0, "it is answered without the key\n{}", logs());
    asked.presses("7");
    assert_eq!(call.code(seconds(5.0)), 200, "{}", logs());
    call.says(Says::Tone(700));
    assert!(asked.hears_loud(asked.loud() + 25, seconds(5.0)), "{}", logs());
    assert_eq!(next.came(), before);
    call.bye();
    assert!(asked.hung_up(seconds(5.0)), "{}", logs());
    // A voicemail answers, and presses nothing, or what it likes.
    for keys in ["", "1"] {
        let number = mobile.came();
        let call = dials();
        let asked = mobile.comes(number, seconds(8.0));
        house.hears(&asked, "confirm");
        if !keys.is_empty() {
            asked.presses(keys);
        }
        assert_eq!(call.code(seconds(14.0)), 200, "{}", logs());
        assert!(asked.hung_up(seconds(5.0)), "{}", logs());
        call.bye();
    }
    assert_eq!(next.came(), before + 2, "{}", logs());
    takes(mobile, Takes::Refuses(486));
    let call = dials();
    assert_eq!(call.code(seconds(8.0)), 200, "{}", logs());
    assert_eq!(next.came(), before + 3, "{}", logs());
    call.bye();
}
