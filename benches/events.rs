//! How many events of a switch can be read in a second on one core, and what the crate for the
//! Event Socket alone takes of that.
//!
//! A stand-in on loopback says the events of a recorded message (those that we listen to) over and
//! over, as fast as they are taken. Goal: 10,000 events/s. The figure is processor time of the
//! reading thread (`/proc/thread-self/schedstat`), so that the stand-in does not count.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement reads the clock, and stops at the first surprise"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use esl::{EslClient, EslConnectOptions, EventFormat};
use hallporter::domain::{LegEvent, SwitchEvent, SwitchId};
use hallporter::freeswitch::{Patience, Recognise, Secret, Switch, SwitchConfig};

const EVENTS: u64 = 60_000;
/// How far the stand-in may be ahead: what is told must not be dropped here.
const AHEAD_MAX: u64 = 2_000;
const GOAL: f64 = 10_000.0;
const HEARD: &[&str] = &[
    "CHANNEL_PARK",
    "CHANNEL_ANSWER",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HANGUP_COMPLETE",
    "DTMF",
    "RECORD_START",
    "RECORD_STOP",
];

fn main() {
    let frames = frames();
    let bytes: usize = frames.iter().map(Vec::len).sum();
    println!("{EVENTS} events of {} bytes on average", bytes / frames.len());
    let frames = Arc::new(frames);
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let read = Arc::new(AtomicU64::new(0));
    let port = stand_in(Arc::clone(&frames), Arc::clone(&read));
    let alone = runtime().block_on(crate_alone(port, &read));
    let read = Arc::new(AtomicU64::new(0));
    let port = stand_in(frames, Arc::clone(&read));
    let room = runtime().block_on(whole_room(port, &read));
    show("the crate alone", &alone);
    show("our room on it", &room);
    println!(
        "  ours is {:.1} % of it; goal {GOAL} events/s",
        (room.cpu_s - alone.cpu_s) / room.cpu_s * 100.0
    );
    assert!(EVENTS as f64 / room.cpu_s >= GOAL, "slower than the goal");
}

struct Took {
    wall_s: f64,
    cpu_s: f64,
}

fn show(who: &str, took: &Took) {
    println!(
        "  {who:15}: {:6.0} events/s of processor time ({:.1} us each), {:6.0}/s by the clock",
        EVENTS as f64 / took.cpu_s,
        took.cpu_s * 1e6 / EVENTS as f64,
        EVENTS as f64 / took.wall_s
    );
}

/// The frames of a recorded message that we would have listened to.
fn frames() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/freeswitch/audio_message_dtmf_stop.esl");
    let bytes = std::fs::read(path).expect("the recording");
    let (mut frames, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'\n').expect("a head");
        let head = std::str::from_utf8(&bytes[at..end]).expect("a head");
        let length: usize = head.rsplit('=').next().expect("a length").parse().expect("a length");
        let block = &bytes[end + 1..end + 1 + length];
        let text = String::from_utf8_lossy(block);
        let name = text.lines().find_map(|line| line.strip_prefix("Event-Name: "));
        if head.starts_with("=== S ") && name.is_some_and(|name| HEARD.contains(&name)) {
            frames.push(block.to_vec());
        }
        at = end + 1 + length + 1;
    }
    assert!(frames.len() > 8);
    frames
}

/// Answers what is asked; who listens to channels gets all the events. Gives its port.
fn stand_in(frames: Arc<Vec<Vec<u8>>>, read: Arc<AtomicU64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let (stream, frames) = (stream.expect("a connection"), Arc::clone(&frames));
            let read = Arc::clone(&read);
            std::thread::spawn(move || answer(stream, &frames, &read));
        }
    });
    port
}

fn answer(mut stream: TcpStream, frames: &[Vec<u8>], read: &AtomicU64) {
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    let _ = stream.write_all(b"Content-Type: auth/request\n\n");
    loop {
        let length = stream.read(&mut piece).unwrap_or(0);
        if length == 0 {
            return;
        }
        heard.extend_from_slice(&piece[..length]);
        while let Some(end) = heard.windows(2).position(|pair| pair == b"\n\n") {
            let asked: Vec<u8> = heard.drain(..end + 2).collect();
            let asked = String::from_utf8_lossy(&asked).into_owned();
            let body = if asked.contains("channels") { "{\"row_count\": 0}\n" } else { "true" };
            let reply = if asked.starts_with("api ") {
                format!("Content-Type: api/response\nContent-Length: {}\n\n{body}", body.len())
            } else {
                "Content-Type: command/reply\nReply-Text: +OK accepted\n\n".to_owned()
            };
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
            if asked.contains("CHANNEL_PARK") {
                for (said, frame) in (0..EVENTS).zip(frames.iter().cycle()) {
                    while said > read.load(Relaxed) + AHEAD_MAX {
                        std::thread::sleep(Duration::from_micros(50));
                    }
                    if stream.write_all(frame).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

async fn crate_alone(port: u16, read: &AtomicU64) -> Took {
    let options = EslConnectOptions::new().with_event_queue_size(5_000);
    let (client, mut events) =
        EslClient::connect_with_options("127.0.0.1", port, "x", options).await.expect("a login");
    let (wall, cpu) = (Instant::now(), cpu_s());
    client.subscribe_events_raw(EventFormat::Plain, &HEARD.join(" ")).await.expect("a reply");
    for _ in 0..EVENTS {
        events.recv().await.expect("an event").expect("an event");
        read.fetch_add(1, Relaxed);
    }
    Took { wall_s: wall.elapsed().as_secs_f64(), cpu_s: cpu_s() - cpu }
}

async fn whole_room(port: u16, read: &AtomicU64) -> Took {
    let long = Duration::from_secs(600);
    let config = SwitchConfig {
        id: SwitchId(0),
        name: "bench".into(),
        host: "127.0.0.1".into(),
        port,
        password: Secret::new("x"),
        profile: "lab".into(),
        routes: false,
        fallback: "lost XML hallporter".into(),
        patience: Patience {
            ping_every: long,
            silent_max: long,
            beat_every: long,
            list_every: long,
            ..Patience::default()
        },
    };
    let told = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&told);
    let sink = Arc::new(move |_, event| {
        if let SwitchEvent::Leg { event, .. } = event
            && !matches!(event, LegEvent::Refused { .. })
        {
            count.fetch_add(1, Relaxed);
        }
    });
    let (wall, cpu) = (Instant::now(), cpu_s());
    let switch = Switch::start_with(config, Recognise::All, sink);
    while switch.status().events < EVENTS {
        tokio::time::sleep(Duration::from_millis(1)).await;
        read.store(switch.status().events, Relaxed);
        assert!(switch.status().overflows == 0, "the room is slower than the crate");
    }
    let took = Took { wall_s: wall.elapsed().as_secs_f64(), cpu_s: cpu_s() - cpu };
    assert!(told.load(Relaxed) > EVENTS / 2, "{:?}", switch.status());
    took
}

/// Processor time of this thread, in seconds.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    let nanoseconds: u64 = text.split(' ').next().expect("a figure").parse().expect("a figure");
    nanoseconds as f64 / 1e9
}
