//! From Kamailio to the mailbox: why the call comes there, and for whom it counts.

use crate::lab::house::{House, house};
use crate::lab::phone::Dialled;
use crate::lab::{Call, Manners, Phone, Takes, eventually, installed, seconds};
use crate::live::kamailio::{Kamailio, Setup};

/// Alice, who may have one call, calls bob through Kamailio.
pub(crate) struct Street {
    pub(crate) house: House,
    pub(crate) kamailio: Kamailio,
    /// Bob's phone.
    pub(crate) bob: Phone,
}

pub(crate) fn street(house: House) -> Street {
    street_with(house, |setup| setup)
}

/// The same with a Kamailio that is set up further.
pub(crate) fn street_with(house: House, further: impl FnOnce(Setup) -> Setup) -> Street {
    let switch = house.switch.sip.to_string().replace('.', "[.]");
    let setup = Setup::asking(&house.daemon)
        .set("HP_DEAD_PHONE_MS 2000")
        .set(&format!("HP_SWITCHES \"^{switch}$\""));
    let kamailio = further(setup).start(&house.lab);
    let bob = Phone::new(house.lab.ip);
    let daemon = &house.daemon;
    daemon.cli(&format!("device add bob phone --uri sip:bob@{} --ring 2s", bob.at));
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add +49301 --account alice");
    daemon.cli(&format!("device add alice phone --uri sip:alice@{} --ring 20s", house.phone.at));
    Street { house, kamailio, bob }
}

impl Street {
    /// A phone calls a number in somebody's name.
    pub(crate) fn dials(&self, phone: &Phone, from: &str, to: &str) -> Call {
        let proxy = self.house.lab.sip();
        let dialled = phone.dialled(to, proxy);
        phone.dial(Dialled { from: format!("<sip:{from}@hp.test>"), ..dialled })
    }

    /// Alice calls bob.
    pub(crate) fn call(&self) -> Call {
        self.dials(&self.house.phone, "+49301", "+493012345")
    }

    #[track_caller]
    pub(crate) fn answers(&self, call: &Call) {
        let house = &self.house;
        let code = call.code(seconds(12.0));
        assert_eq!(code, 200, "{}\n{}", house.daemon.log(), self.kamailio.log());
    }

    fn takes(&self, takes: Takes) {
        self.bob.behaves(Manners { takes, ..Manners::default() });
    }
}

#[test]
fn the_greeting_says_why_and_only_the_caller_is_counted() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street(house("deposit-proxy"));
    let house = &street.house;
    let causes = [
        (Takes::Rings, "no_answer"),
        (Takes::Refuses(486), "busy"),
        (Takes::Refuses(603), "declined"),
        (Takes::Refuses(404), "unreachable"),
    ];
    for (count, (takes, cause)) in (1..).zip(causes) {
        street.takes(takes);
        let call = street.call();
        street.answers(&call);
        house.hears(&call, cause);
        house.says(&call, 1, 700);
        house.daemon.carries("alice", 1);
        house.daemon.carries("bob", 0);
        call.bye();
        house.has_messages(count);
        assert_eq!(house.messages()[count - 1].cause, cause);
        house.daemon.carries("alice", 0);
    }
    // At his cap, without his phone being asked.
    house.daemon.cli("account set bob --max-in 0");
    let rang = street.bob.came();
    let call = street.call();
    street.answers(&call);
    house.hears(&call, "at_cap");
    house.says(&call, 1, 700);
    call.bye();
    house.has_messages(5);
    assert_eq!(house.messages()[4].cause, "at_cap");
    assert_eq!(street.bob.came(), rang);
    assert_eq!(street.kamailio.mistakes(), [""; 0]);
}

#[test]
fn without_a_switch_the_caller_hears_what_the_phones_said() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let mut street = street(house("deposit-proxy-dead"));
    street.house.switch.kill();
    street.takes(Takes::Refuses(486));
    let call = street.call();
    assert_eq!(call.code(seconds(12.0)), 486, "{}", street.kamailio.log());
    let free = || street.house.daemon.live("alice") == 0;
    assert!(eventually(seconds(10.0), free));
}

#[test]
fn a_key_takes_the_call_behind_kamailio_too() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street(house("confirm-proxy"));
    let (house, next) = (&street.house, Phone::new(street.house.lab.ip));
    let daemon = &house.daemon;
    daemon.cli("device rm bob phone");
    daemon.cli(&format!("device add bob desk --uri sip:desk@{} --ring 9s", street.bob.at));
    daemon.cli(&format!("device add bob late --uri sip:late@{} --ring 9s", next.at));
    crate::alone::by_key(house, "7");
    crate::alone::confirms(house, &street.bob, &next, || {
        daemon.carries("alice", 0);
        street.call()
    });
    daemon.carries("alice", 0);
    daemon.carries("bob", 0);
    assert_eq!(street.kamailio.mistakes(), [""; 0]);
}
