//! What a switch tells, read from its events.
//!
//! Only legs of ours are told of: those that our dialplan has marked (variable `hallporter`), those
//! that we have called, and answer and end of those that we have routed (variable
//! `hallporter_call`). Everything else on the switch is somebody else's business.

use std::sync::Arc;

use crate::domain::{
    CallRef, GreetingName, LegEvent, LegFacts, LegId, Medium, SipUri, StepId, SwitchEvent,
    VideoFacts,
};

use super::seen::{News, Seen};

/// The longest text that is taken from an event, in bytes; longer ones are cut.
const TEXT_BYTES_MAX: usize = 512;
/// The variable of a leg that we have routed: our number of the call.
pub(super) const ROUTED: &str = "variable_hallporter_call";

/// The headers of an event, by name, decoded.
pub trait Headers {
    /// A header.
    fn header(&self, name: &str) -> Option<&str>;
    /// What follows the headers.
    fn body(&self) -> Option<&str>;
}

/// What an event means. `None` for one that means nothing to us, or makes no sense.
pub fn read(event: &impl Headers, seen: &mut Seen) -> Option<SwitchEvent> {
    let leg = LegId::parse(event.header("Unique-ID")?)?;
    let mark = event.header("variable_hallporter");
    if !seen.is_ours(&leg, mark) {
        return routed(event, leg);
    }
    let told = match event.header("Event-Name")? {
        "CHANNEL_PARK" => match seen.parked(&leg, is_guest(event)) {
            News::Came => LegEvent::Parked(Box::new(facts(event))),
            News::WaitsAgain => LegEvent::Unbridged,
            News::None => return None,
        },
        "CHANNEL_ANSWER" => LegEvent::Answered,
        "CHANNEL_EXECUTE_COMPLETE" => done(event)?,
        "DTMF" => LegEvent::Key(key(event.header("DTMF-Digit")?)?),
        "RECORD_START" => LegEvent::RecordStarted { path: text(event, "Record-File-Path")? },
        "RECORD_STOP" => LegEvent::RecordStopped {
            path: text(event, "Record-File-Path")?,
            key: event.header("variable_playback_terminator_used").and_then(key),
            silence: event.header("variable_silence_hits_exhausted") == Some("true"),
        },
        "CHANNEL_BRIDGE" => {
            let other = other(event, &leg)?;
            seen.connecting(&leg);
            LegEvent::Bridged { other }
        }
        "RECV_INFO" | "RECV_MESSAGE" => LegEvent::Wish(wish(event.body()?)?),
        // A call that failed was told by its job already.
        "CHANNEL_HANGUP_COMPLETE" if mark == Some("call") && !seen.has(&leg) => return None,
        "CHANNEL_HANGUP_COMPLETE" => {
            seen.gone(&leg);
            hung_up(event)
        }
        _ => return None,
    };
    Some(SwitchEvent::Leg { leg, event: told })
}

/// What is told of a leg that only asked us who rings.
fn routed(event: &impl Headers, leg: LegId) -> Option<SwitchEvent> {
    event.header(ROUTED)?;
    let event = match event.header("Event-Name")? {
        "CHANNEL_ANSWER" => LegEvent::Answered,
        "CHANNEL_HANGUP_COMPLETE" => hung_up(event),
        _ => return None,
    };
    Some(SwitchEvent::Leg { leg, event })
}

fn hung_up(event: &impl Headers) -> LegEvent {
    let cause = text(event, "Hangup-Cause").or_else(|| text(event, "variable_hangup_cause"));
    LegEvent::HungUp { cause: cause.unwrap_or_else(|| "UNKNOWN".into()) }
}

/// Whether a leg is of somebody who calls back.
pub(super) fn is_guest(event: &impl Headers) -> bool {
    event.header("variable_hallporter") == Some("callback")
}

/// What is known of a leg that waits, from an event of it or a dump of its variables.
pub(super) fn facts(event: &impl Headers) -> LegFacts {
    let variable = |name: &str| event.header(&format!("variable_{name}"));
    let or_empty = |text: Option<Arc<str>>| text.unwrap_or_else(|| "".into());
    let address = |name: &str| variable(name).map(|uri| format!("sip:{}", without_brackets(uri)));
    let host = variable("sip_network_ip").or_else(|| variable("sip_received_ip"));
    let port = variable("sip_network_port").or_else(|| variable("sip_received_port"));
    let via = host.zip(port).filter(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
    let flow = variable("remote_video_media_flow");
    let possible = variable("video_possible") == Some("true");
    let flows = !matches!(flow, Some("inactive" | "disabled" | "recvonly"));
    let routed = variable("hallporter_call").is_some();
    // A call that has asked us who rings is known by the switch's own id, for there is no proxy
    // that would know another one.
    let id = if routed { "Unique-ID" } else { "variable_sip_call_id" };
    let failed = variable("originate_disposition").filter(|_| routed).map(code_of);
    LegFacts {
        call_id: or_empty(text(event, id)),
        dialled: or_empty(text(event, "Caller-Destination-Number")),
        cause: failed.or_else(|| {
            variable("sip_req_params").or_else(|| variable("sip_req_uri")).and_then(cause)
        }),
        our_cause: match routed {
            true => text(event, "variable_hallporter_cause"),
            false => text(event, "variable_sip_h_X-Hallporter-Cause"),
        },
        greeting: match routed {
            true => variable("hallporter_greeting"),
            false => variable("sip_h_X-Hallporter-Greeting"),
        }
        .and_then(|name| GreetingName::parse(name).ok()),
        call: variable("sip_h_X-Hallporter-Call").and_then(CallRef::parse),
        from_uri: address("sip_from_uri").map(|uri| cut(&uri).into()).unwrap_or_else(|| "".into()),
        from_display: or_empty(text(event, "variable_sip_from_display")),
        contact: address("sip_contact_uri").and_then(|uri| SipUri::parse(&uri).ok()),
        via: via.map(|(host, port)| format!("{host}:{port}").into()),
        answered: event.header("Answer-State") == Some("answered"),
        video: VideoFacts { negotiated: possible && flows, packets: 0 },
    }
}

fn done(event: &impl Headers) -> Option<LegEvent> {
    let step = StepId::parse(event.header("Application-UUID")?)?;
    let response = event.header("Application-Response").unwrap_or_default();
    Some(LegEvent::Done {
        step,
        key: event.header("variable_playback_terminator_used").and_then(key),
        failed: matches!(response, "FILE NOT FOUND" | "PLAYBACK ERROR"),
    })
}

fn other(event: &impl Headers, leg: &LegId) -> Option<LegId> {
    ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID", "Other-Leg-Unique-ID"]
        .into_iter()
        .filter_map(|name| event.header(name).and_then(LegId::parse))
        .find(|other| other != leg)
}

/// `audio` or `video`, alone in the text.
fn wish(body: &str) -> Option<Medium> {
    let word = body.get(..TEXT_BYTES_MAX).unwrap_or(body).trim();
    if word.eq_ignore_ascii_case("audio") {
        Some(Medium::Audio)
    } else if word.eq_ignore_ascii_case("video") {
        Some(Medium::Video)
    } else {
        None
    }
}

fn key(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let first = characters.next().filter(|first| "0123456789*#ABCD".contains(*first))?;
    characters.next().is_none().then_some(first)
}

/// `cause=486` among the parameters of a URI (RFC 4458 §2).
fn cause(parameters: &str) -> Option<u16> {
    let named = parameters.split([';', '?']).find_map(|part| part.trim().strip_prefix("cause="));
    named?.parse().ok().filter(|code| (300..700).contains(code))
}

/// Why the last stage failed (FreeSWITCH's word), as a proxy would say it (RFC 4458).
fn code_of(disposition: &str) -> u16 {
    match disposition {
        "USER_BUSY" => 486,
        "CALL_REJECTED" => 603,
        "NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT" | "PROGRESS_TIMEOUT" => 408,
        _ => 404,
    }
}

fn without_brackets(uri: &str) -> &str {
    let uri = uri.trim();
    uri.strip_prefix("sip:").unwrap_or(uri)
}

fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// A header as text that may be kept and shown: bounded, without control characters.
fn text(event: &impl Headers, name: &str) -> Option<Arc<str>> {
    let value = cut(event.header(name)?);
    let clean = value.chars().filter(|character| !character.is_control());
    Some(if value.contains(char::is_control) {
        clean.collect::<String>().into()
    } else {
        value.into()
    })
}

fn cut(text: &str) -> &str {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
