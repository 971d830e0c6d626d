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

/// A dialog variable of ours, which the proxy's configuration set as base64url; `None` if it is
/// not there, empty or unreadable.
fn variable(variables: &Value, name: &str) -> Option<Cow<'static, str>> {
    let encoded = variables.as_array()?.iter().find_map(|one| one.get(name)?.as_str())?;
    if encoded.len() > URI_MAX.div_ceil(3) * 4 {
        return None;
    }
    let text = String::from_utf8(BASE64URL.decode(encoded).ok()?).ok()?;
    let usable = !text.is_empty() && text.len() <= URI_MAX && !text.chars().any(char::is_control);
    usable.then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/fixtures/kamailio/", $name, ".json"))
        };
    }

    fn result<T>(reply: Result<Reply<T>, String>) -> T {
        match reply.unwrap() {
            Reply::Result(result) => result,
            Reply::Refused { code, message } => panic!("{code} {message}"),
        }
    }

    #[test]
    fn a_real_list_is_read() {
        let seen = result(read_dialogs(sample!("dlg.list")));
        assert_eq!((seen.items.len(), seen.skipped), (2, 0));
        let first = &seen.items[0];
        assert_eq!((&*first.call_id, &*first.from_tag), ("1-3922@127.0.0.71", "3922c1"));
        assert_eq!((first.dialog, first.state), ((768, 377), CallState::Up));
        assert_eq!((first.started_s, &*first.from_uri), (1_795_339_154, "sip:alice@127.0.0.71"));
        assert_eq!((&first.account, &first.ruri), (&None, &None));
    }

    fn dialog(change: impl Fn(&mut Value)) -> Seen<SeenDialog> {
        let mut body: Value = serde_json::from_slice(sample!("dlg.list")).unwrap();
        change(&mut body["result"][0]);
        result(read_dialogs(body.to_string().as_bytes()))
    }

    #[test]
    fn our_variables_are_read() {
        let seen = dialog(|one| {
            one["variables"] = serde_json::json!([{"x": "y"}, {"hp_account": "YWxpY2U"},
                {"hp_ruri": "c2lwOis0OUBo"}, {"hp_from": "c2lwOitAaA=="}]);
            one["state"] = 2.into();
            one["start_ts"] = 0.into();
            one["init_ts"] = 5.into();
        });
        let first = &seen.items[0];
        assert_eq!(first.account, AccountName::parse("alice").ok());
        assert_eq!((first.ruri.as_deref(), &*first.from_uri), (Some("sip:+49@h"), "sip:+@h"));
        assert_eq!((first.state, first.started_s), (CallState::Reserved, 5));
        let odd = serde_json::json!([{"hp_account": "***"}, {"hp_ruri": 5}, {"hp_from": "AA"}, 7]);
        let seen = dialog(|one| one["variables"] = odd.clone());
        assert_eq!((&seen.items[0].account, &seen.items[0].ruri), (&None, &None));
        assert_eq!(&*seen.items[0].from_uri, "sip:alice@127.0.0.71");
    }

    #[test]
    fn an_odd_entry_hides_no_other() {
        assert_eq!(dialog(|one| one["state"] = 5.into()).skipped, 0);
        for (key, value) in [
            ("state", Value::from(9)),
            ("state", "4".into()),
            ("call-id", Value::Null),
            ("call-id", "".into()),
            ("call-id", "a\r\nb".into()),
            ("call-id", "x".repeat(257).into()),
            ("h_entry", (-1).into()),
            ("h_id", "7".into()),
        ] {
            let seen = dialog(|one| one[key] = value.clone());
            assert_eq!((seen.items.len(), seen.skipped), (1, 1), "{key} {value}");
        }
        assert_eq!(dialog(|one| *one = 7.into()).skipped, 1);
        let mut latin = sample!("dlg.list").to_vec();
        let at = latin.windows(5).position(|part| part == b"alice").unwrap();
        latin[at] = 0xe9;
        assert_eq!(result(read_dialogs(&latin)).items.len(), 2);
    }

    #[test]
    fn lists_come_in_other_shapes() {
        for (body, items) in [
            (r#"{"jsonrpc":"2.0","result":[],"id":1}"#, 0),
            (r#"{"jsonrpc":"2.0","result":{},"id":1}"#, 0),
            (r#"{"result":{"h_entry":1,"h_id":2,"call-id":"a","state":4}}"#, 1),
        ] {
            assert_eq!(result(read_dialogs(body.as_bytes())).items.len(), items, "{body}");
        }
        for body in ["", "{}", "[]", "<html>", r#"{"result":7}"#, r#"{"result":null}"#] {
            assert!(read_dialogs(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn contacts_are_read() {
        let seen = result(read_contacts(sample!("ul.lookup")));
        let uris: Vec<&str> = seen.items.iter().map(|contact| contact.uri.as_str()).collect();
        assert_eq!(uris, ["sip:bob@127.0.0.62:5070", "sip:bob@127.0.0.61:5070"]);
        assert_eq!((&seen.items[0].received, &seen.items[0].path), (&None, &None));
        assert_eq!(result(read_contacts(sample!("ul.lookup_404"))), Seen::default());
        let odd = r#"{"result":{"AoR":"b","Contacts":[
            {"Contact":{"Address":"sip:b@h","Received":"sip:1.2.3.4:9","Path":"<sip:p;lr>"}},
            {"Contact":{"Address":"sip:b@h","Expires":"expired"}},
            {"Contact":{"Address":"sip:b@h?X=y"}}, {"Contact":{"Address":"[not set]"}}, {}, 7,
            {"Contact":{"Address":"sip:b@h","Path":"a\r\nb"}}]}}"#;
        let seen = result(read_contacts(odd.as_bytes()));
        assert_eq!((seen.items.len(), seen.skipped), (1, 5));
        assert_eq!(seen.items[0].path.as_deref(), Some("<sip:p;lr>"));
        assert_eq!(seen.items[0].received.as_ref().map(SipUri::as_str), Some("sip:1.2.3.4:9"));
    }

    #[test]
    fn refusals_are_told() {
        let missing = Reply::Refused { code: 404, message: "Dialog not found".to_owned() };
        assert_eq!(read_done(sample!("dlg.end_dlg_404")), Ok(missing));
        assert_eq!(read_done(sample!("dlg.end_dlg")), Ok(Reply::Result(())));
        let since = result(read_up_since(sample!("core.uptime")));
        assert_eq!(since, "Sun Nov 22 09:19:12 2026");
        let refused = read_contacts(sample!("unknown_method")).unwrap();
        assert!(matches!(refused, Reply::Refused { code: 500, .. }));
    }
}
