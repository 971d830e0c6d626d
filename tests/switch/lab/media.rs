//! RTP as a telephone sends and hears it: 20 ms of sound in each packet (RFC 3550, RFC 3551),
//! keys as named events (RFC 4733).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::g711;
use super::wav::num;

/// The length of a packet.
const PACKET: Duration = Duration::from_millis(20);

/// Samples in a packet.
const SAMPLES: u32 = 160;

/// A packet louder than this is no silence.
const LOUD: u32 = 200;

/// The most sound that is kept: two minutes.
const HEARD_MAX: usize = 8000 * 120;

/// What comes out of a phone's microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// No packets at all.
    Nothing,
    /// Packets of silence.
    Silence,
    /// A tone of this pitch in Hz: what is told apart in a recording.
    Tone(u16),
}

/// The sound of a call.
pub(crate) struct Media {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    pub(crate) port: u16,
}

struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
    news: Condvar,
}

/// What a phone has said and heard.
pub(crate) struct State {
    pub(crate) to: Option<SocketAddr>,
    pub(crate) key_type: u8,
    says: Says,
    keys: VecDeque<char>,
    /// Packets sent with a tone.
    pub(crate) said: u64,
    /// Packets heard.
    pub(crate) packets: u64,
    /// Packets heard that are no silence.
    pub(crate) loud: u64,
    /// When the first of them came.
    pub(crate) first_loud: Option<Instant>,
    /// What was heard, in µ-law, in the order of its arrival.
    pub(crate) heard: Vec<u8>,
    over: bool,
}

impl Media {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let socket = even(ip);
        let port = socket.local_addr().unwrap().port();
        let state = State {
            to: None,
            key_type: 101,
            says: Says::Silence,
            keys: VecDeque::new(),
            said: 0,
            packets: 0,
            loud: 0,
            first_loud: None,
            heard: Vec::new(),
            over: false,
        };
        let shared = Arc::new(Shared { socket, state: Mutex::new(state), news: Condvar::new() });
        let talking = Arc::clone(&shared);
        Self { shared, thread: Some(std::thread::spawn(move || talking.run())), port }
    }

    /// Where to, and how keys are numbered there.
    pub(crate) fn send_to(&self, to: Option<SocketAddr>, key_type: u8) {
        let mut state = self.shared.state();
        (state.to, state.key_type) = (to, key_type);
    }

    pub(crate) fn says(&self, says: Says) {
        self.shared.state().says = says;
    }

    /// Keys, one after the other; each for 100 ms, with 100 ms behind it.
    pub(crate) fn press(&self, keys: &str) {
        self.shared.state().keys.extend(keys.chars());
    }

    /// Waits until it is as it should be.
    pub(crate) fn once<T>(
        &self,
        within: Duration,
        look: impl Fn(&State) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + within;
        let mut state = self.shared.state();
        loop {
            if let Some(found) = look(&state) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            let waited = self.shared.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes something of what is known now.
    pub(crate) fn now<T>(&self, look: impl Fn(&State) -> T) -> T {
        look(&self.shared.state())
    }
}

impl State {
    /// No key is being pressed any more.
    pub(crate) fn pressed(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.shared.state().over = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// RTP has even ports (RFC 3550 §11), with RTCP above them.
pub(super) fn even(ip: IpAddr) -> UdpSocket {
    loop {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        if socket.local_addr().unwrap().port().is_multiple_of(2) {
            return socket;
        }
    }
}

/// The head of a packet.
pub(super) fn head(kind: u8, mark: bool, sequence: u16, at: u32, source: u32) -> Vec<u8> {
    let mut packet = vec![0x80, kind | if mark { 0x80 } else { 0 }];
    packet.extend(sequence.to_be_bytes());
    packet.extend(at.to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet
}

/// Payload type and payload of a packet.
pub(super) fn payload(packet: &[u8]) -> Option<(u8, &[u8])> {
    let (first, kind) = (*packet.first()?, *packet.get(1)? & 0x7f);
    let from = 12 + 4 * usize::from(first & 0x0f);
    (first >> 6 == 2 && first & 0x10 == 0).then_some(())?;
    Some((kind, packet.get(from..)?))
}

/// What the sender has in hand.
struct Pen {
    sequence: u16,
    at: u32,
    phase: f64,
    /// The key that is pressed: its number, how many packets of it were sent, when it began.
    key: Option<(u8, u16, u32)>,
}

/// Packets of a pressed key, and of its end, and silence behind it.
const KEY_PACKETS: [u16; 3] = [5, 8, 10];

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut pen = Pen { sequence: 1, at: 160, phase: 0.0, key: None };
        let mut next = Instant::now();
        loop {
            next += PACKET;
            self.listen(next);
            let mut state = self.state();
            if state.over {
                return;
            }
            if let Some(to) = state.to
                && let Some(packet) = pen.packet(&mut state)
            {
                let _ = self.socket.send_to(&packet, to);
            }
            pen.at = pen.at.wrapping_add(SAMPLES);
            self.news.notify_all();
        }
    }

    fn listen(&self, until: Instant) {
        let mut packet = [0; 2048];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let left = left.max(Duration::from_micros(100));
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok(count) = self.socket.recv(&mut packet) else { continue };
            let Some((kind, payload)) = payload(&packet[..count]) else { continue };
            let mut state = self.state();
            state.packets += 1;
            if kind == 0 {
                if g711::loudness(payload) > LOUD {
                    state.loud += 1;
                    state.first_loud.get_or_insert_with(Instant::now);
                }
                if state.heard.len() < HEARD_MAX {
                    state.heard.extend_from_slice(payload);
                }
            }
            self.news.notify_all();
        }
    }
}

impl Pen {
    /// The next packet, if there is something to send.
    fn packet(&mut self, state: &mut State) -> Option<Vec<u8>> {
        if self.key.is_none()
            && let Some(key) = state.keys.front()
        {
            self.key = Some((number(*key), 0, self.at));
        }
        if let Some((key, sent, began)) = self.key {
            let [hold, end, all] = KEY_PACKETS;
            self.key = (sent + 1 < all).then_some((key, sent + 1, began));
            if self.key.is_none() {
                state.keys.pop_front();
            }
            if sent < end {
                let last = if sent >= hold { 0x80 } else { 0 };
                let length = 160 * (sent + 1).min(hold);
                let mut packet = self.head(state.key_type, sent == 0, began);
                packet.extend([key, last | 10]);
                packet.extend(length.to_be_bytes());
                return Some(packet);
            }
        }
        let hz = match state.says {
            Says::Nothing => return None,
            Says::Silence => None,
            Says::Tone(hz) => Some(f64::from(hz)),
        };
        state.said += u64::from(hz.is_some());
        let mut packet = self.head(0, false, self.at);
        for _ in 0..SAMPLES {
            let sample = hz.map_or(0, |hz| {
                self.phase += std::f64::consts::TAU * hz / 8000.0;
                num(8000.0 * self.phase.sin())
            });
            packet.push(g711::coded(sample));
        }
        Some(packet)
    }

    fn head(&mut self, kind: u8, mark: bool, at: u32) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        head(kind, mark, self.sequence, at, 0x4850_0001)
    }
}

/// RFC 4733 §3.2.
fn number(key: char) -> u8 {
    match key {
        '*' => 10,
        '#' => 11,
        _ => u8::try_from(key.to_digit(10).expect("a key of a telephone")).unwrap(),
    }
}
