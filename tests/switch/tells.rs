//! Messages left, and whom rules tell of them: texts and lamps by way of Kamailio, the webhook.

use crate::lab::ear::Ear;
use crate::lab::house::{House, house};
use crate::lab::{Takes, becomes, installed, seconds};
use crate::live::Phone as Told;
use crate::live::{Does, Lab};
use crate::proxy::{Street, street};

struct Place {
    street: Street,
    ear: Ear,
    /// Bob's desk phone and his mobile, which are told.
    desk: Told,
}

fn place(name: &str) -> Place {
    let mut house: House = house(name);
    let ear = Ear::new(house.lab.at(8200));
    house.daemon.terminate();
    house.daemon.set_in("messages", "webhook", &format!("\"http://{}/hook\"", ear.at));
    house.starts();
    let desk = Told::new(house.lab.ip, Does::Refuse(486));
    let street = street(house);
    let daemon = &street.house.daemon;
    for device in ["desk", "mobile"] {
        let uri = desk.uri(device);
        daemon.cli(&format!("device add bob {device} --uri {uri} --stage 2 --ring 2s"));
    }
    Place { street, ear, desk }
}

impl Place {
    fn rules(&self, text: &str) {
        let lab: &Lab = &self.street.house.lab;
        let path = lab.dir.join("rules.toml");
        std::fs::write(&path, text).unwrap();
        self.street.house.daemon.ends(&["rule", "set", "bob", path.to_str().unwrap()], 0);
    }

    /// Somebody calls and leaves a message.
    fn leaves(&self, count: usize) {
        let (street, house) = (&self.street, &self.street.house);
        street.bob.behaves(crate::lab::Manners {
            takes: Takes::Refuses(486),
            ..crate::lab::Manners::default()
        });
        let call = street.call();
        street.answers(&call);
        house.says(&call, 1, 700);
        call.bye();
        house.has_messages(count);
    }

    fn lamps(&self, device: &str) -> Vec<String> {
        let told = self.desk.told("NOTIFY", device).into_iter();
        told.map(|came| {
            assert_eq!(came.header("Event"), Some("message-summary"));
            assert_eq!(came.header("Content-Type"), Some("application/simple-message-summary"));
            assert!(came.header("Subscription-State").unwrap().starts_with("terminated"));
            came.text.split_once("\r\n\r\n").unwrap().1.replace("\r\n", " ")
        })
        .collect()
    }

    fn heard(&self) -> Vec<String> {
        self.ear.heard().iter().map(|told| told["event"].as_str().unwrap().to_owned()).collect()
    }

    fn message(&self, number: usize) -> String {
        let list = self.street.house.daemon.cli_json("message list");
        list[number]["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_message_lights_lamps_and_is_told_of_as_rules_say() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let place = place("tells");
    let daemon = &place.street.house.daemon;
    // Without rules the webhook is told, as ever.
    place.leaves(1);
    becomes(&vec!["message.left".to_owned()], seconds(8.0), || place.heard());
    assert_eq!(place.lamps("desk"), [""; 0]);

    place.rules(
        "[[rule]]\nwhen.kind = \"message\"\nnotify = [[\"lamp:desk\", \"mobile\"], \"webhook\"]\n\
         [[rule]]\nring = [\"phone\"]\n",
    );
    place.leaves(2);
    let two = "Messages-Waiting: yes Voice-Message: 2/0 (0/0) ";
    becomes(&vec![two.to_owned()], seconds(8.0), || place.lamps("desk"));
    becomes(&1, seconds(8.0), || place.desk.told("MESSAGE", "mobile").len());
    let text = &place.desk.told("MESSAGE", "mobile")[0].text;
    assert!(text.contains("\r\n\r\nNew message from +49301 at "), "{text}");
    assert_eq!(place.heard().len(), 1, "somebody has heard it before the webhook's turn");

    // Heard, and deleted: the count goes down, and the lamp out.
    daemon.cli(&format!("message set {} --state heard", place.message(0)));
    let one = "Messages-Waiting: yes Voice-Message: 1/1 (0/0) ".to_owned();
    becomes(&Some(one), seconds(8.0), || place.lamps("desk").pop());
    for _ in 0..2 {
        daemon.cli(&format!("message rm {}", place.message(0)));
    }
    let none = "Messages-Waiting: no Voice-Message: 0/0 (0/0) ".to_owned();
    becomes(&Some(none), seconds(8.0), || place.lamps("desk").pop());
    assert_eq!(place.street.kamailio.mistakes(), [""; 0]);
}

#[test]
fn no_lamp_at_night_and_the_webhook_where_nobody_hears() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let mut place = place("tells-night");
    // It is always night here.
    place.rules(
        "[[rule]]\nwhen = { kind = \"message\", hours = [\"00:00-24:00\"] }\nnotify = []\n\
         [[rule]]\nwhen.kind = \"message\"\nnotify = [\"lamp:desk\"]\n\
         [[rule]]\nring = [\"phone\"]\n",
    );
    place.leaves(1);
    let why = || place.street.house.daemon.cli("notice list");
    assert!(why().contains("no notices"), "{}", why());
    // Neither answers: the webhook, and a stop of the daemon between changes nothing.
    place.rules(
        "[[rule]]\nwhen.kind = \"message\"\nnotify = [[\"lamp:desk\", \"mobile\"], \"webhook\"]\n\
         [[rule]]\nring = [\"phone\"]\n",
    );
    place.desk.says("desk", 404);
    place.desk.says("mobile", 480);
    place.leaves(2);
    becomes(&vec!["message.left".to_owned()], seconds(10.0), || place.heard());
    assert_eq!(place.lamps("desk"), ["Messages-Waiting: yes Voice-Message: 2/0 (0/0) "]);
    let body = &place.ear.heard()[0];
    assert_eq!(body["mailbox"], "bob");
    assert_eq!(body["id"], format!("message.left:{}", body["message"].as_str().unwrap()));
    // Nobody at all, and the daemon dies: it is told when it is back.
    place.rules(
        "[[rule]]\nwhen.kind = \"message\"\nnotify = [\"mobile\"]\n[[rule]]\nring = [\"phone\"]\n",
    );
    place.leaves(3);
    becomes(&2, seconds(8.0), || place.desk.told("MESSAGE", "mobile").len());
    place.street.house.daemon.kill();
    place.desk.says("mobile", 200);
    place.street.house.starts();
    becomes(&3, seconds(20.0), || place.desk.told("MESSAGE", "mobile").len());
    let told = || {
        place.street.house.daemon.get("/v1/notices?state=told")["items"].as_array().unwrap().len()
    };
    becomes(&3, seconds(5.0), told);
}

#[test]
fn a_lamp_that_is_dark_at_night_is_lit_in_the_morning() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let mut place = place("tells-morning");
    // The night ends between one minute from now and two.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let clock = |at: u64| format!("{:02}:{:02}", at / 3600 % 24, at / 60 % 60);
    let (begins, ends) = (clock(now - 7200), clock(now + 120));
    place.rules(&format!(
        "zone = \"UTC\"\n[[rule]]\n\
         when = {{ kind = \"message\", hours = [\"{begins}-{ends}\"] }}\nnotify = []\n\
         [[rule]]\nwhen.kind = \"message\"\nnotify = [\"lamp:desk\"]\n\
         [[rule]]\nring = [\"phone\"]\n"
    ));
    place.leaves(1);
    place.leaves(2);
    let list = || place.street.house.daemon.cli_json("notice list").as_array().unwrap().clone();
    let waiting = list();
    assert_eq!(waiting.len(), 1, "one for the whole night: {waiting:?}");
    assert_eq!((&waiting[0]["kind"], &waiting[0]["attempts"]), (&"lamps".into(), &0.into()));
    assert_eq!(place.lamps("desk"), [""; 0]);
    place.street.house.daemon.kill();
    place.street.house.starts();
    let two = "Messages-Waiting: yes Voice-Message: 2/0 (0/0) ".to_owned();
    becomes(&vec![two], seconds(130.0), || place.lamps("desk"));
}

#[test]
fn a_call_that_leaves_nothing_is_told_of_as_missed() {
    if !installed() || !crate::live::installed() {
        return;
    }
    let place = place("tells-missed");
    place.rules(
        "[[rule]]\nwhen.kind = \"missed\"\nnotify = [[\"desk\", \"webhook\"]]\n\
         [[rule]]\nring = [\"phone\"]\n",
    );
    let (street, house) = (&place.street, &place.street.house);
    street.bob.behaves(crate::lab::Manners {
        takes: Takes::Refuses(486),
        ..crate::lab::Manners::default()
    });
    let call = street.call();
    street.answers(&call);
    house.hears(&call, "busy");
    call.bye();
    becomes(&1, seconds(15.0), || place.desk.told("MESSAGE", "desk").len());
    becomes(&vec!["call.missed".to_owned()], seconds(8.0), || place.heard());
    assert_eq!(place.ear.heard()[0]["reason"], "nothing_said");
    // Without a mailbox in between: null stands for it.
    house.daemon.cli("mailbox set bob --disabled");
    let call = street.call();
    assert_eq!(call.code(seconds(12.0)), 486);
    becomes(&2, seconds(10.0), || place.heard().len());
    let body = &place.ear.heard()[1];
    assert!(body["mailbox"].is_null() && body["message"].is_null(), "{body}");
    assert_eq!((&body["reason"], &body["cause"]), (&"not_answered".into(), &"busy".into()));
    assert_eq!(body["caller"]["shown"], "+49301");
}
