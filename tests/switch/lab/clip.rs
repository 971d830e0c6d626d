//! Picture: a clip of four seconds that is sent over and over, as VP8 (RFC 7741) or H.264
//! (RFC 6184), with a key frame every second.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::media::{even, head};
use super::sdp::Codec;

/// Frames a second.
const FRAMES_S: u32 = 15;

/// The most of a frame that goes into one packet.
const PIECE: usize = 1100;

/// Two clips of 60 frames, 176x144, made with
/// `ffmpeg -f lavfi -i testsrc=size=176x144:rate=15 -t 4 -g 15 -b:v 100k` and
/// `-c:v libvpx -error-resilient 1 clip.ivf`, or
/// `-c:v libx264 -profile:v baseline -pix_fmt yuv420p -bf 0 -x264-params slices=1:repeat-headers=1
/// clip.h264`.
const VP8: &[u8] = include_bytes!("../clips/clip.ivf");
const H264: &[u8] = include_bytes!("../clips/clip.h264");

/// The picture of a call.
pub(crate) struct Video {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    pub(crate) port: u16,
}

struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
    heard: AtomicU64,
    frames: AtomicU64,
}

#[derive(Default)]
struct State {
    to: Option<(SocketAddr, Codec, u8)>,
    dark: bool,
    over: bool,
}

impl Video {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let socket = even(ip);
        let port = socket.local_addr().unwrap().port();
        socket.set_nonblocking(true).unwrap();
        let state = Mutex::new(State::default());
        let (heard, frames) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { socket, state, heard, frames });
        let showing = Arc::clone(&shared);
        Self { shared, thread: Some(std::thread::spawn(move || showing.run())), port }
    }

    /// Where to, and as what; `None`: nowhere.
    pub(crate) fn send_to(&self, to: Option<(SocketAddr, Codec, u8)>) {
        self.shared.state().to = to;
    }

    /// Whether nothing is sent though it was agreed upon.
    pub(crate) fn dark(&self, dark: bool) {
        self.shared.state().dark = dark;
    }

    /// Packets of picture that came.
    pub(crate) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::Relaxed)
    }

    /// Frames that were sent.
    pub(crate) fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        self.shared.state().over = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut frame = 0;
        let mut sequence = 0_u16;
        let mut next = Instant::now();
        let mut packet = [0; 2048];
        loop {
            next += Duration::from_secs(1) / FRAMES_S;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            while self.socket.recv(&mut packet).is_ok() {
                self.heard.fetch_add(1, Ordering::Relaxed);
            }
            let state = self.state();
            if state.over {
                return;
            }
            let Some((to, codec, kind)) = state.to.filter(|_| !state.dark) else {
                frame = 0;
                continue;
            };
            drop(state);
            let pieces = codec.clip(frame);
            let at = u32::try_from(frame).unwrap() * (90_000 / FRAMES_S);
            for (number, piece) in pieces.iter().enumerate() {
                sequence = sequence.wrapping_add(1);
                let mut packet = head(kind, number + 1 == pieces.len(), sequence, at, 0x4850_0002);
                packet.extend(piece);
                let _ = self.socket.send_to(&packet, to);
            }
            frame += 1;
            self.frames.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Codec {
    /// The payloads of a frame's packets; after the last frame the first comes again.
    fn clip(self, frame: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Vp8 => {
                let frames = vp8_frames();
                // S bit on the first packet of the frame only: FreeSWITCH drops the frames of
                // those who set it at every partition.
                let pieces = frames[frame % frames.len()].chunks(PIECE).enumerate();
                let put = |(number, piece): (usize, &[u8])| {
                    [&[if number == 0 { 0x10 } else { 0 }], piece].concat()
                };
                pieces.map(put).collect()
            }
            Self::H264 => {
                let frames = h264_frames();
                let units = &frames[frame % frames.len()];
                units.iter().flat_map(|unit| fragments(unit)).collect()
            }
        }
    }
}

/// The frames of an IVF file: 32 bytes, then each with 12 bytes before it.
fn vp8_frames() -> Vec<&'static [u8]> {
    let (mut frames, mut rest) = (Vec::new(), &VP8[32..]);
    while let Some((size, _)) = rest.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap();
        frames.push(&rest[12..12 + size]);
        rest = &rest[12 + size..];
    }
    frames
}

/// The units of each frame of a byte stream (H.264 annex B).
fn h264_frames() -> Vec<Vec<&'static [u8]>> {
    let starts: Vec<usize> =
        H264.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([H264.len()]);
    let (mut frames, mut units) = (Vec::new(), Vec::new());
    for (start, end) in starts.iter().zip(ends) {
        let mut unit = &H264[start + 3..end];
        while let Some(shorter) = unit.strip_suffix(&[0]) {
            unit = shorter;
        }
        units.push(unit);
        // One slice is one frame here; what stands before it belongs to it.
        if matches!(unit[0] & 0x1f, 1 | 5) {
            frames.push(std::mem::take(&mut units));
        }
    }
    frames
}

/// A unit as one packet, or as fragments (FU-A, RFC 6184 §5.8).
fn fragments(unit: &[u8]) -> Vec<Vec<u8>> {
    if unit.len() <= PIECE {
        return vec![unit.to_vec()];
    }
    let (kind, rest) = (unit[0], &unit[1..]);
    let count = rest.len().div_ceil(PIECE);
    let put = |(number, piece): (usize, &[u8])| {
        let start = if number == 0 { 0x80 } else { 0 };
        let end = if number + 1 == count { 0x40 } else { 0 };
        [&[kind & 0x60 | 28, start | end | kind & 0x1f], piece].concat()
    };
    rest.chunks(PIECE).enumerate().map(put).collect()
}

#[test]
fn the_clips_have_sixty_frames() {
    assert_eq!((vp8_frames().len(), h264_frames().len()), (60, 60));
    // A key frame of VP8 has its lowest bit unset; H.264 begins with its parameter sets.
    assert!(vp8_frames()[0][0] & 1 == 0 && vp8_frames()[15][0] & 1 == 0);
    assert_eq!(h264_frames()[0][0][0] & 0x1f, 7);
    assert!(Codec::H264.clip(60).iter().all(|packet| packet.len() <= PIECE + 2));
}
