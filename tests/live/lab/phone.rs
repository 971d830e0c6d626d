//! Phones: one UDP socket, any number of users, each with its own manners.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::seconds;
use super::sip::{Message, bytes};

/// What a phone does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// It rings until it is cancelled or told to answer.
    Ring,
    /// It rings and is answered at once.
    Answer,
    /// It rings and is answered after so many milliseconds.
    AnswerAfter(u64),
    /// It refuses at once.
    Refuse(u16),
    /// It says nothing at all.
    Nothing,
}

/// A request that a phone got.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) message: Message,
    from: SocketAddr,
}

/// A phone.
pub(crate) struct Phone {
    pub(crate) at: SocketAddr,
    shared: Arc<Shared>,
    ear: Option<JoinHandle<()>>,
}

struct Shared {
    socket: UdpSocket,
    desk: Mutex<Desk>,
    news: Condvar,
}

struct Desk {
    does: Does,
    users: BTreeMap<String, Does>,
    /// How other requests to a user are answered, if not by 200; 0: not at all.
    says: BTreeMap<String, u16>,
    got: Vec<Got>,
    /// INVITEs without a final reply, by branch, with the time of answering.
    open: BTreeMap<String, (Got, Option<Instant>)>,
    /// How many stood open at once, at most.
    open_most: usize,
    over: bool,
}

impl Phone {
    pub(crate) fn new(ip: IpAddr, does: Does) -> Self {
        Self::at(SocketAddr::new(ip, 0), does)
    }

    /// One at a place that was told to others already.
    pub(crate) fn at(at: SocketAddr, does: Does) -> Self {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let at = socket.local_addr().unwrap();
        let desk = Desk {
            does,
            users: BTreeMap::new(),
            says: BTreeMap::new(),
            got: Vec::new(),
            open: BTreeMap::new(),
            open_most: 0,
            over: false,
        };
        let shared = Arc::new(Shared { socket, desk: Mutex::new(desk), news: Condvar::new() });
        let hearing = Arc::clone(&shared);
        Self { at, shared, ear: Some(std::thread::spawn(move || hearing.listen())) }
    }

    /// The URI of one of its users.
    pub(crate) fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.at)
    }

    /// Says how calls to one user are handled.
    pub(crate) fn does(&self, user: &str, does: Does) {
        self.shared.desk().users.insert(user.to_owned(), does);
    }

    /// Says how texts and the like to one user are answered; 0: not at all.
    pub(crate) fn says(&self, user: &str, code: u16) {
        self.shared.desk().says.insert(user.to_owned(), code);
    }

    /// All requests of a method to one user, in whatever call, each once.
    pub(crate) fn told(&self, method: &str, user: &str) -> Vec<Message> {
        let desk = self.shared.desk();
        let (mut seen, mut told) = (std::collections::BTreeSet::new(), Vec::new());
        for got in &desk.got {
            let message = &got.message;
            let it = message.method() == method && message.user() == user;
            if it && seen.insert(message.branch().to_owned()) {
                told.push(message.clone());
            }
        }
        told
    }

    /// Says how all other calls are handled.
    pub(crate) fn all_do(&self, does: Does) {
        self.shared.desk().does = does;
    }

    /// All requests of a method in a call, in order.
    pub(crate) fn got(&self, method: &str, call_id: &str) -> Vec<Got> {
        let desk = self.shared.desk();
        let of = desk.got.iter().filter(|got| got.message.call_id() == call_id);
        of.filter(|got| got.message.method() == method).cloned().collect()
    }

    /// Waits for so many requests of a method in a call.
    #[track_caller]
    pub(crate) fn gets(&self, method: &str, call_id: &str, count: usize) -> Vec<Got> {
        let end = Instant::now() + seconds(8.0);
        loop {
            let got = self.got(method, call_id);
            if got.len() >= count {
                return got;
            }
            let left = end.checked_duration_since(Instant::now());
            let Some(left) = left else {
                panic!("{} of {count} {method} of {call_id} at the phone", got.len())
            };
            let desk = self.shared.desk();
            drop(self.shared.news.wait_timeout(desk, left.min(seconds(0.05))).unwrap());
        }
    }

    /// Calls that ring here now: their Call-IDs.
    pub(crate) fn ringing(&self) -> Vec<String> {
        let desk = self.shared.desk();
        desk.open.values().map(|(got, _)| got.message.call_id().to_owned()).collect()
    }

    /// How many INVITEs stood open here at the same time, at most, since this was last asked.
    pub(crate) fn open_most(&self) -> usize {
        let mut desk = self.shared.desk();
        let now = desk.open.len();
        std::mem::replace(&mut desk.open_most, now)
    }

    /// Picks up a call that rings.
    pub(crate) fn answer(&self, call_id: &str) {
        self.settle(call_id, 200);
    }

    /// Refuses a call that rings.
    pub(crate) fn refuse(&self, call_id: &str, code: u16) {
        self.settle(call_id, code);
    }

    /// Refuses everything that rings.
    pub(crate) fn refuse_all(&self, code: u16) {
        for call_id in self.ringing() {
            self.settle(&call_id, code);
        }
    }

    /// One of its users picks up a call that rings there.
    pub(crate) fn answer_as(&self, user: &str, call_id: &str) {
        let mut desk = self.shared.desk();
        let of =
            |(got, _): &&(Got, _)| got.message.call_id() == call_id && got.message.user() == user;
        let branch = desk.open.values().find(of).map(|(got, _)| got.message.branch().to_owned());
        let branch = branch.unwrap_or_else(|| panic!("{call_id} does not ring at {user}"));
        self.shared.finish(&mut desk, &branch, 200);
    }

    fn settle(&self, call_id: &str, code: u16) {
        let mut desk = self.shared.desk();
        let of = |(got, _): &&(Got, _)| got.message.call_id() == call_id;
        let branch = desk.open.values().find(of).map(|(got, _)| got.message.branch().to_owned());
        let branch = branch.unwrap_or_else(|| panic!("{call_id} does not ring here"));
        self.shared.finish(&mut desk, &branch, code);
    }

    /// Hangs up a call that was answered here.
    pub(crate) fn bye(&self, call_id: &str) {
        let invite = self.got("INVITE", call_id).pop().expect("there was no such call");
        let message = &invite.message;
        let [from, to] = ["From", "To"].map(|name| message.header(name).unwrap());
        let branch = super::unique("z9hG4bK");
        let mut text = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch}\r\nMax-Forwards: 70\r\n",
            message.contact().unwrap(),
            self.at
        );
        for route in message.headers("Record-Route") {
            text += &format!("Route: {route}\r\n");
        }
        text += &format!(
            "From: {to};tag={}\r\nTo: {from}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\n\
             Content-Length: 0\r\n\r\n",
            tag(message)
        );
        self.shared.send(&text, invite.from);
    }

    /// Forgets what it has heard.
    pub(crate) fn forget(&self) {
        self.shared.desk().got.clear();
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.shared.desk().over = true;
        if let Some(ear) = self.ear.take() {
            let _ = ear.join();
        }
    }
}

fn tag(invite: &Message) -> String {
    format!("p{}", invite.branch().replace(|c: char| !c.is_ascii_alphanumeric(), ""))
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, text: &str, to: SocketAddr) {
        let _ = self.socket.send_to(&bytes(text), to);
    }

    fn listen(&self) {
        let mut packet = vec![0; 65_536];
        loop {
            let read = self.socket.recv_from(&mut packet);
            let mut desk = self.desk();
            if desk.over {
                return;
            }
            if let Ok((count, from)) = read {
                let message = Message::read(&packet[..count]);
                self.hear(&mut desk, Got { at: Instant::now(), message, from });
                self.news.notify_all();
            }
            let now = Instant::now();
            let due = |(_, at): &(Got, Option<Instant>)| at.is_some_and(|at| at <= now);
            let due: Vec<String> = desk
                .open
                .iter()
                .filter(|(_, open)| due(open))
                .map(|(key, _)| key.clone())
                .collect();
            for branch in due {
                self.finish(&mut desk, &branch, 200);
            }
        }
    }

    fn hear(&self, desk: &mut Desk, got: Got) {
        if got.message.code().is_some() {
            return;
        }
        match got.message.method() {
            "INVITE" => self.invited(desk, &got),
            "CANCEL" => {
                self.send(&got.message.reply("200 OK", "", ""), got.from);
                let branch = got.message.branch().to_owned();
                if desk.open.contains_key(&branch) {
                    self.finish(desk, &branch, 487);
                }
            }
            "ACK" => {}
            _ => match desk.says.get(got.message.user()).copied().unwrap_or(200) {
                0 => {}
                code => {
                    let line = format!("{code} As Told");
                    self.send(&got.message.reply(&line, "t", ""), got.from);
                }
            },
        }
        desk.got.push(got);
    }

    fn invited(&self, desk: &mut Desk, got: &Got) {
        let branch = got.message.branch().to_owned();
        let again =
            desk.got.iter().rev().take(2000).any(|before| {
                before.message.method() == "INVITE" && before.message.branch() == branch
            });
        if again {
            return;
        }
        if got.message.header("To").is_some_and(|to| to.contains(";tag=")) {
            // Within a dialog: hold, or a refreshed session.
            return self.send(&got.message.reply("200 OK", "", &self.contact()), got.from);
        }
        let does = desk.users.get(got.message.user()).copied().unwrap_or(desk.does);
        let (code, answer) = match does {
            Does::Ring => (180, None),
            Does::Answer => (180, Some(Instant::now())),
            Does::AnswerAfter(ms) => (180, Some(Instant::now() + Duration::from_millis(ms))),
            Does::Refuse(code) => (code, None),
            Does::Nothing => return,
        };
        let line = format!("{code} As Told");
        self.send(&got.message.reply(&line, &tag(&got.message), &self.contact()), got.from);
        if code == 180 {
            desk.open.insert(branch.clone(), (got.clone(), answer));
            desk.open_most = desk.open_most.max(desk.open.len());
            if answer.is_some_and(|at| at <= Instant::now()) {
                self.finish(desk, &branch, 200);
            }
        }
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:phone@{}>\r\n", self.socket.local_addr().unwrap())
    }

    fn finish(&self, desk: &mut Desk, branch: &str, code: u16) {
        let Some((got, _)) = desk.open.remove(branch) else { return };
        let line = format!("{code} As Told");
        self.send(&got.message.reply(&line, &tag(&got.message), &self.contact()), got.from);
    }
}
