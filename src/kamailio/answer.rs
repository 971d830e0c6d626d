//! What `POST /v1/route` answers.
//!
//! Kamailio puts reason and headers on the wire verbatim, loops over a branch whose URI is empty,
//! and refuses a document with `\u0000` in it (measured on 5.6.3). So whatever is in a decision,
//! an answer has only printable ASCII, header lines that are whole, and branches that can be sent.

use std::borrow::Cow;
use std::sync::Arc;

use crate::domain::{
    After, Branch, CallRef, Decision, ForkOrder, Outcome, Refusal, Stage, StageCause, Wake,
};

use super::query::URI_MAX;
use super::scan::{is_printable, plain};

/// The code when a refusal has one that can't refuse.
const CODE_INSTEAD: u16 = 500;
/// The reason phrase when a refusal has none that can be sent.
const REASON_INSTEAD: &str = "Refused";

/// Most answers have fewer bytes.
const ANSWER_BYTES: usize = 1024;

/// The answer in the form of version 1.
#[must_use]
pub fn answer(decision: &Decision) -> Vec<u8> {
    let mut out = Vec::with_capacity(ANSWER_BYTES);
    match &decision.outcome {
        Outcome::Fork(order) => {
            if !fork(&mut out, decision.call, order) {
                out.clear();
                nothing_to_ring(&mut out);
            }
        }
        Outcome::Pass { headers } => pass(&mut out, decision, headers),
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
        && is_printable(value)
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
}

/// The stages without what can't be sent; `None` if nothing is left.
pub(super) fn sendable(order: &ForkOrder) -> Option<Vec<SendStage<'_>>> {
    let stages: Vec<SendStage<'_>> = order.stages.iter().filter_map(send_stage).collect();
    if stages.is_empty() { None } else { Some(stages) }
}

fn send_stage(stage: &Stage) -> Option<SendStage<'_>> {
    let branches: Vec<&Branch> = stage.branches.iter().filter(|branch| can_go(branch)).collect();
    let ring_s = stage.ring_s.max(1);
    if branches.is_empty() { None } else { Some(SendStage { ring_s, branches }) }
}

fn can_go(branch: &Branch) -> bool {
    let path_fits = |path: &str| path.len() <= URI_MAX && is_printable(path.as_bytes());
    can_be_uri(&branch.uri)
        && branch.dst_uri.as_deref().is_none_or(|uri| uri.is_empty() || can_be_uri(uri))
        && branch.path.as_deref().is_none_or(path_fits)
}

fn can_be_uri(uri: &str) -> bool {
    let bytes = uri.as_bytes();
    // `sip:` or `sips:` and something behind it.
    let colon = if bytes.get(3) == Some(&b':') { 3 } else { 4 };
    let scheme = bytes.get(..colon).unwrap_or_default();
    (scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips"))
        && bytes.get(colon) == Some(&b':')
        && (colon + 2..=URI_MAX).contains(&bytes.len())
        // Looks at every byte: that is many at once.
        && bytes.iter().fold(true, |all, byte| all & is_of_uri(*byte))
}

fn is_of_uri(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') & (byte != b'"') & (byte != b'<') & (byte != b'>') & (byte != b'\\')
}

pub(super) fn nothing_to_ring(out: &mut Vec<u8>) {
    out.extend_from_slice(
        br#"{"v":1,"action":"refuse","code":480,"reason":"Temporarily Unavailable","cause":"no_device","headers":""}"#,
    );
}

/// Writes what of an order can be sent; says whether anything can.
fn fork(out: &mut Vec<u8>, call: Option<CallRef>, order: &ForkOrder) -> bool {
    open(out, "fork", call);
    out.extend_from_slice(b",\"stages\":[");
    let (mut stages, mut checked) = (0, None);
    for stage in &order.stages {
        let before = out.len();
        separate(out, stages);
        out.extend_from_slice(b"{\"ring_s\":");
        number(out, stage.ring_s.max(1));
        if stage.mailbox {
            out.extend_from_slice(b",\"mailbox\":true");
        }
        if let Some(after) = &stage.after {
            self::after(out, after);
        }
        out.extend_from_slice(b",\"branches\":[");
        let mut branches = 0;
        for branch in at_once(stage) {
            separate(out, branches);
            self::branch(out, branch, None, &mut checked);
            branches += 1;
        }
        if branches == 0 && !is_awaited(stage) {
            out.truncate(before);
        } else {
            out.extend_from_slice(b"]}");
            stages += 1;
        }
    }
    out.push(b']');
    let late = |branch: &Branch| branch.after_s > 0 && branch.wake.is_none();
    if order.stages.iter().flat_map(|stage| &stage.branches).any(late) {
        joins(out, order, &mut checked);
    }
    if order.stages.iter().any(is_awaited) {
        waits(out, order, &mut checked);
    }
    out.push(b'}');
    stages > 0
}

/// When a stage rings: `"after":"486 408","part":2`. The codes are those by which Kamailio's part
/// tells a mailbox why a call has come.
fn after(out: &mut Vec<u8>, after: &After) {
    out.extend_from_slice(b",\"after\":\"");
    for (index, cause) in after.causes.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(match cause {
            StageCause::Busy => b"486",
            StageCause::NoAnswer => b"408",
            StageCause::Unreachable => b"404",
            StageCause::Declined => b"603",
        });
    }
    out.extend_from_slice(b"\",\"part\":");
    number(out, after.part);
}

/// The branches of a stage that ring when it begins.
fn at_once(stage: &Stage) -> impl Iterator<Item = &Branch> {
    let there = stage.branches.iter().filter(|branch| branch.wake.is_none());
    there.filter(|branch| branch.after_s == 0 && can_go(branch))
}

/// The branches of a stage that ring when they have woken.
fn awaited(stage: &Stage) -> impl Iterator<Item = (&Branch, &Wake)> {
    let wakes = stage.branches.iter().filter_map(|branch| Some((branch, branch.wake.as_deref()?)));
    wakes.filter(|(branch, wake)| can_go(branch) && can_be_uri(&wake.aor))
}

/// Whether somebody is waited for from the beginning of a stage.
fn is_awaited(stage: &Stage) -> bool {
    awaited(stage).any(|(branch, _)| branch.after_s == 0)
}

/// The stages that are sent, by their numbers.
fn sent(order: &ForkOrder) -> impl Iterator<Item = (u16, &Stage)> {
    let sent = order.stages.iter();
    (0..).zip(sent.filter(|stage| at_once(stage).next().is_some() || is_awaited(stage)))
}

/// Writes who is waited for, each with the number of its stage among those sent.
fn waits<'a>(out: &mut Vec<u8>, order: &'a ForkOrder, checked: &mut Checked<'a>) {
    let all = sent(order).flat_map(|(number, stage)| {
        awaited(stage).map(move |(branch, wake)| (number, branch, wake))
    });
    let mut wait_s = 0;
    out.extend_from_slice(b",\"waits\":[");
    for (place, (stage, branch, wake)) in all.enumerate() {
        wait_s = wait_s.max(wake.wait_s);
        separate(out, place);
        self::branch(out, branch, Some(stage), checked);
    }
    out.extend_from_slice(b"],\"wait_s\":");
    number(out, wait_s);
}

/// Writes the branches that join later, each with the number of its stage among those sent.
fn joins<'a>(out: &mut Vec<u8>, order: &'a ForkOrder, checked: &mut Checked<'a>) {
    out.extend_from_slice(b",\"joins\":[");
    let mut joins = 0;
    for (number, stage) in sent(order) {
        let late = |branch: &&Branch| branch.wake.is_none() && branch.after_s > 0 && can_go(branch);
        for branch in stage.branches.iter().filter(late) {
            separate(out, joins);
            self::branch(out, branch, Some(number), checked);
            joins += 1;
        }
    }
    out.push(b']');
}

/// The headers that were looked at last: most branches of a call have the same.
type Checked<'a> = Option<(&'a Arc<str>, Cow<'a, str>)>;

/// One branch; one that joins later says in which `stage`.
fn branch<'a>(
    out: &mut Vec<u8>,
    branch: &'a Branch,
    stage: Option<u16>,
    checked: &mut Checked<'a>,
) {
    out.push(b'{');
    if let Some(stage) = stage {
        out.extend_from_slice(b"\"after_s\":");
        number(out, branch.after_s);
        out.extend_from_slice(b",\"stage\":");
        number(out, stage);
        out.push(b',');
    }
    out.extend_from_slice(b"\"device\":\"");
    // A name needs no escape.
    out.extend_from_slice(branch.device.as_str().as_bytes());
    out.extend_from_slice(b"\",\"uri\":");
    text(out, &branch.uri);
    if let Some(wake) = &branch.wake {
        out.extend_from_slice(b",\"aor\":");
        text(out, &wake.aor);
    }
    let mut add = |name, value: &str| {
        if !value.is_empty() {
            out.push(b',');
            key(out, name);
            text(out, value);
        }
    };
    add("dst_uri", branch.dst_uri.as_deref().unwrap_or_default());
    add("path", branch.path.as_deref().unwrap_or_default());
    if let Some(headers) = &branch.headers {
        let (_, clean) = match checked {
            Some(last) if Arc::ptr_eq(last.0, headers) => last,
            last => last.insert((headers, clean_headers(headers))),
        };
        add("headers", clean);
    }
    out.push(b'}');
}

pub(super) fn pass(out: &mut Vec<u8>, decision: &Decision, headers: &str) {
    open(out, "pass", decision.call);
    if decision.is_emergency() {
        out.extend_from_slice(b",\"emergency\":true");
    }
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
        out.extend_from_slice(b",\"call\":\"c");
        hex(out, call.0 >> 32);
        out.push(b'-');
        hex(out, call.0 & 0xffff_ffff);
        out.push(b'"');
    }
}

/// As `{:x}` would.
fn hex(out: &mut Vec<u8>, number: u64) {
    let digits = (u64::BITS - (number | 1).leading_zeros()).div_ceil(4);
    for digit in (0..digits).rev() {
        let value = (number >> (4 * digit) & 0xf) as usize;
        out.push(b"0123456789abcdef"[value]);
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

pub(super) fn number(out: &mut Vec<u8>, number: impl Into<u32>) {
    let (mut digits, mut from, mut number) = ([b'0'; 10], 10, number.into());
    loop {
        from -= 1;
        digits[from] += (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

/// A JSON string. What comes here is ASCII already; if it were not, it would still be JSON.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Nearly always all of it at once.
    loop {
        let (plain, odd) = rest.split_at(plain(rest));
        out.extend_from_slice(plain);
        let Some((odd, after)) = odd.split_first() else { break };
        match odd {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', *byte]),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte @ 0x80.. => out.push(*byte),
            _ => out.push(b'?'),
        }
        rest = after;
    }
    out.push(b'"');
}
