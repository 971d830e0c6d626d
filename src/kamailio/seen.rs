//! What Kamailio shows over JSON-RPC, read with patience: an entry that is odd is left out and
//! counted, since one strange call must not hide all the others.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use base64::Engine as _;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::domain::{AccountName, CallState, Contact, SeenDialog, SipUri};

use super::base64url::BASE64URL;
use super::query::{CALL_ID_MAX, FROM_TAG_MAX, URI_MAX};

/// How Kamailio's location table prints what it does not have.
const NOT_SET: &str = "[not set]";

/// The readable part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// The entries that could be read.
    pub items: Vec<T>,
    /// How many could not.
    pub skipped: usize,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self { items: Vec::new(), skipped: 0 }
    }
}

/// What a JSON-RPC answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// The result.
    Result(T),
    /// A refusal: `404 Dialog not found`, `500 AOR not found in location table`.
    Refused {
        /// The error's code, which is the HTTP status too.
        code: i64,
        /// The error's text.
        message: String,
    },
}

/// Reads the answer of `dlg.list`. Dialogs that have ended already (state 5, which linger for
/// seconds) are left out and not counted as skipped.
///
/// # Errors
/// What is wrong, when it is no JSON-RPC answer.
pub fn read_dialogs(body: &[u8]) -> Result<Reply<Seen<SeenDialog>>, String> {
    read_reply::<List<SeenDialog>>(body).map(|reply| reply.map(|list| list.0))
}

/// Reads the answer of `ul.lookup`; an address of record that is not there has no contacts.
///
/// # Errors
/// What is wrong, when it is no JSON-RPC answer.
pub fn read_contacts(body: &[u8]) -> Result<Reply<Seen<Contact>>, String> {
    let mut reply = read_reply::<Record>(body)?.map(|record| record.contacts.0);
    if let Reply::Refused { message, .. } = &reply
        && message.to_ascii_lowercase().contains("aor not found")
    {
        reply = Reply::Result(Seen::default());
    }
    Ok(reply)
}

/// Reads the answer of `core.uptime`: since when the proxy runs, in its own words.
///
/// # Errors
/// What is wrong, when it is no JSON-RPC answer.
pub fn read_up_since(body: &[u8]) -> Result<Reply<String>, String> {
    #[derive(Deserialize)]
    struct Uptime {
        up_since: String,
    }
    read_reply::<Uptime>(body).map(|reply| reply.map(|uptime| uptime.up_since))
}

/// Reads an answer of which only matters whether it is a refusal (`dlg.end_dlg`).
///
/// # Errors
/// What is wrong, when it is no JSON-RPC answer.
pub fn read_done(body: &[u8]) -> Result<Reply<()>, String> {
    read_reply::<Value>(body).map(|reply| reply.map(|_| ()))
}

/// Reads the answer of `tm.t_uac_wait`: the SIP code with which a request was answered, the first
/// of a list of what there is to say of it.
///
/// # Errors
/// What is wrong, when it is no JSON-RPC answer.
pub(super) fn read_sent(body: &[u8]) -> Result<Reply<u16>, String> {
    let reply = read_reply::<Vec<Value>>(body)?;
    let code = |said: &Vec<Value>| said.first()?.as_u64().and_then(|code| u16::try_from(code).ok());
    match reply {
        Reply::Result(said) => {
            code(&said).map(Reply::Result).ok_or_else(|| "no SIP code in it".to_owned())
        }
        Reply::Refused { code, message } => Ok(Reply::Refused { code, message }),
    }
}

impl<T> Reply<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Self::Result(result) => Reply::Result(change(result)),
            Self::Refused { code, message } => Reply::Refused { code, message },
        }
    }
}

fn read_reply<T: DeserializeOwned>(body: &[u8]) -> Result<Reply<T>, String> {
    #[derive(Deserialize)]
    struct Envelope<T> {
        result: Option<T>,
        error: Option<Refusal>,
    }
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        code: i64,
        #[serde(default)]
        message: String,
    }
    // A caller's bytes may stand in it as they came; one bad byte must not hide the other calls.
    let text = String::from_utf8_lossy(body);
    let envelope: Envelope<T> =
        serde_json::from_str(&text).map_err(|error| format!("no JSON-RPC answer: {error}"))?;
    match (envelope.result, envelope.error) {
        (_, Some(Refusal { code, message })) => {
            let message = message.chars().filter(|one| !one.is_control()).take(200).collect();
            Ok(Reply::Refused { code, message })
        }
        (Some(result), None) => Ok(Reply::Result(result)),
        (None, None) => Err("an answer with neither result nor error".to_owned()),
    }
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "Contacts", default = "List::empty")]
    contacts: List<Contact>,
}

/// Something that can be read from one entry: itself, nothing at all, or an oddity.
trait Entry: Sized {
    fn read(value: &Value) -> Result<Option<Self>, ()>;
}

fn take<T: Entry>(seen: &mut Seen<T>, value: &Value) {
    match T::read(value) {
        Ok(Some(item)) => seen.items.push(item),
        Ok(None) => {}
        Err(()) => seen.skipped += 1,
    }
}

struct List<T>(Seen<T>);

impl<T> List<T> {
    fn empty() -> Self {
        Self(Seen::default())
    }
}

impl<'de, T: Entry> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Entry> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
        let mut seen = Seen::default();
        // One entry at a time: a list of a hundred thousand calls is never held as a tree.
        while let Some(value) = seq.next_element::<Value>()? {
            take(&mut seen, &value);
        }
        Ok(List(seen))
    }

    // One entry may come without its array, none at all as an empty object.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(map))?;
        let mut seen = Seen::default();
        if value.as_object().is_some_and(|object| !object.is_empty()) {
            take(&mut seen, &value);
        }
        Ok(List(seen))
    }
}

impl Entry for SeenDialog {
    fn read(value: &Value) -> Result<Option<Self>, ()> {
        let state = match value["state"].as_u64() {
            Some(1 | 2) => CallState::Reserved,
            Some(3 | 4) => CallState::Up,
            Some(5) => return Ok(None),
            _ => return Err(()),
        };
        let call_id = plain(&value["call-id"], CALL_ID_MAX).filter(|id| !id.is_empty()).ok_or(())?;
        let started = |key: &str| value[key].as_i64().filter(|at| *at > 0);
        let variable = |name: &str| variable(&value["variables"], name);
        let from_uri = variable("hp_from")
            .or_else(|| plain(&value["from_uri"], URI_MAX).map(|uri| Cow::Owned(uri.to_owned())));
        Ok(Some(Self {
            call_id: call_id.into(),
            from_tag: plain(&value["caller"]["tag"], FROM_TAG_MAX).unwrap_or_default().into(),
            dialog: (small(&value["h_entry"]).ok_or(())?, small(&value["h_id"]).ok_or(())?),
            state,
            started_s: started("start_ts").or_else(|| started("init_ts")).unwrap_or_default(),
            account: variable("hp_account").and_then(|name| AccountName::parse(&name).ok()),
            ruri: variable("hp_ruri").map(|uri| Arc::from(&*uri)),
            from_uri: from_uri.map(|uri| Arc::from(&*uri)).unwrap_or_default(),
            emergency: set_to(&value["variables"], "hp_emergency") == Some("1"),
        }))
    }
}

impl Entry for Contact {
    fn read(value: &Value) -> Result<Option<Self>, ()> {
        // `{"Contact":{…}}` in 5.6.3.
        let value = value.get("Contact").unwrap_or(value);
        if matches!(value["Expires"].as_str(), Some("deleted" | "expired")) {
            return Ok(None);
        }
        let uri = |key: &str| match value[key].as_str() {
            None | Some("" | NOT_SET) => Ok(None),
            Some(text) => SipUri::parse(text).map(Some).map_err(|_| ()),
        };
        let path = &value["Path"];
        let path = if path.is_null() { None } else { Some(plain(path, URI_MAX).ok_or(())?) };
        Ok(Some(Self {
            uri: uri("Address")?.ok_or(())?,
            received: uri("Received")?,
            path: path.filter(|path| !matches!(*path, "" | NOT_SET)).map(Arc::from),
        }))
    }
}

/// A text without control characters that is not too long.
fn plain(value: &Value, bytes_max: usize) -> Option<&str> {
    value.as_str().filter(|text| text.len() <= bytes_max && !text.chars().any(char::is_control))
}

fn small(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| number.try_into().ok())
}

/// What a dialog variable is set to.
fn set_to<'a>(variables: &'a Value, name: &str) -> Option<&'a str> {
    variables.as_array()?.iter().find_map(|one| one.get(name)?.as_str())
}

/// A dialog variable of ours, which the proxy's configuration set as base64url; `None` if it is
/// not there, empty or unreadable.
fn variable(variables: &Value, name: &str) -> Option<Cow<'static, str>> {
    let encoded = set_to(variables, name)?;
    if encoded.len() > URI_MAX.div_ceil(3) * 4 {
        return None;
    }
    let text = String::from_utf8(BASE64URL.decode(encoded).ok()?).ok()?;
    let usable = !text.is_empty() && text.len() <= URI_MAX && !text.chars().any(char::is_control);
    usable.then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests;
