//! Star codes and forwards where a FreeSWITCH asks who rings.

use crate::lab::house::house_alone;
use crate::lab::phone::Dialled;
use crate::lab::{Manners, Phone, Takes, becomes, installed, seconds};

#[test]
fn phones_change_their_own_list_without_a_proxy() {
    if !installed() {
        return;
    }
    let (mut house, world) = house_alone("alone-stars");
    for (key, code) in [("forward_all", "*21*"), ("no_forward_all", "#21#"), ("dnd", "*26#")] {
        house.daemon.set(key, &format!("\"{code}\""));
    }
    house.daemon.set("pstn_gateway", &format!("\"{}\"", world.at));
    house.daemon.process().signal("HUP");
    becomes(&true, seconds(5.0), || house.daemon.log().contains("was taken anew"));
    let desk = Phone::new(house.lab.ip);
    for (account, number) in [("bob", "+493012345"), ("alice", "+49301")] {
        house.daemon.cli(&format!("account add {account}"));
        house.daemon.cli(&format!("number add {number} --account {account}"));
    }
    let uri = format!("sip:desk@{}", desk.at);
    house.daemon.cli(&format!("device add bob desk --uri {uri} --ring 3s"));
    house.daemon.cli("care set bob --may all --place +49");
    for phone in [&desk, &world] {
        phone.behaves(Manners { takes: Takes::Answers, ..Manners::default() });
    }
    let dials = |from: &str, number: &str, code: u16| {
        let dialled = house.phone.dialled(number, house.switch.sip);
        let from = format!("<sip:{from}@hp.test>");
        let call = house.phone.dial(Dialled { from, ..dialled });
        let told = call.code(seconds(12.0));
        assert_eq!(told, code, "{number}\n{}\n{}", house.daemon.log(), house.switch.log());
        if code == 200 {
            call.bye();
        }
        house.daemon.carries("bob", 0);
        house.daemon.carries("alice", 0);
    };
    dials("+49301", "+493012345", 200);
    assert_eq!((desk.came(), world.came()), (1, 0));
    dials("+493012345", "*21*0171123456", 480);
    dials("+49301", "+493012345", 200);
    assert_eq!((desk.came(), world.came()), (1, 1));
    dials("+493012345", "*21*0088299", 403);
    dials("+493012345", "%2321%23", 480);
    dials("+49301", "+493012345", 200);
    assert_eq!((desk.came(), world.came()), (2, 1));
    dials("+493012345", "*26%23", 480);
    dials("+49301", "+493012345", 480);
    assert_eq!((desk.came(), world.came()), (2, 1));
}
