//! What people change with their own phones: star codes through a real Kamailio.

use crate::lab::kamailio::Kamailio;
use crate::lab::kamailio::Setup;
use crate::lab::{DOMAIN, Daemon, Dial, Does, Lab, Line, Phone, installed, seconds};

const CODES: [(&str, &str); 8] = [
    ("forward_all", "*21*"),
    ("no_forward_all", "#21#"),
    ("forward_busy", "*67*"),
    ("forward_no_answer", "*61*"),
    ("dnd", "*26#"),
    ("no_dnd", "#26#"),
    ("here", "*20#"),
    ("not_here", "#20#"),
];

fn with_codes(daemon: &Daemon) {
    for (key, code) in CODES {
        daemon.set(key, &format!("\"{code}\""));
    }
}

/// An account with a desk and a soft phone, which may forward to German numbers.
struct House {
    daemon: Daemon,
    kamailio: Kamailio,
    phone: Phone,
    gateway: Phone,
    line: Line,
}

fn house(name: &str) -> House {
    let lab = Lab::new(name);
    let gateway = Phone::at(lab.at(5099), Does::Answer);
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    daemon.set("pstn_gateway", &format!("\"{}\"", gateway.at));
    // A closed network: a phone is who its From says.
    daemon.set("trust_from", "true");
    with_codes(&daemon);
    daemon.start();
    let kamailio = Setup::asking(&daemon).gateway(gateway.at).start(&lab);
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    daemon.cli("account add alice --max-calls 1");
    daemon.cli("number add +49301 --account alice");
    for device in ["desk", "soft"] {
        daemon.cli(&format!("device add alice {device} --aor sip:{device}@{DOMAIN} --ring 2s"));
        daemon.cli(&format!("number add {device}@{DOMAIN} --account alice"));
        line.register(device, &phone.uri(device));
    }
    daemon.cli("care set alice --may all --place +49");
    House { daemon, kamailio, phone, gateway, line }
}

impl House {
    /// Somebody dials a star code on one of the phones; what he reads.
    #[track_caller]
    fn dials(&self, device: &str, code: &str, told: u16) -> String {
        let from = format!("<sip:{device}@{DOMAIN}>");
        let code = code.replace('#', "%23");
        let call = self.line.dial(Dial::to(&code).from(&from));
        let last = call.ends_with(told);
        self.daemon.carries("alice", 0);
        last.first_line().splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
    }

    /// A stranger calls; who rings.
    #[track_caller]
    fn rings(&self, code: u16) -> Vec<String> {
        let call = self.line.dial(Dial::to("+49301"));
        call.ends_with(code);
        if code == 200 {
            call.bye();
        }
        self.daemon.carries("alice", 0);
        let mut rung: Vec<String> = self
            .phone
            .got("INVITE", &call.id)
            .iter()
            .map(|got| got.message.user().to_owned())
            .collect();
        rung.extend(
            self.gateway.got("INVITE", &call.id).iter().map(|got| got.message.user().to_owned()),
        );
        rung.sort();
        rung
    }
}

#[test]
fn a_phone_says_that_it_is_not_to_be_disturbed() {
    if !installed() {
        return;
    }
    let house = house("star-dnd");
    house.phone.does("soft", Does::Ring);
    assert_eq!(house.rings(200), ["desk", "soft"]);
    assert_eq!(house.dials("soft", "*26#", 480), "Do not disturb is on");
    assert_eq!(house.rings(200), ["desk"]);
    assert_eq!(house.dials("soft", "*26#", 480), "Do not disturb is on");
    assert_eq!(house.dials("soft", "#26#", 480), "Do not disturb is off");
    assert_eq!(house.rings(200), ["desk", "soft"]);
    house.daemon.cli("care set alice --may off");
    assert_eq!(house.dials("soft", "*26#", 403), "Your account does not allow this");
    assert_eq!(house.rings(200), ["desk", "soft"]);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn calls_go_where_somebody_has_sent_them() {
    if !installed() {
        return;
    }
    let house = house("star-forward");
    house.phone.does("soft", Does::Ring);
    assert_eq!(house.dials("desk", "*21*0171123456", 480), "All calls are forwarded");
    assert_eq!(house.rings(200), ["+49171123456"]);
    assert_eq!(
        house.dials("desk", "*21*0043123456", 403),
        "Your account does not allow that number"
    );
    assert_eq!(house.dials("desk", "*21*112", 403), "Your account does not allow that number");
    assert_eq!(house.rings(200), ["+49171123456"]);
    assert_eq!(house.dials("desk", "#21#", 480), "Calls are not forwarded any more");
    assert_eq!(house.rings(200), ["desk", "soft"]);
    // Busy and unanswered calls go to places of their own.
    house.dials("desk", "*67*0171111111", 480);
    house.dials("desk", "*61*0171222222", 480);
    house.phone.all_do(Does::Refuse(486));
    house.phone.does("soft", Does::Refuse(486));
    assert_eq!(house.rings(200), ["+49171111111", "desk", "soft"]);
    house.phone.all_do(Does::Ring);
    house.phone.does("soft", Does::Ring);
    assert_eq!(house.rings(200), ["+49171222222", "desk", "soft"]);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn calls_ring_here_alone() {
    if !installed() {
        return;
    }
    let house = house("star-here");
    house.phone.does("soft", Does::Ring);
    assert_eq!(house.dials("desk", "*20#", 480), "Calls ring here alone");
    assert_eq!(house.rings(200), ["desk"]);
    assert_eq!(house.dials("soft", "#20#", 480), "Calls do not ring here alone any more");
    assert_eq!(house.rings(200), ["desk", "soft"]);
    // A stranger's star is a number of nobody.
    let stranger = house.line.dial(Dial::to("*20%23"));
    assert_eq!(stranger.code(seconds(5.0)), 404);
    assert_eq!(house.rings(200), ["desk", "soft"]);
    assert_eq!(house.kamailio.mistakes(), [""; 0]);
}

#[test]
fn who_has_proved_himself_is_heard_and_nobody_else() {
    if !installed() {
        return;
    }
    let lab = Lab::new("star-auth");
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    with_codes(&daemon);
    daemon.start();
    let kamailio = Setup::asking(&daemon).with_auth(&["alice"]).start(&lab);
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    daemon.customer("alice", "", "+49301", &phone.uri("desk"));
    let dials = |dial: Dial, code: u16| {
        let call = line.dial(dial);
        call.ends_with(code);
        call.id.clone()
    };
    for stranger in [Dial::to("*26%23"), Dial::to("*26%23").from("<sip:alice@elsewhere.test>")] {
        dials(stranger, 404);
    }
    let call = line.dial(Dial::to("+49301"));
    call.ends_with(200);
    call.bye();
    let id = dials(Dial::to("*26%23").by("alice"), 480);
    let why = daemon.ends(&["why", &id], 0);
    assert!(why.contains("star code *26#, dialled by device"), "{why}");
    dials(Dial::to("+49301"), 480);
    dials(Dial::to("%2326%23").by("alice"), 480);
    let call = line.dial(Dial::to("+49301"));
    call.ends_with(200);
    call.bye();
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
