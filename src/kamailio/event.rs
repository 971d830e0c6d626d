//! The body of `POST /v1/event`.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::domain::{AccountName, BranchEnd, CallEvent, DeviceName, EventKind, NAME_BYTES_MAX};

use super::Error;
use super::element::{Element, ElementSeed, read_whole};
use super::fields::{Fields, pair};
use super::query::{ACCOUNT_MAX, CALL_ID_MAX, FROM_TAG_MAX, URI_MAX};
use super::scan;

/// How many events one request may hold. At the limit the first ones are taken and the rest is
/// refused with one entry: a batch that was refused as a whole would be repeated for ever.
pub const EVENTS_MAX: usize = 1000;

/// The most branches of one call whose ends are read: as many as Kamailio can send.
const BRANCHES_MAX: usize = 64;
/// The longest list of them, in bytes.
const BRANCHES_BYTES_MAX: usize = 4096;

const NAMES: [&str; 11] = [
    "event", "call_id", "from_tag", "code", "h", "account", "ruri", "from_uri", "enc", "branches",
    "device",
];
const EVENT: usize = 0;
const CALL_ID: usize = 1;
const FROM_TAG: usize = 2;
const CODE: usize = 3;
const DIALOG: usize = 4;
const ACCOUNT: usize = 5;
const RURI: usize = 6;
const FROM_URI: usize = 7;
const ENC: usize = 8;
const BRANCHES: usize = 9;
const DEVICE: usize = 10;

/// What a proxy told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// What could be read, in order.
    pub events: Vec<CallEvent>,
    /// What could not.
    pub refused: Vec<RefusedEvent>,
}

/// One event that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its place in the array, from 0.
    pub index: usize,
    /// Why.
    pub error: Error,
}

/// Reads one event or an array of at most [`EVENTS_MAX`].
///
/// A bad element does not harm its neighbours. Of an element only `event`, `call_id` and
/// `from_tag` must be good: what a caller can write into the other fields must not keep the end
/// of a call from being heard.
///
/// # Errors
/// [`Error::Json`] when it is no JSON, or neither object nor array; for a single event outside an
/// array whatever is wrong with it.
pub fn read_events(body: &[u8]) -> Result<Events, Error> {
    let mut usual = Batch::default();
    if scan::list(body, &NAMES, |fields| usual.take(Element::Fields(fields))).is_some() {
        return Ok(usual.events);
    }
    match read_whole(body, BodySeed)? {
        Body::Batch(events) => Ok(events),
        Body::One(event) => Ok(Events { events: vec![event?], refused: Vec::new() }),
    }
}

/// A batch that is being read.
#[derive(Default)]
struct Batch {
    events: Events,
    /// How many elements there were.
    index: usize,
}

impl Batch {
    fn take(&mut self, element: Element<'_, 11>) {
        let index = self.index;
        self.index += 1;
        if index > EVENTS_MAX {
            return;
        }
        let max = EVENTS_MAX;
        let read = if index < max { read_element(element) } else { Err(Error::TooMany { max }) };
        match read {
            Ok(event) => self.events.events.push(event),
            Err(error) => self.events.refused.push(RefusedEvent { index, error }),
        }
    }
}

fn read_element(element: Element<'_, 11>) -> Result<CallEvent, Error> {
    let mut fields = match element {
        Element::Fields(fields) => fields,
        Element::Other(found) => return Err(Error::NotObject { found }),
    };
    fields.open(ENC)?;
    let read = |text: &str| match text {
        "start" => Some(EventKind::Start),
        "end" => Some(EventKind::End),
        "failed" => Some(EventKind::Failed),
        "wake" => Some(EventKind::Wake),
        _ => None,
    };
    let kind = fields.formed(EVENT, "\"start\", \"end\", \"failed\" or \"wake\"", read)?;
    Ok(CallEvent {
        kind: kind.ok_or(Error::Missing { field: NAMES[EVENT] })?,
        call_id: fields.required(CALL_ID, CALL_ID_MAX)?.into(),
        from_tag: fields.plain(FROM_TAG, FROM_TAG_MAX)?.into(),
        dialog: fields.formed(DIALOG, "two numbers, h_entry:h_id", pair)?,
        code: code(&mut fields)?,
        branches: usable(&mut fields, BRANCHES, BRANCHES_BYTES_MAX)?
            .map_or_else(|| [].into(), |text| branches(&text)),
        account: usable(&mut fields, ACCOUNT, ACCOUNT_MAX)?
            .and_then(|name| AccountName::parse(&name).ok()),
        device: usable(&mut fields, DEVICE, NAME_BYTES_MAX)?
            .and_then(|name| DeviceName::parse(&name).ok()),
        ruri: usable(&mut fields, RURI, URI_MAX)?,
        from_uri: usable(&mut fields, FROM_URI, URI_MAX)?,
    })
}

/// How branches ended, `device:code:tenths of a second` with commas between; a device that was
/// woken has a fourth number, when it woke and one tenth more. What cannot be read is
/// left out: it only helps whoever asks why.
fn branches(text: &str) -> Arc<[BranchEnd]> {
    let end = |entry: &str| {
        let mut parts = entry.split(':');
        let (device, code, tenths) = (parts.next()?, parts.next()?, parts.next()?);
        let code = code.parse().ok().filter(|code| (100..=699).contains(code))?;
        let after_ms = tenths.parse::<u32>().ok()?.checked_mul(100)?;
        let woke = parts.next().and_then(|tenths| tenths.parse::<u32>().ok()?.checked_sub(1));
        let woke_ms = woke.and_then(|tenths| tenths.checked_mul(100));
        Some(BranchEnd { device: DeviceName::parse(device).ok()?, code, after_ms, woke_ms })
    };
    text.split(',').filter_map(end).take(BRANCHES_MAX).collect()
}

/// A SIP code; Kamailio prints 0 where it has none.
fn code(fields: &mut Fields<'_, 11>) -> Result<Option<u16>, Error> {
    let code = fields.number(CODE)?.and_then(|code| u16::try_from(code).ok());
    Ok(code.filter(|code| (100..=699).contains(code)))
}

/// A field that only helps: `None` when its content is of no use.
fn usable(
    fields: &mut Fields<'_, 11>,
    index: usize,
    bytes_max: usize,
) -> Result<Option<Arc<str>>, Error> {
    match fields.plain(index, bytes_max) {
        Ok(text) => Ok((!text.is_empty()).then(|| text.into())),
        Err(error @ Error::Type { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

enum Body {
    Batch(Events),
    One(Result<CallEvent, Error>),
}

impl Body {
    fn one(element: Element<'_, 11>) -> Self {
        Self::One(read_element(element))
    }
}

struct BodySeed;

impl<'de> DeserializeSeed<'de> for BodySeed {
    type Value = Body;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BodySeed {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event or an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut batch = Batch::default();
        while let Some(element) = seq.next_element_seed(ElementSeed(&NAMES))? {
            batch.take(element);
        }
        Ok(Body::Batch(batch.events))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        ElementSeed(&NAMES).visit_map(map).map(Body::one)
    }

    // Without these serde would quote what stands there in its error.
    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        ElementSeed(&NAMES).visit_bool(flag).map(Body::one)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        ElementSeed(&NAMES).visit_u64(number).map(Body::one)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        ElementSeed(&NAMES).visit_i64(number).map(Body::one)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        ElementSeed(&NAMES).visit_f64(number).map(Body::one)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        ElementSeed(&NAMES).visit_unit().map(Body::one)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        ElementSeed(&NAMES).visit_str(text).map(Body::one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Events {
        read_events(body.as_bytes()).unwrap()
    }

    #[test]
    fn one_event_or_many() {
        let one = read(r#"{"event":"end","call_id":"a","from_tag":"t","code":487,"h":"1:2"}"#);
        assert_eq!((one.events[0].kind, one.events[0].code), (EventKind::End, Some(487)));
        assert_eq!(one.events[0].dialog, Some((1, 2)));
        let many = read(
            r#"[{"event":"start","call_id":"a"},
                {"enc":"b64u","event":"ZmFpbGVk","call_id":"Yg","ruri":"c2lwOmFAaA","code":"486"}]"#,
        );
        assert_eq!((many.events.len(), many.refused.len()), (2, 0));
        assert_eq!((many.events[1].kind, &*many.events[1].call_id), (EventKind::Failed, "b"));
        assert_eq!(
            (many.events[1].ruri.as_deref(), many.events[1].code),
            (Some("sip:a@h"), Some(486))
        );
        assert_eq!(read("[]"), Events::default());
    }

    #[test]
    fn branches_tell_how_they_ended() {
        let told = |branches: &str| {
            read(&format!(r#"{{"event":"end","call_id":"a","branches":"{branches}"}}"#)).events[0]
                .branches
                .iter()
                .map(|end| {
                    let woke = end.woke_ms.map_or_else(String::new, |ms| format!(" woke {ms}"));
                    format!("{} {} {}{woke}", end.device, end.code, end.after_ms)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(told("desk:486:32,mobile:200:81"), ["desk 486 3200", "mobile 200 8100"]);
        assert_eq!(
            told("pocket:200:5:1,a:486:5:0,b:486:5:32:x"),
            ["pocket 200 500 woke 0", "a 486 500", "b 486 500 woke 3100"]
        );
        assert_eq!(told("a:200:5:4294967295,b:200:5:-1"), ["a 200 500", "b 200 500"]);
        assert_eq!(told(""), [""; 0]);
        // What makes no sense costs nothing but itself, and never the end of the call.
        assert_eq!(
            told("-:486:1,a b:486:1,d:99:1,d:x:1,d:486:-1,d:486,:,d:486:99999999999"),
            [""; 0]
        );
        assert_eq!(told("desk:4860:1,,mobile:603:0:x"), ["mobile 603 0"]);
        let many = told(&"d:486:1,".repeat(200));
        assert_eq!(many.len(), BRANCHES_MAX);
        assert!(told(&"d:486:1,".repeat(2000)).is_empty());
    }

    #[test]
    fn a_bad_one_does_not_harm_its_neighbours() {
        let events = read(
            r#"[7, {"event":"end","call_id":"a"}, {"event":"ended","call_id":"b"}, {"event":"end"},
                null, [[]], {"event":"end","call_id":"\r\n"}, {"event":"end","call_id":5},
                {"event":"end","event":"start","call_id":"x"}, {"call_id":"x"},
                {"event":"end","call_id":"c"}]"#,
        );
        let ids: Vec<&str> = events.events.iter().map(|event| &*event.call_id).collect();
        assert_eq!(ids, ["a", "c"]);
        let places: Vec<usize> = events.refused.iter().map(|refused| refused.index).collect();
        assert_eq!(places, [0, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_a_caller_writes_hides_no_end() {
        let events = read(
            r#"[{"event":"end","call_id":"a","ruri":"sip:\u0000","from_uri":"\r\n","account":"a b",
                "code":0,"h":"<null>:<null>"}]"#,
        );
        let event = &events.events[0];
        assert_eq!((event.code, event.dialog, &event.account), (None, None, &None));
        assert_eq!((&event.ruri, &event.from_uri), (&None, &None));
        let long = format!(r#"[{{"event":"end","call_id":"a","ruri":"{}"}}]"#, "x".repeat(10_000));
        assert_eq!(read(&long).events.len(), 1);
    }

    #[test]
    fn a_batch_has_a_limit() {
        let body = format!("[{}{{}}]", r#"{"event":"end","call_id":"a"},"#.repeat(1200));
        let events = read(&body);
        assert_eq!((events.events.len(), events.refused.len()), (EVENTS_MAX, 1));
        assert_eq!(events.refused[0].index, EVENTS_MAX);
    }

    #[test]
    fn no_json_is_an_error() {
        for body in ["", "{", "[{]", "x", "7", "\"a\"", "[] []", r#"{"event":"end"}"#] {
            assert!(read_events(body.as_bytes()).is_err(), "{body}");
        }
        assert!(read_events(b"[{\"event\":\"\xff\"}]").is_err());
    }
}
