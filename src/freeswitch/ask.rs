//! What a FreeSWITCH asks where there is no proxy: `mod_xml_curl` wants the dialplan for a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{AccountName, LegId, RouteQuery, read_trail, read_wishes};

/// The context of the dialplan in which calls ask us who rings. Of every other one the switch's own
/// files decide: it asks about all of them.
pub const CONTEXT: &str = "hallporter-calls";

/// The longest URI that is read, in bytes.
const URI_BYTES_MAX: usize = 1024;
/// How many bytes of a wish are read.
const WISH_BYTES_MAX: usize = 256;
/// Display names are cut to this, in characters.
const DISPLAY_MAX: usize = 128;

const SECTION: &str = "section";
const LEG: &str = "Unique-ID";
const CONTEXT_OF: [&str; 2] = ["Hunt-Context", "Caller-Context"];
const DIALLED: [&str; 2] = ["Hunt-Destination-Number", "Caller-Destination-Number"];
const HOST: &str = "variable_sip_req_host";
const FROM: &str = "variable_sip_from_uri";
const DISPLAY: &str = "Caller-Caller-ID-Name";
const ACCOUNT: &str = "variable_hallporter_account";
const SOURCE: &str = "variable_sip_network_ip";
const VIDEO: &str = "variable_video_possible";
const TRAIL: &str = "variable_sip_h_X-Hallporter-Trail";
/// The caller's wishes: as the dialplan or the directory has set them, and as he can write them
/// himself. FreeSWITCH 1.11.2 reads the headers of RFC 3841 and tells nobody of them, so that only
/// what begins with `X-` comes from a caller.
const DISPOSITION: [&str; 2] =
    ["variable_sip_h_Request-Disposition", "variable_sip_h_X-Request-Disposition"];
const REJECT: [&str; 2] = ["variable_sip_h_Reject-Contact", "variable_sip_h_X-Reject-Contact"];

/// What is read of the two hundred and more fields; the rest is ignored.
const FIELDS: [&str; 17] = [
    SECTION,
    LEG,
    CONTEXT_OF[0],
    CONTEXT_OF[1],
    DIALLED[0],
    DIALLED[1],
    HOST,
    FROM,
    DISPLAY,
    ACCOUNT,
    SOURCE,
    VIDEO,
    TRAIL,
    DISPOSITION[0],
    DISPOSITION[1],
    REJECT[0],
    REJECT[1],
];

/// A switch's question about a call. Whose it is the address says to which it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question as every other one.
    pub query: RouteQuery,
    /// What was dialled, as the switch has it.
    pub dialled: Arc<str>,
}

/// Why a switch's question can't be answered. The switch's own files decide then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// A field is missing.
    #[error("{field} is missing: bind mod_xml_curl to the dialplan alone, with method POST")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field stands there twice.
    #[error("{field} stands there twice")]
    Twice {
        /// Which.
        field: &'static str,
    },
    /// A field makes no sense.
    #[error("{field} can't be read: {why}")]
    Unreadable {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads a switch's question (`application/x-www-form-urlencoded`); `None` for one about something
/// else than a call in [`CONTEXT`].
///
/// # Errors
/// [`AskError`] for a question about such a call that can't be read.
pub fn read_question(body: &[u8]) -> Result<Option<Asked>, AskError> {
    let mut fields: BTreeMap<&'static str, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        let Some(field) = FIELDS.iter().find(|field| **field == name) else { continue };
        if fields.insert(field, value.into_owned()).is_some() {
            return Err(AskError::Twice { field });
        }
    }
    let given = |names: &[&'static str]| {
        let found = names.iter().find_map(|name| fields.get(name));
        found.map(String::as_str).filter(|text| !text.is_empty())
    };
    let section = given(&[SECTION]).ok_or(AskError::Missing { field: SECTION })?;
    if section != "dialplan" || given(&CONTEXT_OF) != Some(CONTEXT) {
        return Ok(None);
    }
    let leg = given(&[LEG]).ok_or(AskError::Missing { field: LEG })?;
    let why = || "an id has letters, digits, '-' and '_' only".to_owned();
    let leg = LegId::parse(leg).ok_or_else(|| AskError::Unreadable { field: LEG, why: why() })?;
    let dialled = given(&DIALLED).ok_or(AskError::Missing { field: DIALLED[0] })?;
    let host = plain(HOST, given(&[HOST]).unwrap_or("invalid"))?;
    let from = plain(FROM, given(&[FROM]).unwrap_or_default())?;
    let name = plain(ACCOUNT, given(&[ACCOUNT]).unwrap_or_default())?;
    let account = AccountName::parse(name).ok();
    // Its users may be called as no account can be: nobody here, and no stranger.
    let named_nobody = account.is_none() && !name.is_empty();
    let display = given(&[DISPLAY]).unwrap_or_default().chars();
    let query = RouteQuery {
        call_id: leg.as_str().into(),
        from_uri: if from.is_empty() { "".into() } else { format!("sip:{from}").into() },
        from_display: display
            .filter(|letter| !letter.is_control())
            .take(DISPLAY_MAX)
            .collect::<String>()
            .into(),
        ruri: plain(DIALLED[0], &format!("sip:{}@{host}", escaped(dialled)))?.into(),
        account,
        named_nobody,
        source_ip: given(&[SOURCE]).and_then(|address| address.parse().ok()),
        video: given(&[VIDEO]) == Some("true"),
        dialog: Some(leg.as_dialog()),
        trail: given(&[TRAIL]).map(read_trail).unwrap_or_default(),
        wishes: read_wishes(wish(given(&DISPOSITION)), wish(given(&REJECT))),
        ..RouteQuery::default()
    };
    Ok(Some(Asked { query, dialled: dialled.into() }))
}

/// The beginning of a wish; what is cut through is no wish any more.
fn wish(text: Option<&str>) -> &str {
    let text = text.unwrap_or_default();
    let end = (0..=WISH_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn plain<'a>(field: &'static str, text: &'a str) -> Result<&'a str, AskError> {
    let why = if text.len() > URI_BYTES_MAX {
        "it is longer than 1024 bytes"
    } else if text.contains(char::is_control) {
        "it has control characters in it"
    } else {
        return Ok(text);
    };
    Err(AskError::Unreadable { field, why: why.to_owned() })
}

/// What was dialled as the user of a URI (RFC 3261 §25.1).
fn escaped(dialled: &str) -> String {
    use std::fmt::Write as _;
    let mut user = String::with_capacity(dialled.len());
    for byte in dialled.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            user.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            let _ = write!(user, "%{byte:02X}");
        }
    }
    user
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Wish;

    const GOOD: &str = "hostname=h&section=dialplan&tag_name=&Event-Name=REQUEST_PARAMS&\
        Unique-ID=5de0-76e9&Hunt-Context=hallporter-calls&Caller-Context=other&\
        Caller-Destination-Number=old&Hunt-Destination-Number=%2B4930&\
        variable_sip_req_host=example.com&variable_sip_from_uri=%2B49301%40hp.test&\
        Caller-Caller-ID-Name=Ada%20%22L%22%0A&variable_hallporter_account=alice&\
        variable_sip_network_ip=10.0.0.1&variable_video_possible=true&\
        variable_sip_h_X-Hallporter-Trail=1f%3B2";

    fn with(from: &str, to: &str) -> Result<Option<Asked>, AskError> {
        assert!(GOOD.contains(from), "{from}");
        read_question(GOOD.replacen(from, to, 1).as_bytes())
    }

    #[test]
    fn a_question_is_read() {
        let asked = read_question(GOOD.as_bytes()).unwrap().unwrap();
        let query = asked.query;
        assert_eq!((&*query.call_id, &*asked.dialled), ("5de0-76e9", "+4930"));
        assert_eq!(
            (&*query.ruri, &*query.from_uri),
            ("sip:+4930@example.com", "sip:+49301@hp.test")
        );
        assert_eq!(&*query.from_display, "Ada \"L\"");
        assert_eq!(query.account, AccountName::parse("alice").ok());
        assert_eq!(query.source_ip, "10.0.0.1".parse().ok());
        assert_eq!((query.video, query.trail), (true, vec![0x1f, 2]));
    }

    #[test]
    fn wishes_are_read() {
        let wishes = |more: &str| {
            let asked = read_question(format!("{GOOD}&{more}").as_bytes()).unwrap().unwrap();
            let wishes = asked.query.wishes;
            Wish::ALL.into_iter().filter(|wish| wishes.has(*wish as u8)).collect::<Vec<_>>()
        };
        assert_eq!(wishes("variable_sip_h_Request-Disposition=no-fork"), [Wish::NoFork]);
        assert_eq!(
            wishes(
                "variable_sip_h_X-Request-Disposition=proxy%2C%20No-Fork&variable_sip_h_X-Reject-Contact=*%3Bautomata"
            ),
            [Wish::NoMailbox, Wish::NoFork]
        );
        // What the site says goes before what the caller writes.
        assert_eq!(
            wishes(
                "variable_sip_h_Request-Disposition=fork&variable_sip_h_X-Request-Disposition=no-fork"
            ),
            []
        );
        let long = format!("variable_sip_h_X-Request-Disposition={}no-fork", "%C3%BC,".repeat(200));
        assert_eq!(wishes(&long), []);
    }

    #[test]
    fn other_questions_are_the_switch_s_own_affair() {
        assert_eq!(with("section=dialplan", "section=directory"), Ok(None));
        assert_eq!(with("Hunt-Context=hallporter-calls", "Hunt-Context=public"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, field) in [
            ("section=dialplan", "section=", "section"),
            ("Unique-ID=5de0-76e9", "x=y", "Unique-ID"),
            ("Unique-ID=5de0-76e9", "Unique-ID=a%20b", "Unique-ID"),
            (
                "Hunt-Destination-Number=%2B4930",
                "Hunt-Destination-Number=",
                "Hunt-Destination-Number",
            ),
            ("variable_hallporter_account=alice", "variable_hallporter_account=a%0Ab", ACCOUNT),
            ("variable_sip_req_host=example.com", "variable_sip_req_host=a%0Ab", HOST),
            ("hostname=h", "Unique-ID=other", "Unique-ID"),
        ] {
            let error = with(from, to).unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
        }
        let named = with("variable_hallporter_account=alice", "variable_hallporter_account=%2B49");
        let query = named.unwrap().unwrap().query;
        assert!(query.account.is_none() && query.named_nobody);
        assert!(read_question(b"").is_err());
    }

    proptest! {
        #[test]
        fn what_was_dialled_stays_within_its_uri(dialled in ".{1,40}") {
            let mut body = form_urlencoded::Serializer::new(String::new());
            for (name, value) in [
                (SECTION, "dialplan"),
                (LEG, "a"),
                (CONTEXT_OF[0], CONTEXT),
                (DIALLED[0], &dialled),
                (HOST, "h"),
            ] {
                body.append_pair(name, value);
            }
            let asked = read_question(body.finish().as_bytes()).unwrap().unwrap();
            let user = asked.query.ruri.strip_prefix("sip:").unwrap().strip_suffix("@h").unwrap();
            prop_assert!(!user.contains(['@', ' ', '<', '>', '"', ':']), "{user}");
        }
    }
}
