//! A caller's line: many calls at once over one UDP socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::dial::Dial;
use super::leg::{Leg, REPEAT};
use super::sip::{Message, bytes};
use super::{DOMAIN, seconds, unique};

/// How long an answer to a request of the other end is on its way.
const DISTANCE: Duration = Duration::from_millis(20);

/// A line towards one proxy.
pub(crate) struct Line {
    shared: Arc<Shared>,
    ear: Option<JoinHandle<()>>,
}

/// The same line for one more thread.
#[derive(Clone)]
pub(crate) struct Extension(Arc<Shared>);

struct Shared {
    socket: UdpSocket,
    proxy: SocketAddr,
    calls: Mutex<Book>,
    news: Condvar,
}

#[derive(Default)]
struct Book {
    calls: BTreeMap<String, Leg>,
    over: bool,
}

/// A handle to one call.
#[derive(Clone)]
pub(crate) struct Call {
    shared: Arc<Shared>,
    pub(crate) id: String,
}

impl Line {
    pub(crate) fn new(ip: IpAddr, proxy: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let calls = Mutex::new(Book::default());
        let shared = Arc::new(Shared { socket, proxy, calls, news: Condvar::new() });
        let hearing = Arc::clone(&shared);
        Self { shared, ear: Some(std::thread::spawn(move || hearing.listen())) }
    }

    pub(crate) fn dial(&self, dial: Dial) -> Call {
        self.extension().dial(dial)
    }

    pub(crate) fn extension(&self) -> Extension {
        Extension(Arc::clone(&self.shared))
    }

    /// Sends bytes as they are.
    pub(crate) fn blurt(&self, text: &str) {
        self.shared.send(text);
    }

    /// Registers a user at a contact, for ten minutes.
    #[track_caller]
    pub(crate) fn register(&self, user: &str, contact: &str) {
        self.registers(user, &format!("Contact: <{contact}>\r\nExpires: 600\r\n"));
    }

    /// Takes all contacts of a user out.
    #[track_caller]
    pub(crate) fn unregister(&self, user: &str) {
        self.registers(user, "Contact: *\r\nExpires: 0\r\n");
    }

    #[track_caller]
    fn registers(&self, user: &str, contact: &str) {
        let (socket, me) = (&self.shared.socket, self.shared.me());
        let own = UdpSocket::bind((socket.local_addr().unwrap().ip(), 0)).unwrap();
        own.set_read_timeout(Some(seconds(3.0))).unwrap();
        let via = own.local_addr().unwrap();
        let text = format!(
            "REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch={}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{DOMAIN}>;tag=r\r\nTo: <sip:{user}@{DOMAIN}>\r\n\
             Call-ID: {}\r\nCSeq: 1 REGISTER\r\n{contact}Content-Length: 0\r\n\r\n",
            unique("z9hG4bK"),
            unique(&me)
        );
        own.send_to(&bytes(&text), self.shared.proxy).unwrap();
        let mut packet = [0; 4096];
        let count = own.recv(&mut packet).expect("no answer to REGISTER");
        assert_eq!(Message::read(&packet[..count]).code(), Some(200));
    }
}

impl Extension {
    pub(crate) fn dial(&self, dial: Dial) -> Call {
        let id = dial.call_id.clone();
        let leg = Leg::new(dial);
        let request = leg.invite(&self.0.me());
        self.0.book().calls.insert(id.clone(), leg);
        self.0.send(&request);
        Call { shared: Arc::clone(&self.0), id }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.book().over = true;
        if let Some(ear) = self.ear.take() {
            let _ = ear.join();
        }
    }
}

impl Shared {
    fn me(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn send(&self, text: &str) {
        self.socket.send_to(&bytes(text), self.proxy).unwrap();
    }

    fn listen(&self) {
        let mut packet = vec![0; 65_536];
        loop {
            let read = self.socket.recv_from(&mut packet);
            let mut book = self.book();
            if book.over {
                return;
            }
            if let Ok((count, from)) = read {
                let message = Message::read(&packet[..count]);
                if let Some(leg) = book.calls.get_mut(message.call_id()) {
                    let asked = message.code().is_none();
                    let answer = leg.hear(message, &self.me());
                    if asked {
                        // A phone at a distance. Kamailio's dlg.end_dlg sends the second BYE only
                        // if the first is not answered yet, and here that takes microseconds.
                        std::thread::sleep(DISTANCE);
                    }
                    if let Some(answer) = answer {
                        let _ = self.socket.send_to(&bytes(&answer), from);
                    }
                }
                self.news.notify_all();
            }
            self.repeat(&mut book);
        }
    }

    fn repeat(&self, book: &mut Book) {
        let me = self.me();
        for leg in book.calls.values_mut() {
            if leg.heard.is_empty() && leg.settled.is_none() && leg.sent.elapsed() > REPEAT {
                leg.sent = Instant::now();
                self.send(&leg.invite(&me));
            }
            if let Some((request, sent)) = &mut leg.pending
                && sent.elapsed() > REPEAT
            {
                *sent = Instant::now();
                self.send(request);
            }
        }
    }
}

impl Call {
    /// Waits until the call is as it should be, and takes something of it.
    fn once<T>(&self, within: Duration, look: impl Fn(&Leg) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        let mut book = self.shared.book();
        loop {
            if let Some(found) = look(&book.calls[&self.id]) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            book = self.shared.news.wait_timeout(book, left).unwrap().0;
        }
    }

    /// The final reply.
    pub(crate) fn settled(&self, within: Duration) -> Option<Message> {
        self.once(within, |leg| leg.settled.as_ref().map(|(_, message)| message.clone()))
    }

    /// The code of the final reply; 0 if there is none in time.
    pub(crate) fn code(&self, within: Duration) -> u16 {
        self.settled(within).and_then(|message| message.code()).unwrap_or_default()
    }

    /// The final reply, which must have this code.
    #[track_caller]
    pub(crate) fn ends_with(&self, code: u16) -> Message {
        let Some(reply) = self.settled(seconds(10.0)) else { panic!("no final reply") };
        assert_eq!(reply.code(), Some(code), "{}", reply.text);
        reply
    }

    /// How long the final reply took.
    pub(crate) fn took(&self) -> Duration {
        let book = self.shared.book();
        let leg = &book.calls[&self.id];
        leg.settled.as_ref().expect("no final reply yet").0 - leg.began
    }

    /// When it was dialled.
    pub(crate) fn began(&self) -> Instant {
        self.shared.book().calls[&self.id].began
    }

    /// Waits until the proxy has taken it.
    #[track_caller]
    pub(crate) fn is_tried(&self) {
        let heard = |leg: &Leg| leg.heard.first().map(|_| ());
        assert!(self.once(seconds(1.0), heard).is_some(), "the proxy says nothing");
    }

    /// Waits until it rings somewhere.
    #[track_caller]
    pub(crate) fn rings(&self) {
        self.rings_at(1);
    }

    /// Waits until so many phones have said that they ring: a branch that has said nothing is not
    /// cancelled before it does (RFC 3261 §9.1).
    #[track_caller]
    pub(crate) fn rings_at(&self, phones: usize) {
        let rung = |leg: &Leg| {
            let rings = leg.heard.iter().filter(|(_, m)| m.code() == Some(180)).count();
            (rings >= phones).then_some(())
        };
        assert!(self.once(seconds(5.0), rung).is_some(), "it does not ring at {phones}");
    }

    /// Waits until the proxy says that it waits for somebody who is being woken.
    #[track_caller]
    pub(crate) fn waits(&self) {
        let told = |leg: &Leg| leg.heard.iter().find(|(_, m)| m.code() == Some(182)).map(|_| ());
        assert!(self.once(seconds(3.0), told).is_some(), "the proxy waits for nobody");
    }

    pub(crate) fn cancel(&self) {
        let me = self.shared.me();
        let mut book = self.shared.book();
        let leg = book.calls.get_mut(&self.id).unwrap();
        let to = leg.to();
        let text = leg.top("CANCEL", leg.cseq, &leg.dial.to, &me, &leg.branch, &to)
            + "Content-Length: 0\r\n\r\n";
        leg.pending = Some((text.clone(), Instant::now()));
        self.shared.send(&text);
    }

    /// Asks something within the dialog, and waits for the code of the reply.
    fn ask(&self, method: &str) -> u16 {
        let cseq = {
            let me = self.shared.me();
            let mut book = self.shared.book();
            let leg = book.calls.get_mut(&self.id).unwrap();
            leg.cseq += 1;
            let text = leg.within(method, leg.cseq, &me).expect("the call is not up");
            leg.pending = Some((text.clone(), Instant::now()));
            self.shared.send(&text);
            format!("{} {method}", leg.cseq)
        };
        let replied = |leg: &Leg| {
            let of = leg.heard.iter().filter(|(_, m)| m.header("CSeq") == Some(&cseq));
            of.filter_map(|(_, message)| message.code()).find(|code| *code >= 200)
        };
        self.once(seconds(5.0), replied).unwrap_or_default()
    }

    /// Hangs up.
    #[track_caller]
    pub(crate) fn bye(&self) {
        assert_eq!(self.ask("BYE"), 200, "BYE of {}", self.id);
    }

    /// A re-INVITE, as for hold.
    pub(crate) fn hold(&self) -> u16 {
        self.ask("INVITE")
    }

    /// Whether the other end, or the proxy, has hung up.
    pub(crate) fn hung_up(&self, within: Duration) -> bool {
        let bye = |leg: &Leg| leg.asked.iter().find(|m| m.method() == "BYE").map(|_| ());
        self.once(within, bye).is_some()
    }
}
