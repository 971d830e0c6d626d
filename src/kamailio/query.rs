//! The body of `POST /v1/route`.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::{
    AccountName, DeviceName, Method, NAME_BYTES_MAX, Registrations, RouteQuery, read_trail,
    read_wishes,
};

use super::Error;
use super::element::{Element, ElementSeed, read_whole};
use super::fields::{Fields, pair};
use super::{history, scan};

/// The longest Call-ID, in bytes.
pub(super) const CALL_ID_MAX: usize = 256;
/// The longest From tag, in bytes.
pub(super) const FROM_TAG_MAX: usize = 128;
/// The longest URI that is read, in bytes.
pub(super) const URI_MAX: usize = 1024;
/// Display names are cut to this, in bytes.
const DISPLAY_MAX: usize = 256;
/// Longer names are no user names.
pub(super) const ACCOUNT_MAX: usize = 256;
/// How many bytes of a trail are read: sixteen keys of eight digits, and some rubbish.
const TRAIL_BYTES_MAX: usize = 1024;
/// How many bytes of a wish are read.
const WISHES_BYTES_MAX: usize = 256;

const NAMES: [&str; 18] = [
    "call_id",
    "from_tag",
    "from_uri",
    "from_display",
    "ruri",
    "account",
    "source_ip",
    "video",
    "method",
    "t",
    "h",
    "enc",
    "trail",
    "disposition",
    "reject",
    "device",
    "history",
    "privacy",
];
const CALL_ID: usize = 0;
const FROM_TAG: usize = 1;
const FROM_URI: usize = 2;
const FROM_DISPLAY: usize = 3;
const RURI: usize = 4;
const ACCOUNT: usize = 5;
const SOURCE_IP: usize = 6;
const VIDEO: usize = 7;
const METHOD: usize = 8;
const TRANSACTION: usize = 9;
const DIALOG: usize = 10;
const ENC: usize = 11;
const TRAIL: usize = 12;
const DISPOSITION: usize = 13;
const REJECT: usize = 14;
const DEVICE: usize = 15;
const HISTORY: usize = 16;
const PRIVACY: usize = 17;

/// Reads a proxy's question.
///
/// Keys that are not known here are ignored, since the proxy's configuration may be newer.
///
/// # Errors
/// A sentence for broken JSON (with line and column), for a field that is missing, has a wrong
/// type, stands there twice, is too long or has control characters in it. The display name and the
/// trail never make an error of their content: decoration must not decide a call.
pub fn read_query(body: &[u8]) -> Result<RouteQuery, Error> {
    let mut fields = opened(body)?;
    let (account, named_nobody) = account(&mut fields)?;
    let call_id = fields.required(CALL_ID, CALL_ID_MAX)?.into();
    let ruri: Arc<str> = fields.required(RURI, URI_MAX)?.into();
    Ok(RouteQuery {
        call_id,
        from_tag: fields.plain(FROM_TAG, FROM_TAG_MAX)?.into(),
        from_uri: fields.plain(FROM_URI, URI_MAX)?.into(),
        from_display: display(&mut fields)?,
        account,
        named_nobody,
        source_ip: fields.formed(SOURCE_IP, "an IP address", address)?,
        video: fields.flag(VIDEO)?.unwrap_or_default(),
        method: method(&mut fields)?,
        transaction: fields.formed(TRANSACTION, "two numbers, index:label", pair)?,
        dialog: fields.formed(DIALOG, "two numbers, h_entry:h_id", pair)?,
        trail: read_trail(&fields.decoration(TRAIL, TRAIL_BYTES_MAX)?),
        wishes: read_wishes(
            &fields.decoration(DISPOSITION, WISHES_BYTES_MAX)?,
            &fields.decoration(REJECT, WISHES_BYTES_MAX)?,
        ),
        history: history::read(
            &fields.decoration(HISTORY, history::BYTES_MAX + 1)?,
            &fields.decoration(PRIVACY, WISHES_BYTES_MAX)?,
            &ruri,
        ),
        ruri,
        // What makes no sense is left out: it decides no call.
        device: DeviceName::parse(&fields.decoration(DEVICE, NAME_BYTES_MAX)?).ok(),
        unsaved: false,
        registrations: Registrations::new(),
        switch: None,
    })
}

/// The fields of a question, as they were before their encoding.
fn opened(body: &[u8]) -> Result<Fields<'_, 18>, Error> {
    let mut fields = match scan::object(body, &NAMES) {
        Some(fields) => fields,
        None => match read_whole(body, ElementSeed(&NAMES))? {
            Element::Fields(fields) => fields,
            Element::Other(found) => return Err(Error::NotObject { found }),
        },
    };
    fields.open(ENC)?;
    Ok(fields)
}

fn display(fields: &mut Fields<'_, 18>) -> Result<Arc<str>, Error> {
    Ok(fields.decoration(FROM_DISPLAY, DISPLAY_MAX)?.into())
}

/// The account that the proxy authenticated; whether it is one that there can't be. Users of a
/// proxy may well be called `+493012345`: that is for the desk to decide, like every other name.
fn account(fields: &mut Fields<'_, 18>) -> Result<(Option<AccountName>, bool), Error> {
    let name = fields.plain(ACCOUNT, ACCOUNT_MAX)?;
    let account = AccountName::parse(name).ok();
    let named_nobody = account.is_none() && !name.is_empty();
    Ok((account, named_nobody))
}

/// The Call-ID of a question that can't be read otherwise, for the log.
#[must_use]
pub fn call_id_of(body: &[u8]) -> Option<String> {
    let mut fields = opened(body).ok()?;
    fields.required(CALL_ID, CALL_ID_MAX).ok().map(str::to_owned)
}

fn method(fields: &mut Fields<'_, 18>) -> Result<Method, Error> {
    const GIVEN_MAX: usize = 32;
    let read = |text: &str| match text {
        "INVITE" => Some(Method::Invite),
        "MESSAGE" => Some(Method::Message),
        _ => None,
    };
    match fields.formed(METHOD, "a method", read) {
        Ok(method) => Ok(method.unwrap_or_default()),
        Err(Error::Form { .. }) => {
            let given = fields.decoration(METHOD, GIVEN_MAX)?;
            Err(Error::Method { given })
        }
        Err(other) => Err(other),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::{Value, json};

    use super::super::base64url::BASE64URL;
    use super::*;

    const GOOD: &str = r#"{"v":1,"call_id":"a@b","from_tag":"t1","from_uri":"sip:bob@h","ruri":"sip:+49@h",
        "from_display":"Bob","account":"alice","source_ip":"10.0.0.1","video":true,
        "method":"INVITE","t":"12:345","h":"7:8","trail":"1f;2"}"#;

    fn with(key: &str, value: impl Into<Value>) -> Vec<u8> {
        let mut body: Value = serde_json::from_str(GOOD).unwrap();
        body[key] = value.into();
        body.to_string().into_bytes()
    }

    fn encoded(value: &[u8], key: &str, padded: bool) -> Vec<u8> {
        let mut body = json!({"enc": "b64u", "call_id": "YQ", "ruri": "c2lwOmFAaA"});
        let mut text = BASE64URL.encode(value);
        if !padded {
            text.truncate(text.trim_end_matches('=').len());
        }
        body[key] = text.into();
        body.to_string().into_bytes()
    }

    #[test]
    fn a_plain_question_is_read() {
        let query = read_query(GOOD.as_bytes()).unwrap();
        assert_eq!((&*query.call_id, &*query.from_tag, &*query.ruri), ("a@b", "t1", "sip:+49@h"));
        assert_eq!((&*query.from_uri, &*query.from_display), ("sip:bob@h", "Bob"));
        assert_eq!(query.account, AccountName::parse("alice").ok());
        assert_eq!(query.source_ip, "10.0.0.1".parse().ok());
        assert!(query.video);
        assert_eq!((query.transaction, query.dialog), (Some((12, 345)), Some((7, 8))));
        assert_eq!(query.trail, [0x1f, 2]);
    }

    #[test]
    fn an_encoded_question_is_the_same() {
        let mut body: Value = serde_json::from_str(GOOD).unwrap();
        for (_, value) in body.as_object_mut().unwrap().iter_mut() {
            if let Value::String(text) = value {
                *text = BASE64URL.encode(text.as_bytes());
            }
        }
        body["enc"] = "b64u".into();
        let plain = read_query(GOOD.as_bytes()).unwrap();
        assert_eq!(read_query(body.to_string().as_bytes()).unwrap(), plain);
        for key in ["method", "t", "h", "source_ip", "v"] {
            body[key] = serde_json::from_str::<Value>(GOOD).unwrap()[key].clone();
        }
        assert_eq!(read_query(body.to_string().as_bytes()).unwrap(), plain);
    }

    #[test]
    fn little_is_required() {
        let query = read_query(br#"{"call_id":"x","ruri":"tel:112"}"#).unwrap();
        assert_eq!((&*query.from_uri, &*query.from_tag, query.video), ("", "", false));
        let query = read_query(
            br#"{"call_id":"x","ruri":"tel:112","account":"","t":"<null>:<null>","h":":","video":null,
                "from_uri":"","enc":"","source_ip":"","method":"","a_newer_key":{"deep":[1]}}"#,
        );
        let query = query.unwrap();
        assert_eq!((query.account, query.transaction, query.dialog), (None, None, None));
        for padded in [true, false] {
            let query = read_query(&encoded("Zoë \"x\"".as_bytes(), "from_display", padded));
            assert_eq!(&*query.unwrap().from_display, "Zoë \"x\"");
        }
    }

    #[test]
    fn a_user_that_no_account_can_be_is_nobody_here() {
        for name in ["+493012345", "alice@example.com", "no such name", "-", &"x".repeat(256)] {
            let query = read_query(&with("account", name)).unwrap();
            assert!(query.account.is_none() && query.named_nobody, "{name}");
            let query = read_query(&encoded(name.as_bytes(), "account", false)).unwrap();
            assert!(query.account.is_none() && query.named_nobody, "{name}");
        }
        for name in ["", "alice"] {
            assert!(!read_query(&with("account", name)).unwrap().named_nobody, "{name}");
        }
    }

    #[test]
    fn a_question_that_cannot_be_read_has_its_call_id() {
        let call_id = |body: &[u8]| call_id_of(body);
        assert_eq!(call_id(&with("ruri", "a\0b")).as_deref(), Some("a@b"));
        assert_eq!(call_id(&encoded(b"a\0b", "ruri", true)).as_deref(), Some("a"));
        for body in [with("call_id", "a\0b"), with("call_id", 7), with("enc", "hex")] {
            assert_eq!(call_id(&body), None);
        }
        for body in ["", "[]", r#"{"call_id":"a","ruri":"b","ruri":"c"}"#, r#"{"ruri":"c"}"#] {
            assert_eq!(call_id(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, field) in [
            (with("call_id", Value::Null), "call_id"),
            (with("call_id", ""), "call_id"),
            (with("call_id", 7), "call_id"),
            (with("call_id", "x".repeat(257)), "call_id"),
            (with("call_id", "a\0b"), "call_id"),
            (with("from_tag", "x".repeat(129)), "from_tag"),
            (with("from_tag", json!([[[]]])), "from_tag"),
            (with("from_uri", "sip:a@h\r\nX: y"), "from_uri"),
            (with("from_uri", false), "from_uri"),
            (with("ruri", "x".repeat(10_000)), "ruri"),
            (with("ruri", "sip:a\u{85}@h"), "ruri"),
            (with("ruri", json!({"a": 1})), "ruri"),
            (with("ruri", ""), "ruri"),
            (with("from_display", 1.5), "from_display"),
            (with("account", "x".repeat(257)), "account"),
            (with("account", "a\r\nb"), "account"),
            (with("account", -1), "account"),
            (with("source_ip", "10.0.0"), "source_ip"),
            (with("video", "yes"), "video"),
            (with("video", 1), "video"),
            (with("method", "SUBSCRIBE"), "method"),
            (with("method", true), "method"),
            (with("t", "1:x"), "t"),
            (with("h", "1:99999999999"), "h"),
            (with("enc", "hex"), "enc"),
            (with("enc", 1), "enc"),
            (with("trail", 5), "trail"),
            (br#"{"call_id":"a","ruri":"b","account":"x","account":"y"}"#.to_vec(), "account"),
            (br#"{"call_id":"a","ruri":"b","account":null,"account":"y"}"#.to_vec(), "account"),
            (br#"{"call_id":"a","ruri":"b","acc\u006funt":"x","account":"y"}"#.to_vec(), "account"),
            (br#"{"call_id":"!!!","ruri":"c2lw","enc":"b64u"}"#.to_vec(), "call_id"),
            (br#"{"call_id":"YQ","ruri":"/+==","enc":"b64u"}"#.to_vec(), "ruri"),
            (encoded(b"\xff\xfe", "ruri", true), "ruri"),
            (encoded(b"a\r\nb", "call_id", true), "call_id"),
            (encoded(b"SUBSCRIBE", "method", true), "method"),
            (encoded(&[b'x'; 10_000], "from_uri", true), "from_uri"),
        ] {
            let error = read_query(&body).unwrap_err();
            let shown = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
            assert_eq!(error.field(), Some(field), "{error} from {shown}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
            assert!(error.to_string().len() < 250 && !error.hint().is_empty(), "{error}");
        }
    }

    #[test]
    fn broken_json_is_pointed_at() {
        let deep = format!(r#"{{"call_id":"a","ruri":"b","x":{}"#, "[".repeat(20_000));
        for (body, line, column) in [
            (&b""[..], 1, 0),
            (b"{", 1, 1),
            (b"{\n \"call_id\": tru}", 2, 16),
            (b"{\"call_id\":\"a\nb\"}", 2, 0),
            (b"{\"call_id\":\"\xff\"}", 1, 13),
            (b"{\"ruri\":\"a\",\"call_id\":\"b\"} x", 1, 28),
            (deep.as_bytes(), 1, deep.len()),
        ] {
            let Err(Error::Json { line: l, column: c, .. }) = read_query(body) else { panic!() };
            assert_eq!((l, c), (line, column));
        }
        for body in ["[]", "null", "7", "\"x\"", "true", "-1", "0.5"] {
            assert!(matches!(read_query(body.as_bytes()), Err(Error::NotObject { .. })), "{body}");
        }
    }

    #[test]
    fn decoration_decides_nothing() {
        let display = |body: &[u8]| read_query(body).unwrap().from_display.to_string();
        assert_eq!(display(&with("from_display", "a\r\nb\0\u{9b}c\t")), "abc");
        assert_eq!(display(&with("from_display", "ä".repeat(5_000))), "ä".repeat(128));
        assert_eq!(display(&encoded(b"O'Br\xffien", "from_display", false)), "O'Br\u{fffd}ien");
        let garbage = br#"{"call_id":"YQ","ruri":"YQ","from_display":"*","enc":"b64u"}"#;
        assert_eq!(display(garbage), "");
        let trail = |text: &str| read_query(&with("trail", text)).unwrap().trail;
        assert_eq!(trail("1; ff;FF;xyz;;-1;123456789;+3;0"), [1, 0xff, 0]);
        assert_eq!(trail(&"a;".repeat(100)).len(), 16);
        assert_eq!(trail("\r\n"), [0; 0]);
    }
}
