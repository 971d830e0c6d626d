//! The SIP side of the load: a caller and a called phone, both raw UDP in this process, so that
//! one clock sees an INVITE leave and arrive.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::dataset;

const NEVER: u32 = u32::MAX;
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.12.1\r\ns=-\r\nc=IN IP4 127.0.12.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Times of one call in microseconds since the round began.
struct Call {
    sent: AtomicU32,
    forwarded: AtomicU32,
    over: AtomicU32,
}

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many a second, whatever happens.
    PerSecond(u32),
    /// The next when one is over, so many at a time.
    AtOnce(u32),
}

/// One round of calls.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) pace: Pace,
    pub(crate) time: Duration,
    pub(crate) proxy: SocketAddr,
    pub(crate) accounts: u32,
    /// Makes Call-IDs that no other round has.
    pub(crate) series: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: usize,
    /// Calls whose caller has heard the end of them.
    pub(crate) over: usize,
    /// Microseconds from INVITE to forwarded INVITE, sorted.
    pub(crate) forwarded_us: Vec<u32>,
    /// From the first INVITE to the end of the sending.
    pub(crate) time: Duration,
}

struct Shared {
    calls: Vec<Call>,
    began: Instant,
    stop: AtomicBool,
    over: AtomicU32,
    caller: UdpSocket,
    phone: UdpSocket,
    round: Round,
}

/// Calls, and waits for the last answers. `phone` is where the devices of all accounts are.
pub(crate) fn call(round: Round, phone: SocketAddr) -> anyhow::Result<Outcome> {
    let caller = UdpSocket::bind((crate::place::HOST, 0))?;
    let phone = UdpSocket::bind(phone)?;
    for socket in [&caller, &phone] {
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    }
    let seconds = u32::try_from(round.time.as_secs())?;
    let most = match round.pace {
        Pace::PerSecond(rate) => rate * seconds,
        Pace::AtOnce(_) => 20_000 * seconds,
    };
    let new = |_| Call {
        sent: AtomicU32::new(NEVER),
        forwarded: AtomicU32::new(NEVER),
        over: AtomicU32::new(NEVER),
    };
    let shared = Arc::new(Shared {
        calls: (0..most).map(new).collect(),
        began: Instant::now(),
        stop: AtomicBool::new(false),
        over: AtomicU32::new(0),
        caller,
        phone,
        round,
    });
    let answering = Arc::clone(&shared);
    let ringing = Arc::clone(&shared);
    let threads = [
        std::thread::spawn(move || answering.listen()),
        std::thread::spawn(move || ringing.ring()),
    ];
    let (sent, time) = shared.send();
    let patience = Instant::now() + Duration::from_secs(3);
    while (shared.over.load(Ordering::Relaxed) as usize) < sent && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    shared.stop.store(true, Ordering::Relaxed);
    for thread in threads {
        let _ = thread.join();
    }
    Ok(shared.outcome(sent, time))
}

impl Shared {
    fn now_us(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_micros()).unwrap_or(NEVER - 1)
    }

    fn send(&self) -> (usize, Duration) {
        let mut sent = 0;
        while self.began.elapsed() < self.round.time && sent < self.calls.len() {
            let due = match self.round.pace {
                Pace::PerSecond(rate) => {
                    let due = u128::from(rate) * self.began.elapsed().as_micros() / 1_000_000;
                    usize::try_from(due).unwrap_or(usize::MAX)
                }
                Pace::AtOnce(many) => (self.over.load(Ordering::Relaxed) + many) as usize,
            };
            while sent < due.min(self.calls.len()) {
                let invite = self.invite(sent);
                self.calls[sent].sent.store(self.now_us(), Ordering::Relaxed);
                let _ = self.caller.send_to(invite.as_bytes(), self.round.proxy);
                sent += 1;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        (sent, self.began.elapsed())
    }

    fn head(&self, method: &str, index: usize, to_tag: &str) -> String {
        let Round { accounts, series, proxy, .. } = self.round;
        let call = u32::try_from(index).unwrap_or(NEVER);
        let callee = dataset::number(call.wrapping_mul(7919).wrapping_add(1) % accounts);
        let (caller, here) = (dataset::name(call % accounts), self.here());
        format!(
            "{method} sip:{callee}@{proxy} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};branch=z9hG4bK-{series:x}-{index}\r\n\
             From: \"Alice Example\" <sip:{caller}@{proxy}>;tag=t{index}\r\n\
             To: <sip:{callee}@{proxy}>{to_tag}\r\n\
             Call-ID: {series:08x}-{index}-4c1d@127.0.12.1\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
        )
    }

    fn here(&self) -> String {
        self.caller.local_addr().map(|here| here.to_string()).unwrap_or_default()
    }

    fn invite(&self, index: usize) -> String {
        format!(
            "{}Contact: <sip:alice@{}>\r\nUser-Agent: load\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{SDP}",
            self.head("INVITE", index, ""),
            self.here(),
            SDP.len()
        )
    }

    /// The caller: acknowledges what ends a call.
    fn listen(&self) {
        let mut buffer = [0; 8192];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = self.caller.recv_from(&mut buffer) else { continue };
            let Ok(text) = std::str::from_utf8(&buffer[..length]) else { continue };
            let code: u16 = text.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(0);
            if code < 300 {
                continue;
            }
            let Some(index) = index_of(text, self.round.series) else { continue };
            let tag = header(text, "To:").and_then(|to| to.split_once(";tag=")).map(|(_, tag)| tag);
            let tag = format!(";tag={}", tag.unwrap_or_default());
            let ack = format!("{}Content-Length: 0\r\n\r\n", self.head("ACK", index, &tag));
            let _ = self.caller.send_to(ack.as_bytes(), from);
            if self.calls[index].over.swap(self.now_us(), Ordering::Relaxed) == NEVER {
                self.over.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The phone: busy, whoever calls.
    fn ring(&self) {
        let mut buffer = [0; 8192];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = self.phone.recv_from(&mut buffer) else { continue };
            let now_us = self.now_us();
            let Ok(text) = std::str::from_utf8(&buffer[..length]) else { continue };
            if !text.starts_with("INVITE ") {
                continue;
            }
            let Some(index) = index_of(text, self.round.series) else { continue };
            let first = &self.calls[index].forwarded;
            let _ = first.compare_exchange(NEVER, now_us, Ordering::Relaxed, Ordering::Relaxed);
            let mut busy = String::from("SIP/2.0 486 Busy Here\r\n");
            for line in text.lines().take_while(|line| !line.is_empty()) {
                if ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|key| line.starts_with(key)) {
                    busy.push_str(line);
                    busy.push_str("\r\n");
                } else if line.starts_with("To:") {
                    busy.push_str(line);
                    busy.push_str(";tag=phone\r\n");
                }
            }
            busy.push_str("Content-Length: 0\r\n\r\n");
            let _ = self.phone.send_to(busy.as_bytes(), from);
        }
    }

    fn outcome(&self, sent: usize, time: Duration) -> Outcome {
        let mut forwarded_us: Vec<u32> = self
            .calls
            .iter()
            .filter_map(|call| {
                let arrived = call.forwarded.load(Ordering::Relaxed);
                let left = call.sent.load(Ordering::Relaxed);
                (arrived != NEVER).then(|| arrived.saturating_sub(left))
            })
            .collect();
        forwarded_us.sort_unstable();
        Outcome { sent, over: self.over.load(Ordering::Relaxed) as usize, forwarded_us, time }
    }
}

fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The number of the call, if it is of this round.
fn index_of(text: &str, series: u32) -> Option<usize> {
    let mut parts = header(text, "Call-ID:")?.split('-');
    let ours = parts.next().and_then(|part| u32::from_str_radix(part, 16).ok()) == Some(series);
    parts.next().filter(|_| ours)?.parse().ok()
}
