//! Through a Kamailio that asks for passwords: the switch may call and write to phones that have
//! registered there, nobody else may in its name.

use std::net::{SocketAddr, UdpSocket};

use crate::lab::house::house;
use crate::lab::phone::Dialled;
use crate::lab::{Call, Codec, Manners, Phone, Says, Takes, VideoOffered, installed, seconds};
use crate::live::kamailio::{PASSWORD, Setup};
use crate::live::sip::{Message, bytes};
use crate::live::{DOMAIN, digest, unique};
use crate::proxy::{Street, street_with};
use crate::video::{films, ready, sends, shows, with_ways_and};

fn guarded(setup: Setup) -> Setup {
    setup.with_auth(&["alice", "bob"])
}

/// Sends a request that belongs to no call, and gives the final reply.
#[track_caller]
fn asks(from: &UdpSocket, proxy: SocketAddr, line: &str, user: &str, rest: &str) -> Message {
    let me = from.local_addr().unwrap();
    let (method, _) = line.split_once(' ').unwrap();
    let text = format!(
        "{line} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch={}\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@{DOMAIN}>;tag={}\r\nTo: <sip:{user}@{DOMAIN}>\r\nCall-ID: {}\r\n\
         CSeq: 1 {method}\r\n{rest}Content-Length: 0\r\n\r\n",
        unique("z9hG4bK"),
        unique("tag"),
        unique("other"),
    );
    from.send_to(&bytes(&text), proxy).unwrap();
    let mut packet = vec![0; 65_536];
    loop {
        let (count, _) = from.recv_from(&mut packet).expect("a reply");
        let message = Message::read(&packet[..count]);
        if message.code().is_some_and(|code| code >= 200) {
            return message;
        }
    }
}

fn credentials(user: &str, challenge: (&Message, &str), line: &str) -> String {
    let (challenge, header) = challenge;
    let nonce = challenge.quoted(header, "nonce").expect("a challenge");
    let response = digest::answer(user, DOMAIN, PASSWORD, &nonce, &line.replacen(' ', ":", 1));
    let uri = line.split_once(' ').unwrap().1;
    format!(
        "Digest username=\"{user}\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\"\r\n"
    )
}

fn ear(street: &Street) -> UdpSocket {
    let ear = UdpSocket::bind((street.house.lab.ip, 0)).unwrap();
    ear.set_read_timeout(Some(seconds(8.0))).unwrap();
    ear
}

impl Street {
    /// A phone registers with its password.
    #[track_caller]
    fn registers(&self, phone: &Phone, user: &str) {
        let (ear, proxy) = (ear(self), self.house.lab.sip());
        let line = format!("REGISTER sip:{DOMAIN}");
        let contact = format!("Contact: <sip:{user}@{}>\r\nExpires: 600\r\n", phone.at);
        let challenge = asks(&ear, proxy, &line, user, &contact);
        let proof = credentials(user, (&challenge, "WWW-Authenticate"), &line);
        let rest = format!("{contact}Authorization: {proof}");
        assert_eq!(asks(&ear, proxy, &line, user, &rest).code(), Some(200));
    }

    /// A phone calls a number, and proves whose it is.
    fn proves(&self, phone: &Phone, user: &str, from: &str, to: &str) -> Call {
        let asked = self.dials(phone, from, to);
        assert_eq!(asked.code(seconds(8.0)), 407);
        let challenge = asked.reply().unwrap();
        let proxy = self.house.lab.sip();
        let dialled = phone.dialled(to, proxy);
        let line = format!("INVITE {}", dialled.uri);
        let proof = credentials(user, (&challenge, "Proxy-Authenticate"), &line);
        let (from, extra) =
            (format!("<sip:{from}@hp.test>"), format!("Proxy-Authorization: {proof}"));
        phone.dial(Dialled { from, extra, ..dialled })
    }

    /// Alice, registered, calls bob.
    #[track_caller]
    fn alice_calls(&self) -> Call {
        self.registers(&self.house.phone, "alice");
        let call = self.proves(&self.house.phone, "alice", "+49301", "+493012345");
        self.answers(&call);
        call
    }
}

#[test]
fn who_registered_is_called_with_video_in_the_permit_of_his_call() {
    if !ready() {
        return;
    }
    let street = with_ways_and("doors-callback", r#"["callback"]"#, guarded);
    let house = &street.house;
    shows(&street, VideoOffered::Shows(Codec::H264));
    house.phone.behaves(Manners {
        takes: Takes::Rings,
        video: VideoOffered::Shows(Codec::H264),
        ..Manners::default()
    });
    let call = street.alice_calls();
    house.hears(&call, "offer_video");
    call.presses("2");
    assert!(call.hung_up(seconds(15.0)), "{}", house.daemon.log());
    let called = house.phone.comes(0, seconds(10.0));
    // Her cap is 1, and it is taken while it rings.
    house.daemon.carries("alice", 1);
    let second = Phone::new(house.lab.ip);
    let other = street.proves(&second, "alice", "+49301", "+493012345");
    assert_eq!(other.code(seconds(8.0)), 403, "a second call");
    called.answer(Manners { video: VideoOffered::Shows(Codec::H264), ..Manners::default() });
    films(house, &called, 1);
    house.daemon.carries("alice", 1);
    sends(house, &called);
    house.has_messages(1);
    house.daemon.carries("alice", 0);
    // Who does not answer frees it, too.
    house.phone.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    let call = street.alice_calls();
    house.hears(&call, "offer_video");
    call.presses("2");
    assert!(call.hung_up(seconds(15.0)));
    house.daemon.carries("alice", 0);
    assert_eq!(street.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_link_goes_through_the_proxy_and_its_outcome_is_known() {
    if !ready() {
        return;
    }
    let street = with_ways_and("doors-link", r#"["link"]"#, guarded);
    let house = &street.house;
    let call = street.alice_calls();
    house.hears(&call, "offer_video");
    call.presses("2");
    assert!(house.phone.text("Your video message: ", seconds(10.0)).is_some());
    house.hears(&call, "video_link");
    assert!(call.hung_up(seconds(10.0)));
    house.daemon.carries("alice", 0);
    // Refused, and not answered: sound can be left.
    for text_code in [404, 0] {
        house.phone.behaves(Manners { text_code, ..Manners::default() });
        let call = street.alice_calls();
        house.hears(&call, "offer_video");
        call.presses("2");
        house.hears(&call, "video_failed");
        call.bye();
        house.daemon.carries("alice", 0);
    }
    assert_eq!(street.kamailio.mistakes(), [""; 0]);
}

#[test]
fn a_text_within_the_call_switches_through_the_proxy() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = with_ways_and("doors-wish", r#"["callback"]"#, guarded);
    let house = &street.house;
    shows(&street, VideoOffered::Shows(Codec::H264));
    let call = street.alice_calls();
    house.hears(&call, "offer_video");
    call.presses("1");
    house.says(&call, 1, 700);
    assert_eq!(call.asks("MESSAGE", "text/plain", "video"), 202);
    house.hears(&call, "video_hang_up");
    let called = house.phone.comes(0, seconds(15.0));
    films(house, &called, 2);
    called.bye();
    house.has_messages(1);
    assert_eq!(house.messages()[0].parts.len(), 2);
}

#[test]
fn who_calls_back_proves_himself_and_is_connected() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street_with(house("doors-bridge"), guarded);
    let house = &street.house;
    street.bob.behaves(Manners { takes: Takes::Refuses(486), ..Manners::default() });
    let call = street.alice_calls();
    house.says(&call, 1, 700);
    let back = street.proves(&street.bob, "bob", "+493012345", "+49301");
    house.hears(&call, "callback_offer");
    call.presses("1");
    street.answers(&back);
    call.says(Says::Tone(700));
    assert!(back.hears_loud(50, seconds(10.0)), "they do not talk");
    back.bye();
    house.hears(&call, "callback_over");
    call.bye();
    house.has_messages(1);
    house.daemon.carries("alice", 0);
    house.daemon.carries("bob", 0);
}

#[test]
fn only_the_switch_comes_without_a_password_and_only_to_phones() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let street = street_with(house("doors-stranger"), guarded);
    let (house, proxy) = (&street.house, street.house.lab.sip());
    street.registers(&house.phone, "alice");
    let phone = house.phone.at;
    let stranger = ear(&street);
    let contact = format!("Contact: <sip:x@{}>\r\n", stranger.local_addr().unwrap());
    let code = |line: &str, user: &str| asks(&stranger, proxy, line, user, &contact).code();
    // In the name of our domain, from another port of the switch's own address.
    assert_eq!(code(&format!("INVITE sip:alice@{phone}"), "bob"), Some(407));
    assert_eq!(code(&format!("MESSAGE sip:alice@{phone}"), "bob"), Some(407));
    assert_eq!(code(&format!("MESSAGE sip:alice@{DOMAIN}"), "bob"), Some(407));
    assert_eq!(house.phone.came(), 0);
    assert!(house.phone.text("", seconds(0.3)).is_none());
    // The switch itself, to where no phone has registered.
    let esl = house.switch.esl();
    let send = |to: &str| {
        esl.api(&format!(
            "chat sip|hallporter@{}|hallporter/sip:{to}|hello|text/plain",
            house.lab.ip
        ))
    };
    assert_eq!(send(&format!("alice@{proxy};hp_to={phone}")), "Sent");
    assert_eq!(send(&format!("alice@{proxy}")), "Sent", "by her name");
    for nobody in [format!("alice@{proxy};hp_to={}", street.bob.at), format!("carol@{proxy}")] {
        assert!(send(&nobody).contains("Not Sent"), "{nobody}");
    }
    assert!(street.bob.text("", seconds(0.3)).is_none());
}
