//! What `POST /v1/route` answers.
//!
//! Kamailio puts reason and headers on the wire verbatim, loops over a branch whose URI is empty,
//! and refuses a document with `\u0000` in it (measured on 5.6.3). So whatever is in a decision,
//! an answer has only printable ASCII, header lines that are whole, and branches that can be sent.

use std::borrow::Cow;
use std::io::Write as _;

use crate::domain::{Branch, CallRef, Decision, ForkOrder, Outcome, Refusal, Stage};

use super::query::URI_MAX;

/// The code when a refusal has one that can't refuse.
const CODE_INSTEAD: u16 = 500;
/// The reason phrase when a refusal has none that can be sent.
const REASON_INSTEAD: &str = "Refused";

/// The answer in the form of version 1.
#[must_use]
pub fn answer(decision: &Decision) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    match &decision.outcome {
        Outcome::Fork(order) => match sendable(order) {
            Some(stages) => fork(&mut out, decision.call, &stages),
            None => nothing_to_ring(&mut out),
        },
        Outcome::Pass { headers } => pass(&mut out, decision.call, headers),
        Outcome::Refuse(refusal) => refuse(&mut out, refusal),
    }
    out
}

/// Whether `headers` is zero or more lines `Name: value` of printable ASCII, each with its CR LF.
#[must_use]
pub fn well_formed_headers(headers: &str) -> bool {
    let mut rest = headers.as_bytes();
    while !rest.is_empty() {
        let Some(end) = rest.iter().position(|byte| *byte == b'\r') else { return false };
        if rest.get(end + 1) != Some(&b'\n') || !well_formed_line(&rest[..end]) {
            return false;
        }
        rest = &rest[end + 2..];
    }
    true
}

fn well_formed_line(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    !name.is_empty()
        && value.starts_with(b": ")
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && value.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The lines that may be sent.
pub(super) fn clean_headers(headers: &str) -> Cow<'_, str> {
    if well_formed_headers(headers) {
        return Cow::Borrowed(headers);
    }
    let mut clean = String::with_capacity(headers.len());
    for line in headers.split("\r\n").filter(|line| well_formed_line(line.as_bytes())) {
        clean.push_str(line);
        clean.push_str("\r\n");
    }
    Cow::Owned(clean)
}

/// A stage as it can be sent.
pub(super) struct SendStage<'a> {
    pub(super) ring_s: u16,
    pub(super) branches: Vec<&'a Branch>,
    pub(super) mailbox: bool,
}

/// The stages without what can't be sent; `None` if nothing is left.
pub(super) fn sendable(order: &ForkOrder) -> Option<Vec<SendStage<'_>>> {
    let stages: Vec<SendStage<'_>> = order.stages.iter().filter_map(send_stage).collect();
    if stages.is_empty() { None } else { Some(stages) }
}

fn send_stage(stage: &Stage) -> Option<SendStage<'_>> {
    let branches: Vec<&Branch> = stage.branches.iter().filter(|branch| can_go(branch)).collect();
    let ring_s = stage.ring_s.max(1);
    if branches.is_empty() {
        None
    } else {
        Some(SendStage { ring_s, branches, mailbox: stage.mailbox })
    }
}

fn can_go(branch: &Branch) -> bool {
    let path_fits =
        |path: &str| path.len() <= URI_MAX && path.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    can_be_uri(&branch.uri)
        && branch.dst_uri.as_deref().is_none_or(|uri| uri.is_empty() || can_be_uri(uri))
        && branch.path.as_deref().is_none_or(path_fits)
}

fn can_be_uri(uri: &str) -> bool {
    let colon = uri.bytes().position(|byte| byte == b':');
    let scheme = colon.and_then(|colon| uri.get(..colon)).unwrap_or_default();
    (scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips"))
        && (scheme.len() + 2..=URI_MAX).contains(&uri.len())
        && uri.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !is_delimiter(byte))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'\\')
}

pub(super) fn nothing_to_ring(out: &mut Vec<u8>) {
    out.extend_from_slice(
        br#"{"v":1,"action":"refuse","code":480,"reason":"Temporarily Unavailable","cause":"no_device","headers":""}"#,
    );
}

fn fork(out: &mut Vec<u8>, call: Option<CallRef>, stages: &[SendStage<'_>]) {
    open(out, "fork", call);
    out.extend_from_slice(b",\"stages\":[");
    for (index, stage) in stages.iter().enumerate() {
        separate(out, index);
        out.extend_from_slice(b"{\"ring_s\":");
        number(out, stage.ring_s);
        if stage.mailbox {
            out.extend_from_slice(b",\"mailbox\":true");
        }
        out.extend_from_slice(b",\"branches\":[");
        for (index, branch) in stage.branches.iter().enumerate() {
            separate(out, index);
            self::branch(out, branch);
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}");
}

fn branch(out: &mut Vec<u8>, branch: &Branch) {
    out.push(b'{');
    key(out, "device");
    text(out, branch.device.as_str());
    out.push(b',');
    key(out, "uri");
    text(out, &branch.uri);
    let headers = branch.headers.as_deref().map(clean_headers);
    for (name, value) in [
        ("dst_uri", branch.dst_uri.as_deref()),
        ("path", branch.path.as_deref()),
        ("headers", headers.as_deref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            out.push(b',');
            key(out, name);
            text(out, value);
        }
    }
    out.push(b'}');
}

pub(super) fn pass(out: &mut Vec<u8>, call: Option<CallRef>, headers: &str) {
    open(out, "pass", call);
    let headers = clean_headers(headers);
    if !headers.is_empty() {
        out.push(b',');
        key(out, "headers");
        text(out, &headers);
    }
    out.push(b'}');
}

pub(super) fn refuse(out: &mut Vec<u8>, refusal: &Refusal) {
    open(out, "refuse", None);
    let refuses = (400..=699).contains(&refusal.code);
    out.extend_from_slice(b",\"code\":");
    number(out, if refuses { refusal.code } else { CODE_INSTEAD });
    out.push(b',');
    key(out, "reason");
    text(out, &clean_reason(&refusal.reason));
    out.push(b',');
    key(out, "cause");
    text(out, refusal.cause.as_str());
    out.push(b',');
    key(out, "headers");
    text(out, &clean_headers(&refusal.headers));
    out.push(b'}');
}

fn clean_reason(reason: &str) -> Cow<'_, str> {
    let printable = |character: char| matches!(character, ' '..='~');
    if reason.trim().is_empty() {
        Cow::Borrowed(REASON_INSTEAD)
    } else if reason.chars().all(printable) {
        Cow::Borrowed(reason)
    } else {
        Cow::Owned(reason.chars().map(|one| if printable(one) { one } else { '?' }).collect())
    }
}

/// `{"v":1,"action":…,"call":…` without the closing brace; no `call` where nothing was counted.
pub(super) fn open(out: &mut Vec<u8>, action: &str, call: Option<CallRef>) {
    out.extend_from_slice(b"{\"v\":1,\"action\":");
    text(out, action);
    if let Some(call) = call {
        // A CallRef is letters, digits and a hyphen.
        let _ = write!(out, ",\"call\":\"{call}\"");
    }
}

pub(super) fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// The name of a field: letters and `_`, nothing to escape.
pub(super) fn key(out: &mut Vec<u8>, name: &'static str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

pub(super) fn number(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    // Writing into a Vec can't fail.
    let _ = write!(out, "{number}");
}

/// A JSON string. What comes here is ASCII already; if it were not, it would still be JSON.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Nearly always all of it at once.
    while let Some(at) = rest.iter().position(|byte| !is_plain(*byte)) {
        let (plain, odd) = rest.split_at(at);
        out.extend_from_slice(plain);
        match odd[0] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(b'?'),
        }
        rest = &odd[1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether a byte stands for itself in a JSON string here.
fn is_plain(byte: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let mut plain = [true; 256];
        let mut byte = 0;
        while byte < b' ' {
            plain[byte as usize] = false;
            byte += 1;
        }
        plain[b'"' as usize] = false;
        plain[b'\\' as usize] = false;
        plain[0x7f] = false;
        plain
    };
    PLAIN[usize::from(byte)]
}
