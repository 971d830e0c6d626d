//! Callers and phones in every region. The callers are one program, so that calls of all regions
//! begin in the same instant.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::field::Region;

/// The last byte of the address that callers and phones have in their region.
const PEOPLE: u8 = 20;
/// The phone of each region.
pub(super) const PHONE_PORT: u16 = 5070;
/// A request is sent again when nothing is heard of it.
const REPEAT: Duration = Duration::from_millis(500);
/// So long a final answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Dialled,
    Up,
    Refused,
    HungUp,
    Over,
}

struct Call {
    end: usize,
    called: &'static str,
    state: State,
    heard: bool,
    sent: Instant,
    /// What the answer said: To, and the routes back.
    to: String,
    contact: String,
    routes: Vec<String>,
}

/// What a burst came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    pub(super) admitted: usize,
    pub(super) unanswered: usize,
}

/// A caller's socket and the proxy that it speaks to.
struct End {
    socket: UdpSocket,
    proxy: SocketAddr,
    address: SocketAddr,
}

struct Shared {
    ends: Vec<End>,
    calls: Mutex<BTreeMap<String, Call>>,
    over: AtomicBool,
}

/// All callers and phones of one side.
pub(super) struct Talk {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    dialled: u32,
}

/// Where a region's phone is.
pub(super) fn phone(region: &Region) -> SocketAddr {
    region.at(PEOPLE, PHONE_PORT)
}

impl Talk {
    pub(super) fn new(regions: &[Region], proxies: &[SocketAddr]) -> anyhow::Result<Self> {
        let (mut ends, mut phones) = (Vec::new(), Vec::new());
        for (region, proxy) in regions.iter().zip(proxies) {
            let bind = |port| region.inside(move || UdpSocket::bind(region.at(PEOPLE, port)))?;
            let (socket, phone) = (bind(0)?, bind(PHONE_PORT)?);
            for socket in [&socket, &phone] {
                socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            }
            let address = socket.local_addr()?;
            ends.push(End { socket, proxy: *proxy, address });
            phones.push(phone);
        }
        let count = ends.len();
        let shared =
            Arc::new(Shared { ends, calls: Mutex::default(), over: AtomicBool::new(false) });
        let mut threads = Vec::new();
        for end in 0..count {
            let shared = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || shared.listen(end)));
        }
        for phone in phones {
            let shared = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || shared.answer(&phone)));
        }
        Ok(Self { shared, threads, dialled: 0 })
    }

    /// So many calls in the same instant, in turn from each of these regions; waits until each is
    /// up or refused. Those that are up stay up.
    pub(super) fn burst(&mut self, calls: u32, called: &'static str, from: &[usize]) -> Burst {
        let ids: Vec<String> =
            (0..calls).zip(from.iter().cycle()).map(|(_, end)| self.dial(*end, called)).collect();
        let end = Instant::now() + PATIENCE;
        let of = |state: State| {
            let book = self.shared.book();
            ids.iter().filter(|id| book.get(*id).is_some_and(|call| call.state == state)).count()
        };
        while of(State::Dialled) > 0 && Instant::now() < end {
            self.shared.repeat();
            std::thread::sleep(Duration::from_millis(5));
        }
        Burst { admitted: of(State::Up), unanswered: of(State::Dialled) }
    }

    /// Calls at a pace, each of them hung up after 200 ms; gives how many were up.
    pub(super) fn flow(&mut self, per_s: u32, time: Duration, called: &'static str) -> usize {
        let began = Instant::now();
        let (mut sent, mut up) = (0_u32, Vec::new());
        while began.elapsed() < time {
            let due = u128::from(per_s) * began.elapsed().as_micros() / 1_000_000;
            while u128::from(sent) < due {
                let end = sent as usize % self.shared.ends.len();
                up.push((self.dial(end, called), Instant::now()));
                sent += 1;
            }
            // One that is not up yet has its turn later.
            up.retain(|(id, at): &(String, Instant)| {
                at.elapsed() < Duration::from_millis(200) || !self.shared.hang_up(id)
            });
            self.shared.repeat();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.hang_up_all()
    }

    /// Ends whatever is up, and waits for it; gives how many calls there were since the last time.
    pub(super) fn hang_up_all(&mut self) -> usize {
        let end = Instant::now() + PATIENCE;
        while self.shared.end_all() > 0 && Instant::now() < end {
            self.shared.repeat();
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut book = self.shared.book();
        let were = book.values().filter(|call| call.state == State::Over).count();
        book.clear();
        were
    }

    /// Nobody speaks to the calls that are up any more: their proxy is gone.
    pub(super) fn forget(&mut self) {
        self.shared.book().clear();
    }

    fn dial(&mut self, end: usize, called: &'static str) -> String {
        self.dialled += 1;
        let id = format!("{}-{}-dmq", std::process::id(), self.dialled);
        let call = Call {
            end,
            called,
            state: State::Dialled,
            heard: false,
            sent: Instant::now(),
            to: format!("<sip:{called}@{}>", self.shared.ends[end].proxy),
            contact: String::new(),
            routes: Vec::new(),
        };
        let text = self.shared.ends[end].request("INVITE", 1, &id, &call);
        self.shared.book().insert(id.clone(), call);
        self.shared.ends[end].send(&text);
        id
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl End {
    fn send(&self, text: &str) {
        let _ = self.socket.send_to(text.as_bytes(), self.proxy);
    }

    fn request(&self, method: &str, cseq: u32, id: &str, call: &Call) -> String {
        let Self { proxy, address, .. } = self;
        let within = !call.contact.is_empty();
        let target =
            if within { call.contact.clone() } else { format!("sip:{}@{proxy}", call.called) };
        let routes: String =
            call.routes.iter().rev().map(|route| format!("Route: {route}\r\n")).collect();
        // An ACK of a 2xx is a transaction of its own.
        let branch = if within { format!("{id}-{method}") } else { id.to_owned() };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:somebody@elsewhere.test>;tag=f{id}\r\nTo: {}\r\n\
             Call-ID: {id}\r\nCSeq: {cseq} {method}\r\n{routes}\
             Contact: <sip:somebody@{address}>\r\nContent-Length: 0\r\n\r\n",
            call.to
        )
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, BTreeMap<String, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends again what nobody has answered.
    fn repeat(&self) {
        for (id, call) in self.book().iter_mut() {
            let method = match call.state {
                State::Dialled if !call.heard => ("INVITE", 1),
                State::HungUp => ("BYE", 2),
                State::Dialled | State::Up | State::Refused | State::Over => continue,
            };
            if call.sent.elapsed() > REPEAT {
                call.sent = Instant::now();
                let end = &self.ends[call.end];
                end.send(&end.request(method.0, method.1, id, call));
            }
        }
    }

    fn hang_up(&self, id: &str) -> bool {
        let mut book = self.book();
        let Some(call) = book.get_mut(id).filter(|call| call.state == State::Up) else {
            return false;
        };
        (call.state, call.sent) = (State::HungUp, Instant::now());
        let end = &self.ends[call.end];
        end.send(&end.request("BYE", 2, id, call));
        true
    }

    /// Hangs up whatever is up; gives how many are not over.
    fn end_all(&self) -> usize {
        let ids: Vec<String> = self.book().keys().cloned().collect();
        for id in &ids {
            self.hang_up(id);
        }
        let unfinished = |call: &&Call| matches!(call.state, State::HungUp | State::Dialled);
        self.book().values().filter(unfinished).count()
    }

    /// What callers of one region hear.
    fn listen(&self, end: usize) {
        let end = &self.ends[end];
        let mut packet = vec![0; 65_536];
        while !self.over.load(Ordering::Relaxed) {
            let Ok((count, _)) = end.socket.recv_from(&mut packet) else { continue };
            let Ok(text) = std::str::from_utf8(&packet[..count]) else { continue };
            let Some(code) = text.get(8..11).and_then(|code| code.parse::<u16>().ok()) else {
                continue;
            };
            let id = header(text, "Call-ID:").unwrap_or_default();
            let mut book = self.book();
            let Some(call) = book.get_mut(id) else { continue };
            call.heard = true;
            let invite = header(text, "CSeq:").is_some_and(|cseq| cseq.ends_with("INVITE"));
            match (invite, code) {
                (_, ..200) => {}
                (true, 200..300) => {
                    call.to = header(text, "To:").unwrap_or_default().to_owned();
                    let contact = header(text, "Contact:").unwrap_or_default();
                    call.contact = contact.trim_matches(['<', '>']).to_owned();
                    let routes = text.lines().filter_map(|line| line.strip_prefix("Record-Route:"));
                    call.routes = routes.map(|route| route.trim().to_owned()).collect();
                    if call.state == State::Dialled {
                        call.state = State::Up;
                    }
                    end.send(&end.request("ACK", 1, id, call));
                }
                (true, _) => {
                    call.to = header(text, "To:").unwrap_or_default().to_owned();
                    call.state = State::Refused;
                    end.send(&end.request("ACK", 1, id, call));
                }
                (false, _) => call.state = State::Over,
            }
        }
    }

    /// The phone of a region: it answers whoever calls.
    fn answer(&self, phone: &UdpSocket) {
        let mut packet = vec![0; 65_536];
        while !self.over.load(Ordering::Relaxed) {
            let Ok((count, from)) = phone.recv_from(&mut packet) else { continue };
            let Ok(text) = std::str::from_utf8(&packet[..count]) else { continue };
            if text.starts_with("SIP/2.0") || text.starts_with("ACK ") {
                continue;
            }
            let address = phone.local_addr().map(|own| own.to_string()).unwrap_or_default();
            let mut reply = String::from("SIP/2.0 200 OK\r\n");
            for line in text.lines().take_while(|line| !line.is_empty()) {
                let kept = ["Via:", "From:", "Call-ID:", "CSeq:", "Record-Route:", "To:"];
                if kept.iter().any(|key| line.starts_with(key)) {
                    reply += line;
                    if line.starts_with("To:") && !line.contains(";tag=") {
                        reply += ";tag=phone";
                    }
                    reply += "\r\n";
                }
            }
            reply += &format!("Contact: <sip:phone@{address}>\r\nContent-Length: 0\r\n\r\n");
            let _ = phone.send_to(reply.as_bytes(), from);
        }
    }
}

fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
