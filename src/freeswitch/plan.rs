//! What a FreeSWITCH is answered that asks who rings: a piece of dialplan.
//!
//! One `bridge` for each stage, all of whose branches ring at once. Nothing that a caller wrote
//! comes into it, and of what operators wrote only characters that mean nothing where they stand:
//! the switch reads it as XML, expands `${...}` and `$${...}` in it, and takes lists apart at commas.

use std::fmt::Write as _;

use crate::domain::{
    Branch, CallRef, Decision, ForkOrder, Greeting, GreetingName, Outcome, Refusal, SipUri, Stage,
};

use super::CONTEXT;
use super::command::address;
use super::confirm;

/// What the switch knows, and the decision does not.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// What was dialled, as the switch has it.
    pub dialled: &'a str,
    /// The SIP profile by which devices are called.
    pub profile: &'a str,
    /// The directory of the prompts, in the language in which people are asked for a key.
    pub prompts: &'a str,
    /// The addresses of record among those that may ring: the switch knows where they are.
    pub aors: &'a [SipUri],
}

/// Where calls go that are not ours to route: the switch's own files know the way.
const PASS: &str = "hallporter-pass";
/// Where messages are taken (`dialplan/hallporter.xml`).
const MESSAGES: &str = "hallporter";
/// The longest reason phrase, in bytes.
const REASON_BYTES_MAX: usize = 64;

/// The answer that lets the switch's own files decide.
#[must_use]
pub fn not_found() -> String {
    "<document type=\"freeswitch/xml\"><section name=\"result\"><result status=\"not found\"/>\
     </section></document>\n"
        .to_owned()
}

/// The dialplan for a call.
#[must_use]
pub fn plan(decision: &Decision, around: Around<'_>) -> String {
    let mut actions = Actions::default();
    if let Some(call) = decision.call.filter(|_| !matches!(decision.outcome, Outcome::Refuse(_))) {
        actions.routed(call);
    }
    match &decision.outcome {
        Outcome::Fork(order) => actions.fork(order, around),
        Outcome::Pass { headers } => actions.pass(headers, around.dialled),
        Outcome::Refuse(refusal) => actions.refuse(refusal),
    }
    format!(
        "<document type=\"freeswitch/xml\"><section name=\"dialplan\"><context name=\"{CONTEXT}\">\
         <extension name=\"hallporter\"><condition>{}</condition></extension></context></section>\
         </document>\n",
        actions.0
    )
}

/// Actions of a dialplan, as XML.
#[derive(Default)]
struct Actions(String);

impl Actions {
    fn add(&mut self, application: &str, data: &str) {
        self.write(application, data, "");
    }

    fn write(&mut self, application: &str, data: &str, more: &str) {
        self.0.push_str("<action application=\"");
        self.0.push_str(application);
        self.0.push_str("\" data=\"");
        for letter in data.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&apos;"),
                letter => self.0.push(letter),
            }
        }
        self.0.push('"');
        self.0.push_str(more);
        self.0.push_str("/>");
    }

    /// By this the channel is known as a call of ours, from before anything is done with it.
    fn routed(&mut self, call: CallRef) {
        self.write("set", &format!("hallporter_call={call}"), " inline=\"true\"");
    }

    fn fork(&mut self, order: &ForkOrder, around: Around<'_>) {
        if let Some(meeting) = meeting_of(order) {
            // Its own leg waits for the daemon, which connects it.
            self.add("transfer", &format!("{meeting} XML {MESSAGES}"));
            return;
        }
        self.add("set", "hangup_after_bridge=true");
        self.add("set", "continue_on_fail=true");
        let (mailbox, rings): (Vec<&Stage>, Vec<&Stage>) =
            order.stages.iter().partition(|stage| stage.mailbox);
        // A dialplan is read once, before anything has failed: what rings for some causes only is
        // left out (`rule set` refuses it where a switch asks).
        let rings = rings.iter().filter(|stage| stage.after.is_none());
        let rings: Vec<String> = rings.filter_map(|stage| bridge(stage, around)).collect();
        let mailbox = mailbox.iter().find_map(|stage| stage.branches.first());
        let place = mailbox.and_then(|branch| mailbox_of(&branch.uri));
        for (number, ring) in (1..).zip(&rings) {
            if number == rings.len() && place.is_none() {
                // The caller is told what the last stage said.
                self.add("set", "continue_on_fail=false");
            }
            self.add("bridge", ring);
        }
        match place {
            Some(place) => {
                if let Some(cause) = mailbox.and_then(our_cause) {
                    self.add("set", &format!("hallporter_cause={cause}"));
                }
                let greeting = mailbox.and_then(|branch| branch.header(Greeting::HEADER));
                if let Some(greeting) = greeting.and_then(|name| GreetingName::parse(name).ok()) {
                    self.add("set", &format!("hallporter_greeting={greeting}"));
                }
                self.add("transfer", &format!("{place} XML {MESSAGES}"));
            }
            None => self.add("respond", "480 Nobody can be reached"),
        }
    }

    /// What was dialled is a caller's: only digits, letters and their like are handed on.
    fn pass(&mut self, headers: &str, dialled: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+*#._-".contains(&byte);
        if dialled.is_empty() || dialled.len() > 64 || !dialled.bytes().all(plain) {
            self.add("respond", "404 Not Found");
            return;
        }
        for variable in variables(headers) {
            self.add("export", &format!("nolocal:{variable}"));
        }
        self.add("transfer", &format!("{dialled} XML {PASS}"));
    }

    fn refuse(&mut self, refusal: &Refusal) {
        let code = if (400..700).contains(&refusal.code) { refusal.code } else { 500 };
        let plain =
            |letter: &char| letter.is_ascii_alphanumeric() || " .,:;!?()/+=-".contains(*letter);
        let reason: String = refusal.reason.chars().filter(plain).take(REASON_BYTES_MAX).collect();
        let reason = if reason.trim().is_empty() { "Refused" } else { reason.trim() };
        self.add("respond", &format!("{code} {reason}"));
    }
}

/// The dial string of a stage; `None` if nobody in it can be dialled.
fn bridge(stage: &Stage, around: Around<'_>) -> Option<String> {
    let places: Vec<(Vec<String>, String)> = stage
        .branches
        .iter()
        .filter_map(|branch| Some((lines_of(branch, around)?, place(branch, around)?)))
        .collect();
    let (first, _) = places.first()?;
    // What all have in common stands before them.
    let common = places.iter().all(|(lines, _)| lines == first);
    // Early sound would count as an answer, and the order would end there.
    let mut text = format!("{{originate_timeout={},ignore_early_media=true", stage.ring_s.max(1));
    for line in first.iter().filter(|_| common) {
        let _ = write!(text, ",{line}");
    }
    text.push('}');
    for (number, (lines, place)) in places.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        if common || lines.is_empty() {
            text.push_str(place);
        } else {
            let lines = format!("[{}]", lines.join(","));
            text.push_str(&each(place, &lines));
        }
    }
    Some(text)
}

/// A place with variables before it. What is registered in several places is several legs, and the
/// switch puts the variables before each of them (`sofia_contact` takes them behind a second slash).
fn each(place: &str, lines: &str) -> String {
    match place
        .strip_suffix(")}")
        .filter(|_| place.starts_with("${") && !lines.contains(['(', ')']))
    {
        Some(contacts) => format!("{contacts}/{lines})}}"),
        None => format!("{lines}{place}"),
    }
}

/// Where a branch is dialled. An address of record is where the switch has it registered.
fn place(branch: &Branch, around: Around<'_>) -> Option<String> {
    let to = address(&branch.uri).ok()?;
    if around.aors.iter().any(|aor| aor.as_str() == &*branch.uri) {
        let aor = to.split(';').next().filter(|aor| aor.contains('@'))?;
        return Some(format!("${{sofia_contact(*/{aor})}}"));
    }
    let way = match &branch.dst_uri {
        Some(way) => format!(";fs_path=sip:{}", address(way).ok()?),
        None => String::new(),
    };
    Some(format!("sofia/{}/{to}{way}", around.profile))
}

/// The header lines of a branch, as variables of its leg; `None` if it can't be asked for its key.
fn lines_of(branch: &Branch, around: Around<'_>) -> Option<Vec<String>> {
    let mut lines = branch.headers.as_deref().map(variables).unwrap_or_default();
    if let Some(key) = branch.confirm() {
        lines.retain(|line| !line.starts_with("sip_h_X-Hallporter-Confirm="));
        lines.push(confirm::variables(key, around.prompts).ok()?);
    }
    if branch.after_s > 0 {
        lines.push(format!("leg_delay_start={}", branch.after_s));
    }
    Some(lines)
}

/// Header lines as variables. A line that could end the list of variables or begin another one is
/// left out.
fn variables(headers: &str) -> Vec<String> {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let value = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.;=:@+*~/<> ".contains(&byte);
    let lines = headers.split("\r\n").filter_map(|line| line.split_once(": "));
    let safe = lines.filter(|(named, text)| {
        !named.is_empty() && named.bytes().all(name) && text.bytes().all(value)
    });
    safe.map(|(name, value)| format!("sip_h_{name}={value}")).collect()
}

/// What leads to a deposit that the call meets, if it meets one.
fn meeting_of(order: &ForkOrder) -> Option<&str> {
    let branch = order.stages.first()?.branches.first()?;
    mailbox_of(&branch.uri)
        .filter(|user| branch.device.as_str() == "callback" && user.starts_with("callback-"))
}

/// The mailbox that a branch leads to: the user of its URI.
fn mailbox_of(uri: &str) -> Option<&str> {
    let (user, _) = uri.strip_prefix("sip:")?.split_once('@')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!user.is_empty() && user.bytes().all(plain)).then_some(user)
}

/// The cause for which a call comes to the mailbox at once, if it does.
fn our_cause(branch: &Branch) -> Option<&str> {
    let cause = branch.header("X-Hallporter-Cause")?;
    cause.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(cause)
}

#[cfg(test)]
mod tests;
