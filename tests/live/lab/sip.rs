//! As much of SIP as phones and callers need. Bytes are characters here: what a hostile caller
//! writes comes and goes as it is.

use super::DOMAIN;

/// A request or a reply.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) text: String,
}

impl Message {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self { text: bytes.iter().map(|byte| char::from(*byte)).collect() }
    }

    pub(crate) fn first_line(&self) -> &str {
        self.text.split("\r\n").next().unwrap()
    }

    /// The code of a reply.
    pub(crate) fn code(&self) -> Option<u16> {
        self.first_line().strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.first_line().split(' ').next().unwrap()
    }

    /// Where a request is for.
    pub(crate) fn ruri(&self) -> &str {
        self.first_line().split(' ').nth(1).unwrap_or_default()
    }

    /// The user part of where it is for.
    pub(crate) fn user(&self) -> &str {
        let uri = self.ruri();
        let address = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        address.split(['@', ';']).next().unwrap()
    }

    fn head(&self) -> &str {
        self.text.split("\r\n\r\n").next().unwrap()
    }

    /// All values of a header, in order.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let named = |line: &'_ str| {
            line.split_once(':').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name))
        };
        let lines = self.head().split("\r\n").skip(1).filter(|line| named(line));
        lines.map(|line| line.split_once(':').unwrap().1.trim()).collect()
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub(crate) fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// The method in the CSeq, which says what a reply is for.
    pub(crate) fn about(&self) -> &str {
        self.header("CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or_default()
    }

    /// The branch of the topmost Via.
    pub(crate) fn branch(&self) -> &str {
        let via = self.header("Via").unwrap_or_default();
        via.split("branch=").nth(1).unwrap_or_default().split([';', ',']).next().unwrap()
    }

    /// The URI of the Contact.
    pub(crate) fn contact(&self) -> Option<&str> {
        uri_of(self.header("Contact")?)
    }

    /// A parameter in quotes, as challenges have them.
    pub(crate) fn quoted(&self, header: &str, name: &str) -> Option<String> {
        let value = self.header(header)?;
        Some(value.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.to_owned())
    }

    /// A reply to this request. `tag` is put to To if there is none; `rest` are further lines.
    pub(crate) fn reply(&self, line: &str, tag: &str, rest: &str) -> String {
        let mut text = format!("SIP/2.0 {line}\r\n");
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers(name) {
                let tagged = name == "To" && !value.contains(";tag=") && !tag.is_empty();
                let tag = if tagged { format!(";tag={tag}") } else { String::new() };
                text += &format!("{name}: {value}{tag}\r\n");
            }
        }
        text + rest + "Content-Length: 0\r\n\r\n"
    }
}

/// Characters as the bytes that they stand for.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|one| u8::try_from(u32::from(one)).unwrap_or(b'?')).collect()
}

/// The URI between angle brackets.
pub(crate) fn uri_of(value: &str) -> Option<&str> {
    value.split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
}

/// What a user or a whole URI means as the target of a request.
pub(crate) fn target(to: &str) -> String {
    if to.contains(':') { to.to_owned() } else { format!("sip:{to}@{DOMAIN}") }
}
