//! The last History-Info header of a request (RFC 7044), as far as it can be continued.

use crate::domain::{History, SipUri};

/// The longest header that is continued, in bytes.
pub(super) const BYTES_MAX: usize = 1024;
/// The longest index that is continued, in bytes. A longer one has gone in a circle, or is made up.
const INDEX_BYTES_MAX: usize = 64;
/// What a caller may write into Privacy so that no history is told (RFC 7044 §10.1).
const PRIVATE: [&str; 3] = ["history", "header", "session"];

/// Reads the header, and Privacy. What is not as it should be is left out, and the history then
/// begins anew: it decides no call by being written badly.
pub(super) fn read(header: &str, privacy: &str, ruri: &str) -> History {
    let mut wishes = privacy.split([';', ',']).map(str::trim);
    if wishes.any(|wish| PRIVATE.iter().any(|known| known.eq_ignore_ascii_case(wish))) {
        return History::Private;
    }
    let header = Some(header).filter(|header| header.len() <= BYTES_MAX);
    header.and_then(|header| last(header, ruri)).unwrap_or_default()
}

/// The last entry, if all of them are well-formed.
fn last(header: &str, ruri: &str) -> Option<History> {
    let mut rest = header.trim();
    loop {
        let (uri, parameters) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, behind) = match parameters.split_once(',') {
            Some((parameters, behind)) => (parameters, Some(behind.trim_start())),
            None => (parameters, None),
        };
        let (index, uri) = (index_of(parameters)?, plain(uri)?);
        match behind {
            Some(behind) => rest = behind,
            None => {
                let here = SipUri::parse(ruri).is_ok_and(|dialled| same(&uri, &dialled));
                return Some(History::Known { index: index.into(), here });
            }
        }
    }
}

/// The URI of an entry, without what is escaped into it.
fn plain(uri: &str) -> Option<SipUri> {
    let (uri, escaped) = uri.split_once('?').unwrap_or((uri, ""));
    let safe = escaped.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\,".contains(&byte));
    SipUri::parse(uri).ok().filter(|_| safe)
}

fn same(one: &SipUri, other: &SipUri) -> bool {
    let ((user, host), (dialled, at)) = (one.user_and_host(), other.user_and_host());
    user == dialled && host.eq_ignore_ascii_case(at)
}

/// The index, such as `1.2`. Whatever else stands there has to be words and figures.
fn index_of(parameters: &str) -> Option<&str> {
    let mut index = None;
    for parameter in parameters.split(';').skip(1) {
        let (name, value) = parameter.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let word = |text: &str| {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !text.is_empty() && text.bytes().all(word)
        };
        if !word(name) || !word(value) {
            return None;
        }
        if name.eq_ignore_ascii_case("index") && index.replace(value).is_some() {
            return None;
        }
    }
    let figures =
        |level: &str| !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit());
    index.filter(|index| index.len() <= INDEX_BYTES_MAX && index.split('.').all(figures))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(index: &str, here: bool) -> History {
        History::Known { index: index.into(), here }
    }

    #[test]
    fn the_last_entry_is_continued() {
        let read = |header: &str| read(header, "", "sip:+4930@hp.test;user=phone");
        for (header, expected) in [
            ("", History::None),
            ("<sip:+4930@hp.test>;index=1", known("1", true)),
            ("<sip:+4930@HP.test:5060;x=y>;index=1", known("1", true)),
            ("<sip:+4931@hp.test>;index=1", known("1", false)),
            ("<sip:a@h>;index=1, <sip:+4930@hp.test;cause=302>;index=1.1;mp=1", known("1.1", true)),
            (
                "<sip:a@h?Reason=SIP%3Bcause%3D486>;index=1,<sip:b@h>; index = 1.10 ;rc=1",
                known("1.10", false),
            ),
        ] {
            assert_eq!(read(header), expected, "{header}");
        }
    }

    #[test]
    fn what_is_no_history_is_left_out() {
        let (deep, long) = ("1.".repeat(32) + "1", "9".repeat(65));
        for header in [
            "sip:a@h;index=1",
            "<sip:a@h>",
            "<sip:a@h>;index=",
            "<sip:a@h>;index=1.",
            "<sip:a@h>;index=.1",
            "<sip:a@h>;index=a",
            "<sip:a@h>;index=1;index=2",
            "<sip:a@h>;index=\"1\"",
            "<sip:a@h>;index=1;x",
            "<sip:a@h>;index=1;x=\"y, <sip:b@h>\"",
            "<sip:a@h>;index=1,",
            "<sip:a@h>;index=1 <sip:b@h>;index=2",
            "\"x\" <sip:a@h>;index=1",
            "<tel:+4930>;index=1",
            "<sip:a@h x>;index=1",
            "<sip:a@h?x=\">;index=1",
            "<>;index=1",
            &*format!("<sip:a@h>;index={deep}"),
            &*format!("<sip:a@h>;index={long}"),
            &*format!("{}<sip:a@h>;index=9", "<sip:a@h>;index=1,".repeat(60)),
        ] {
            assert_eq!(read(header, "", "sip:a@h"), History::None, "{header}");
        }
    }

    #[test]
    fn who_wants_it_private_is_not_told_of() {
        for privacy in ["history", "id;header", "none, Session", " HISTORY "] {
            assert_eq!(
                read("<sip:a@h>;index=1", privacy, "sip:a@h"),
                History::Private,
                "{privacy}"
            );
        }
        for privacy in ["", "id", "user;critical", "prehistory"] {
            assert_eq!(
                read("<sip:a@h>;index=1", privacy, "sip:a@h"),
                known("1", true),
                "{privacy}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_but_figures_is_taken_over(header in "(<sip:a@h>|;index=|[0-9.]{1,4}|,|<|>|;|=|\"|\\PC){0,12}") {
            if let History::Known { index, .. } = read(&header, "", "sip:a@h") {
                prop_assert!(index.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
                prop_assert!((1..=INDEX_BYTES_MAX).contains(&index.len()));
            }
        }
    }
}
