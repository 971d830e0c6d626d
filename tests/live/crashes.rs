//! kill -9 at random instants under load: afterwards every count is what the proxy says.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::lab::kamailio::{Kamailio, Setup};
use crate::lab::{
    Call, Daemon, Dial, Dice, Does, Lab, Line, Phone, becomes, eventually, installed, seconds,
    whole_machine,
};

/// How often the daemon is killed; HALLPORTER_ROUNDS says otherwise.
const ROUNDS: usize = 15;
const CAP: usize = 4;
const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// Traffic between three accounts, some of it beyond their caps.
struct Traffic {
    dice: Dice,
    kamailio: Kamailio,
    phone: Phone,
    line: Line,
    /// Calls that were dialled and not ended, with their accounts.
    calls: BTreeMap<String, (Call, [&'static str; 2])>,
}

#[test]
fn after_kill_9_under_load_every_count_is_right_and_no_right_is_lost() {
    if !installed() {
        return;
    }
    let _machine = whole_machine();
    let lab = Lab::new("crashes");
    let mut daemon = Daemon::init(&lab, "porter", 8170);
    daemon.set("trust_from", "true");
    daemon.start();
    let mut traffic = traffic(&lab, &daemon);
    let rounds = std::env::var("HALLPORTER_ROUNDS").ok().and_then(|text| text.parse().ok());
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let before = 20 + traffic.dice.roll(80);
        traffic.runs(before);
        daemon.kill();
        let meanwhile = traffic.dice.roll(30);
        traffic.runs(meanwhile);
        daemon.start();
        let after = traffic.dice.roll(40);
        traffic.runs(after);
        traffic.comes_to_rest();
        traffic.agrees_with(&daemon, round);
    }
    traffic.ends_all();
    for name in PEOPLE {
        daemon.carries(name, 0);
        let fits = traffic.how_many_fit(name);
        assert_eq!(fits, CAP, "of a burst to {name}");
        daemon.carries(name, 0);
    }
    assert_eq!(daemon.calls(), []);
}

fn traffic(lab: &Lab, daemon: &Daemon) -> Traffic {
    let (phone, line) = (lab.phone(Does::Answer), lab.line());
    let setup = Setup::asking(daemon).set("HP_DEADLINE_MS 950").gateway(phone.at);
    let kamailio = setup.start(lab);
    for (name, does) in PEOPLE.iter().zip([Does::Answer, Does::AnswerAfter(40), Does::Ring]) {
        let number = number(name);
        daemon.customer(name, &format!("--max-calls {CAP}"), &number, &phone.uri(name));
        daemon.cli(&format!("number add {name}@hp.test --account {name}"));
        phone.does(name, does);
    }
    Traffic { dice: Dice::new(), kamailio, phone, line, calls: BTreeMap::new() }
}

fn number(name: &str) -> String {
    format!("+4930{}", name.as_bytes()[0])
}

impl Traffic {
    /// So many things happen: somebody calls, hangs up, gives up.
    fn runs(&mut self, count: u64) {
        for _ in 0..count {
            if self.dice.roll(100) < 55 && self.calls.len() < 40 {
                self.dial();
            } else if !self.calls.is_empty() {
                let which = self.dice.roll(self.calls.len() as u64) as usize;
                let id = self.calls.keys().nth(which).unwrap().clone();
                self.end(&id);
            }
            // A few milliseconds for Kamailio; also what makes the instants random.
            let pause = self.dice.roll(12) as f64 / 1000.0;
            std::thread::sleep(seconds(pause));
        }
    }

    fn dial(&mut self) {
        let [from, to] = [(); 2].map(|()| PEOPLE[self.dice.roll(3) as usize]);
        let dial = Dial::to(&number(to)).from(&format!("<sip:{from}@hp.test>"));
        let call = self.line.dial(dial);
        self.calls.insert(call.id.clone(), (call, [from, to]));
    }

    /// Ends a call as its state allows; refused ones are forgotten.
    fn end(&mut self, id: &str) {
        let (call, _) = self.calls.remove(id).unwrap();
        match call.code(seconds(0.0)) {
            200 => call.bye(),
            0 => {
                call.is_tried();
                call.cancel();
                // It may have been answered in the same instant.
                if call.code(seconds(5.0)) == 200 {
                    call.bye();
                }
            }
            _ => {}
        }
    }

    /// What rings is answered, until nothing is on its way any more.
    fn comes_to_rest(&mut self) {
        let deadline = Instant::now() + seconds(10.0);
        while let Some((call, _)) =
            self.calls.values().find(|(call, _)| call.code(seconds(0.0)) == 0)
        {
            assert!(Instant::now() < deadline, "{} does not settle", call.id);
            if self.phone.ringing().contains(&call.id) {
                self.phone.answer(&call.id);
            }
            call.code(seconds(0.1));
        }
        self.calls.retain(|_, (call, _)| call.code(seconds(0.0)) == 200);
    }

    /// The daemon, Kamailio and the callers think the same.
    #[track_caller]
    fn agrees_with(&self, daemon: &Daemon, round: usize) {
        let ids: Vec<String> = self.calls.keys().cloned().collect();
        becomes(&ids, seconds(3.0), || self.kamailio.calls());
        let up: Vec<_> = ids.iter().map(|id| (id.clone(), "up".to_owned())).collect();
        becomes(&up, seconds(6.0), || daemon.calls());
        for name in PEOPLE {
            let of = self.calls.values().filter(|(_, ends)| ends.contains(&name)).count();
            assert_eq!(daemon.live(name), of as u64, "{name} in round {round}");
        }
        println!("round {round}: {} calls up", ids.len());
    }

    fn ends_all(&mut self) {
        let ids: Vec<String> = self.calls.keys().cloned().collect();
        ids.iter().for_each(|id| self.end(id));
    }

    /// How many of twenty calls in the same instant are admitted.
    fn how_many_fit(&self, name: &str) -> usize {
        self.phone.does(name, Does::Ring);
        let calls: Vec<Call> = (0..20).map(|_| self.line.dial(Dial::to(&number(name)))).collect();
        let refused = || calls.iter().filter(|call| call.code(seconds(0.0)) == 486).count();
        let all = || refused() + self.phone.ringing().len() == calls.len();
        assert!(eventually(seconds(5.0), all), "{} refused", refused());
        let fit = self.phone.ringing().len();
        self.phone.refuse_all(486);
        assert!(calls.iter().all(|call| call.code(seconds(5.0)) == 486));
        fit
    }
}
