//! What is done with an input that nobody has made up: read it, go on with what was read, and
//! hold what must be true of it. The fuzzers and `tests/fuzz_corpus.rs` share it.

#![allow(dead_code, reason = "each fuzzer is a program of its own and uses one of them")]
#![allow(unreachable_pub, reason = "a module of its own in each of them")]
#![allow(clippy::unwrap_used, reason = "what can't be unwrapped here is a finding")]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use hallporter::config::{Config, TokenFile};
use hallporter::desk::{Around, Desk, Input, Output, Settings, Ticket, explain, try_example};
use hallporter::domain::{
    AccountName, Decision, Device, DeviceName, Identifier, LegEvent, LegId, Now, Number, Numbering,
    Outcome, SipUri, SwitchEvent, Target as Place, Zone,
};
use hallporter::freeswitch::{Headers, Recognise, Seen, read, read_list};
use hallporter::kamailio::{
    EVENTS_MAX, Reply, answer, read_contacts, read_dialogs, read_done, read_events, read_query,
    read_up_since, rtjson, well_formed_headers,
};

use hallporter::media::{Kind, read_matroska, read_mp4, read_wav};
use hallporter::notify::LinkKey;
use hallporter::peers::{FrameReader, HEAD_BYTES, framed};
use hallporter::rules::{MISTAKES_MAX, RuleFile, read as read_rules, read_calendar};

#[path = "import.rs"]
pub mod import;

/// What takes an input.
pub type Target = fn(&[u8]);

/// The targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 14] = [
    ("query", query),
    ("event", event),
    ("config", config),
    ("rpc", rpc),
    ("identifier", identifier),
    ("wav", wav),
    ("film", film),
    ("link", link),
    ("esl", esl),
    ("rules", rules),
    ("calendar", calendar),
    ("cpl", import::cpl),
    ("fusionpbx", import::fusionpbx),
    ("frames", frames),
];

const NOW: Now = Now { mono_ms: 1_000_000, wall_ms: 1_800_000_000_000 };

/// A desk with an account that has a number, a device and one slot.
fn desk() -> Desk {
    let numbering =
        Numbering { country: "49".to_owned(), bare_is_e164: true, ..Numbering::default() };
    let settings = Settings { numbering, trust_from: true, proxies: 1, ..Settings::default() };
    let mut desk = Desk::new(settings);
    desk.restored();
    for (index, command) in (1..).zip([
        r#"{"command":"account_add","name":"alice","max_calls":1}"#,
        r#"{"command":"number_add","identifier":"+493012345","account":"alice"}"#,
        r#"{"command":"device_add","account":"alice","device":{"name":"desk","target":{"uri":"sip:desk@10.0.0.7"},"stage":1,"ring_s":15,"enabled":true}}"#,
    ]) {
        let command = serde_json::from_str(command).unwrap();
        desk.handle(Input::Committed { ticket: Ticket(0), index, command }, NOW);
    }
    while desk.poll().is_some() {}
    desk
}

fn plain(text: &str) -> bool {
    !text.chars().any(|character| character.is_control())
}

/// The body of `/v1/route`, up to the answer.
pub fn query(data: &[u8]) {
    let query = match read_query(data) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
            return;
        }
    };
    assert!(!query.call_id.is_empty() && !query.ruri.is_empty());
    for text in [&query.call_id, &query.from_tag, &query.from_uri, &query.from_display, &query.ruri]
    {
        assert!(plain(text) && text.len() <= 1024, "{text:?}");
    }
    assert!(query.account.is_none() || !query.named_nobody);
    let mut desk = desk();
    let _ = desk.addresses_to_look_up(&query);
    let rehearsed = desk.rehearse(&query, NOW);
    check(&rehearsed);
    let ask = |desk: &mut Desk| {
        desk.handle(Input::Route { ticket: Ticket(7), query: Box::new(query.clone()) }, NOW);
        match desk.poll() {
            Some(Output::Answer { decision, .. }) => decision,
            other => panic!("no answer: {other:?}"),
        }
    };
    let (first, second) = (ask(&mut desk), ask(&mut desk));
    check(&first);
    assert_eq!(rehearsed.outcome, first.outcome, "a dry run says what will be");
    assert_eq!((&first.outcome, first.call), (&second.outcome, second.call), "asked twice");
    assert!(desk.figures().calls <= 1);
}

fn check(decision: &Decision) {
    assert!(!explain(decision).is_empty());
    let value: serde_json::Value = serde_json::from_slice(&answer(decision)).unwrap();
    if let Some(headers) = value.get("headers") {
        assert!(well_formed_headers(headers.as_str().unwrap()));
    }
    if let Outcome::Refuse(_) = decision.outcome {
        assert!((400..700).contains(&value["code"].as_u64().unwrap()));
    }
    if let Ok(document) = rtjson(decision) {
        let _: serde_json::Value = serde_json::from_slice(&document).unwrap();
    }
    let _: String = serde_json::to_string(decision).unwrap();
}

/// The body of `/v1/event`, and what becomes of the calls.
pub fn event(data: &[u8]) {
    let Ok(events) = read_events(data) else { return };
    assert!(events.events.len() <= EVENTS_MAX && events.refused.len() <= EVENTS_MAX + 1);
    let mut desk = desk();
    for event in &events.events {
        assert!(!event.call_id.is_empty() && plain(&event.call_id) && plain(&event.from_tag));
        assert!(event.code.is_none_or(|code| (100..700).contains(&code)));
        desk.handle(Input::Event(event.clone()), NOW);
    }
    // Everything has an end: no slot is kept by whatever was told.
    let later = Now { mono_ms: NOW.mono_ms + 90_000_000, wall_ms: NOW.wall_ms + 90_000_000 };
    for event in &events.events {
        desk.handle(
            Input::Event(hallporter::domain::CallEvent {
                kind: hallporter::domain::EventKind::End,
                from_tag: Arc::from(""),
                dialog: None,
                ..event.clone()
            }),
            later,
        );
    }
    let key = desk.registry().find("alice").unwrap();
    assert_eq!((desk.figures().calls, desk.usage(key).total.live), (0, 0));
}

/// The text of a configuration.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let token = |path: &Path| {
        let text = if path.ends_with("admin.token") { "a" } else { "r" }.repeat(40);
        Ok(TokenFile { text, open_to_others: false })
    };
    match Config::parse(text, Path::new("/base"), &token) {
        Ok((config, _)) => {
            assert!(config.node.data_dir.is_absolute());
            assert!(config.routing.stage_branches_max >= 1 && config.calls.table_max >= 1);
        }
        Err(mistakes) => {
            let lines = text.lines().count().max(1);
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert!(
                    mistake.line.is_none_or(|line| (1..=lines + 1).contains(&line)),
                    "{mistake}"
                );
                assert!(!mistake.to_string().is_empty());
            }
        }
    }
}

/// What a proxy answers to JSON-RPC.
pub fn rpc(data: &[u8]) {
    if let Ok(Reply::Result(seen)) = read_dialogs(data) {
        let mut desk = desk();
        let proxy = hallporter::domain::ProxyId(0);
        for dialog in &seen.items {
            assert!(
                !dialog.call_id.is_empty() && plain(&dialog.call_id) && plain(&dialog.from_uri)
            );
        }
        for dialogs in [seen.items, Vec::new(), Vec::new()] {
            desk.handle(Input::LookBegin { proxy, restarted: false }, NOW);
            desk.handle(Input::LookSeen { proxy, dialogs }, NOW);
            desk.handle(Input::LookEnd { proxy }, NOW);
            for _ in 0..64 {
                desk.handle(Input::Wakeup, NOW);
            }
        }
    }
    if let Ok(Reply::Result(seen)) = read_contacts(data) {
        for contact in &seen.items {
            assert!(SipUri::parse(contact.uri.as_str()).is_ok());
            assert!(contact.path.as_deref().is_none_or(plain));
        }
    }
    let _ = read_up_since(data);
    let _ = read_done(data);
}

/// What may be an address, a number or a name.
pub fn identifier(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(uri) = SipUri::parse(text) {
        assert_eq!(uri.as_str(), text);
        assert!(!uri.user_and_host().1.is_empty());
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>?\\".contains(&byte)));
    }
    if let Ok(number) = Number::parse(text) {
        assert_eq!(Number::parse(&number.to_string()).unwrap(), number);
    }
    if let Ok(identifier) = Identifier::parse(text) {
        let shown = identifier.to_string();
        assert!(plain(&shown));
        assert_eq!(Identifier::parse(&shown).as_ref(), Ok(&identifier), "{shown}");
    }
    for numbering in [
        Numbering::default(),
        Numbering { country: "49".to_owned(), bare_is_e164: true, ..Numbering::default() },
    ] {
        let [number, address] = numbering.candidates(text);
        assert!(!matches!(number, Some(Identifier::Address(_))));
        assert!(!matches!(address, Some(Identifier::Number(_))));
    }
    let _ = Numbering::dialled(text);
    for name in [
        AccountName::parse(text).map(|n| n.to_string()),
        DeviceName::parse(text).map(|n| n.to_string()),
    ] {
        assert!(name.is_err() || name == Ok(text.to_owned()));
    }
}

/// A sound, in whatever state a kill has left it. What is made of it is a sound again.
pub fn wav(data: &[u8]) {
    let size = data.len() as u64;
    let Some(wav) = read_wav(&mut Cursor::new(data), size).unwrap() else { return };
    assert!(wav.bytes > 0 && wav.from + wav.bytes <= size);
    assert_eq!(Kind::of(data), Some(Kind::Wav));
    let samples =
        &data[usize::try_from(wav.from).unwrap()..][..usize::try_from(wav.bytes).unwrap()];
    let repaired = [wav.format.head(wav.bytes), samples.to_vec()].concat();
    let again = read_wav(&mut Cursor::new(&repaired), repaired.len() as u64).unwrap().unwrap();
    assert_eq!((again.bytes, again.length_ms()), (wav.bytes, wav.length_ms()));
    assert_eq!(again.format, wav.format);
    // What was cut off is shorter, never longer.
    for cut in [data.len() / 2, data.len() - 1] {
        let cut = read_wav(&mut Cursor::new(&data[..cut]), cut as u64).unwrap();
        assert!(cut.is_none_or(|cut| cut.bytes <= wav.bytes.max(size)));
    }
}

/// A video, as a switch or a stranger sends it.
pub fn film(data: &[u8]) {
    let size = data.len() as u64;
    let whole = read_matroska(&mut Cursor::new(data), size).unwrap();
    assert_eq!(whole.length_ms > 0, whole.video || whole.audio);
    let half = &data[..data.len() / 2];
    let cut = read_matroska(&mut Cursor::new(half), half.len() as u64).unwrap();
    assert!(whole.video || !cut.video);
    assert!(whole.audio || !cut.audio);
    let _ = read_mp4(&mut Cursor::new(data), size).unwrap();
    // A size that is not the file's, as when it is written meanwhile.
    for said in [0, size / 2, size + 1000, u64::MAX] {
        let _ = read_matroska(&mut Cursor::new(data), said).unwrap();
        let _ = read_mp4(&mut Cursor::new(data), said).unwrap();
        let _ = read_wav(&mut Cursor::new(data), said).unwrap();
    }
}

/// What stands behind the path of an upload.
pub fn link(data: &[u8]) {
    let key = LinkKey::new([7; 32]);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(link) = key.verify(text.trim_end(), 0) {
        assert_eq!(key.sign(link.message, link.part, link.expires_s), text.trim_end());
    }
}

/// Headers of an event, as they stand between frames: `Name: value`, then an empty line and a body.
struct Event {
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

impl Event {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let pairs = head.lines().filter_map(|line| line.split_once(": "));
        // Line ends come through the percent code of the wire.
        let value = |value: &str| value.replace("%0A", "\n").replace("%00", "\0");
        Self {
            headers: pairs.map(|(name, text)| (name.to_owned(), value(text))).collect(),
            body: (!body.is_empty()).then(|| body.to_owned()),
        }
    }
}

impl Headers for Event {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }
}

/// Events of a switch, with a line `==` between them; and its list of legs.
pub fn esl(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for recognise in [Recognise::Marked, Recognise::All] {
        let mut seen = Seen::new(recognise);
        for text in text.split("\n==\n") {
            let Some(told) = read(&Event::parse(text), &mut seen) else { continue };
            let SwitchEvent::Leg { leg, event } = told else { panic!("no event says {told:?}") };
            assert_eq!(LegId::parse(leg.as_str()).as_ref(), Some(&leg));
            check_leg(&leg, &event);
        }
    }
    for seen in read_list(&text).unwrap_or_default() {
        assert_eq!(LegId::parse(seen.leg.as_str()), Some(seen.leg));
    }
}

fn check_leg(leg: &LegId, event: &LegEvent) {
    let kept = |text: &str| assert!(plain(text) && text.len() <= 512, "{text:?}");
    match event {
        LegEvent::Parked(facts) => {
            for text in [&facts.call_id, &facts.dialled, &facts.from_display] {
                kept(text);
            }
            assert!(facts.cause.is_none_or(|cause| (300..700).contains(&cause)));
            let via = facts.via.as_deref().unwrap_or("a:1");
            assert!(!via.contains(|c: char| !c.is_ascii_alphanumeric() && !".-:".contains(c)));
            let contact = facts.contact.as_ref();
            assert!(contact.is_none_or(|uri| SipUri::parse(uri.as_str()).is_ok()));
        }
        LegEvent::RecordStarted { path } | LegEvent::RecordStopped { path, .. } => kept(path),
        LegEvent::Key(key) => assert!("0123456789*#ABCD".contains(*key)),
        LegEvent::Bridged { other } => assert!(other != leg),
        LegEvent::HungUp { cause } => kept(cause),
        LegEvent::Done { .. } | LegEvent::Answered | LegEvent::Unbridged | LegEvent::Wish(_) => {}
        LegEvent::Claimed(_)
        | LegEvent::Refused { .. }
        | LegEvent::Video(_)
        | LegEvent::TextSent(_) => panic!("no event says {event:?}"),
    }
}

/// A text of rules, up to what its own examples come to.
pub fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let device = |name: &str| {
        let target = Place::Uri(SipUri::parse("sip:desk@10.0.0.7").unwrap());
        Device::new(DeviceName::parse(name).unwrap(), target, 1, 15)
    };
    let devices = ["desk", "soft", "mobile"].map(device).into();
    let (zone, numbering) = (Zone::parse("Europe/Berlin").unwrap(), Numbering::default());
    let around = Around { devices, zone, numbering, mailbox: true, greetings: vec![] };
    match read_rules(text) {
        Ok((rules, examples)) => {
            assert!(!rules.rules.is_empty() && rules.rules.len() == rules.names.len());
            for example in examples.iter().take(20) {
                let trial = try_example(&rules, example, &around);
                assert!(trial.lines.iter().all(|line| plain(line)), "{:?}", trial.lines);
            }
        }
        Err(mistakes) => {
            assert!((1..=MISTAKES_MAX).contains(&mistakes.len()));
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            for mistake in &mistakes {
                assert!((1..=lines).contains(&mistake.line) && mistake.column > 0, "{mistake}");
                assert!(plain(&mistake.to_string()), "{mistake}");
            }
        }
    }
    if let Ok(file) = RuleFile::read(text) {
        let log = serde_json::to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<RuleFile>(&log).unwrap(), file);
        assert!(file.strangers(|_| true).is_empty());
        let strangers = file.strangers(|_| false).len();
        let devices = file.rules().devices.iter().filter(|name| !name.starts_with("tag:"));
        assert_eq!(strangers > 0, devices.count() > 0);
        assert!(file.doubts(&[], []).iter().all(|warning| warning.line > 0));
    }
}

/// An iCalendar text.
pub fn calendar(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read_calendar(text) {
        Ok(events) => assert!(!events.is_empty() || text.contains("VEVENT")),
        Err(mistakes) => assert!(mistakes.iter().all(|(line, what)| *line > 0 && plain(what))),
    }
}

/// A stream of another node. The first byte says in what pieces it comes.
pub fn frames(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let read = |piece: usize| {
        let (mut reader, mut frames) = (FrameReader::new(), Vec::new());
        for piece in stream.chunks(piece) {
            reader.push(piece);
            loop {
                match reader.take() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return (frames, Err(error)),
                }
            }
        }
        (frames, reader.end())
    };
    let (frames, end) = read(usize::from(*piece).max(1));
    let (whole, whole_end) = read(stream.len().max(1));
    assert_eq!(frames, whole);
    // A cut is known by its length, everything else by its head.
    assert_eq!(end, whole_end);
    // What was read is what was written.
    let again = frames.iter().flat_map(|frame| framed(frame.kind, &frame.body).unwrap());
    let again: Vec<u8> = again.collect();
    assert!(stream.starts_with(&again));
    assert!(end.is_err() || again.len() == stream.len());
    assert!(again.len() >= frames.len() * HEAD_BYTES);
}
