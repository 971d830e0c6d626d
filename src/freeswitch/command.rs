//! What a switch is asked to do, as the text of its commands.
//!
//! Nothing that a caller wrote comes into a command unchecked: every part is refused unless all of
//! its characters are harmless where it stands.

use crate::domain::{Keys, LegId, SipUri, Sound, StepId, SwitchCommand};

use super::Error;

/// What is played for the tone before a recording.
const BEEP: &str = "tone_stream://%(400,0,800)";
/// How long a leg may wait for the first thing that is done with it, in seconds.
pub(super) const GUARD_S: u32 = 5;
/// How long after the end of an application the dead man's tail waits for us.
const TAIL_MS: u32 = 1_500;

/// One application for a leg (`sendmsg ... execute`), strictly behind those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Execute {
    pub(super) application: &'static str,
    pub(super) argument: String,
    pub(super) step: Option<StepId>,
}

impl Execute {
    pub(super) fn new(application: &'static str, argument: impl Into<String>) -> Self {
        Self { application, argument: argument.into(), step: None }
    }

    fn named(self, step: StepId) -> Self {
        Self { step: Some(step), ..self }
    }
}

/// The word of a command, for the log and for refusals.
pub(super) fn word(command: &SwitchCommand) -> &'static str {
    match command {
        SwitchCommand::Claim { .. } => "claim",
        SwitchCommand::Answer { .. } => "answer",
        SwitchCommand::Play { .. } => "play",
        SwitchCommand::Record { .. } => "record",
        SwitchCommand::Break { .. } => "break",
        SwitchCommand::Overlay { .. } => "overlay",
        SwitchCommand::Bridge { .. } => "bridge",
        SwitchCommand::HangUp { .. } => "hang_up",
        SwitchCommand::AskVideo { .. } => "ask_video",
        SwitchCommand::OfferVideo { .. } => "offer_video",
        SwitchCommand::Call { .. } => "call",
        SwitchCommand::Confirm { .. } => "confirm",
        SwitchCommand::SendText { .. } => "send_text",
    }
}

/// The leg that a command is for.
pub(super) fn leg(command: &SwitchCommand) -> &LegId {
    match command {
        SwitchCommand::Claim { leg }
        | SwitchCommand::Answer { leg }
        | SwitchCommand::Play { leg, .. }
        | SwitchCommand::Record { leg, .. }
        | SwitchCommand::Break { leg }
        | SwitchCommand::Overlay { leg, .. }
        | SwitchCommand::Bridge { leg, .. }
        | SwitchCommand::HangUp { leg, .. }
        | SwitchCommand::AskVideo { leg }
        | SwitchCommand::OfferVideo { leg }
        | SwitchCommand::Call { leg, .. }
        | SwitchCommand::Confirm { leg, .. }
        | SwitchCommand::SendText { leg, .. } => leg,
    }
}

/// Answering. What is played next waits for it, and nothing else does.
pub(super) fn answer() -> Execute {
    Execute::new("answer", "")
}

/// Playing, with the tail behind it.
pub(super) fn play(
    step: StepId,
    sounds: &[Sound],
    keys: Keys,
    fallback: &str,
) -> Result<Vec<Execute>, Error> {
    let parts: Result<Vec<String>, Error> = sounds.iter().map(sound).collect();
    let list = format!("file_string://{}", parts?.join("!"));
    let mut queue = vec![
        Execute::new("set", format!("playback_terminators={}", terminators(keys))),
        Execute::new("playback", list).named(step),
    ];
    queue.extend(tail(fallback));
    Ok(queue)
}

fn sound(sound: &Sound) -> Result<String, Error> {
    Ok(match sound {
        Sound::File(path) => path_of(path)?.to_owned(),
        Sound::Beep => BEEP.to_owned(),
        Sound::Silence { ms } => format!("silence_stream://{ms}"),
    })
}

/// Recording, with the tail behind it. `record` and not `uuid_record`: that one loses video
/// (measured). Without `record_fill_cng` a caller who sends no sound leaves a broken file.
pub(super) fn record(
    step: StepId,
    path: &str,
    (limit_s, silence_s): (u16, u16),
    keys: Keys,
    fallback: &str,
) -> Result<Vec<Execute>, Error> {
    /// Right for a telephone's noise (measured with PCMU).
    const THRESHOLD: u32 = 200;
    let path = path_of(path)?;
    let argument = match silence_s {
        0 => format!("{path} {limit_s}"),
        silence_s => format!("{path} {limit_s} {THRESHOLD} {silence_s}"),
    };
    let mut queue = vec![
        Execute::new("set", format!("playback_terminators={}", terminators(keys))),
        Execute::new("set", "record_fill_cng=true"),
        Execute::new("record", argument).named(step),
    ];
    queue.extend(tail(fallback));
    Ok(queue)
}

/// What the switch does by itself when an application has ended and nobody says anything.
fn tail(fallback: &str) -> [Execute; 2] {
    [
        Execute::new("playback", format!("silence_stream://{TAIL_MS}")),
        Execute::new("transfer", fallback),
    ]
}

fn terminators(keys: Keys) -> String {
    match keys {
        Keys::None => "none".to_owned(),
        Keys::Any => "0123456789*#".to_owned(),
        Keys::EndOrSwitch { switch } if "0123456789*".contains(switch) => format!("#{switch}"),
        Keys::EndOrSwitch { .. } => "#".to_owned(),
    }
}

pub(super) fn break_all(leg: &LegId) -> String {
    format!("uuid_break {leg} all")
}

pub(super) fn overlay(leg: &LegId, path: &str) -> Result<String, Error> {
    Ok(format!("uuid_displace {leg} start {} 0 mux", path_of(path)?))
}

/// Ends what [`overlay`] has begun; a second one of the same file is refused until then
/// (measured).
pub(super) fn hush(leg: &LegId, path: &str) -> Result<String, Error> {
    Ok(format!("uuid_displace {leg} stop {}", path_of(path)?))
}

/// Hanging up. The cause is one of our own words.
pub(super) fn hang_up(leg: &LegId, cause: &str) -> String {
    format!("uuid_kill {leg} {cause}")
}

/// A call to a device. Lists of codecs are cut at the first comma unless the list of variables has
/// another separator (measured).
///
/// The called leg gets its guard as it answers, like one that our dialplan has parked: who has
/// picked up is not left in silence if we die before anything is played.
pub(super) fn call(
    command: &CallCommand<'_>,
    profile: &str,
    fallback: &str,
) -> Result<String, Error> {
    let CallCommand { leg, uri, via, from_user, video, ring_s } = command;
    let address = address(uri)?;
    checked(from_user, b".-_+", "the caller's name")?;
    checked(profile, b".-_", "the profile's name")?;
    checked(fallback, b"._- ", "the fall-back")?;
    let way = way(*via)?;
    let codecs = if *video { "PCMU,PCMA,VP8,H264" } else { "PCMU,PCMA" };
    Ok(format!(
        "originate {{^^:origination_uuid={leg}:hallporter=call:absolute_codec_string={codecs}:\
         ignore_early_media=true:originate_timeout={ring_s}:origination_caller_id_number={from_user}:\
         origination_caller_id_name={from_user}:\
         execute_on_answer='sched_transfer +{GUARD_S} {fallback}'}}sofia/{profile}/{address}{way} &park()"
    ))
}

/// What a call needs to know.
pub(super) struct CallCommand<'a> {
    pub(super) leg: &'a LegId,
    pub(super) uri: &'a str,
    pub(super) via: Option<&'a str>,
    pub(super) from_user: &'a str,
    pub(super) video: bool,
    pub(super) ring_s: u16,
}

/// The switch's word for where a request really goes: the proxy that the device's call came from.
pub(super) fn way(via: Option<&str>) -> Result<String, Error> {
    let way = via.map(|via| checked(via, b".:-", "the way")).transpose()?;
    Ok(way.map(|via| format!(";fs_path=sip:{via}")).unwrap_or_default())
}

/// A text to a device, by the way that its call came; its fields are separated by `|`.
pub(super) fn text(
    profile: &str,
    host: &str,
    (uri, via): (&str, Option<&str>),
    text: &str,
) -> Result<String, Error> {
    let address = writable(address(uri)?, via)?;
    checked(host, b".:-", "the host")?;
    checked(profile, b".-_", "the profile's name")?;
    let line = text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'|');
    if !line || text.is_empty() {
        return Err(Error::Unsafe { what: "the text" });
    }
    Ok(format!("chat sip|hallporter@{host}|{profile}/sip:{address}|{text}|text/plain"))
}

/// Where a text goes. `chat` knows no way through a proxy: with `fs_path` the proxy itself becomes
/// the addressee, and the device is lost (measured). So the text is for the device's name at the
/// proxy, and the parameter `hp_to`, which the switch puts behind To, says where the device is.
fn writable(address: &str, via: Option<&str>) -> Result<String, Error> {
    let Some(via) = via.map(|via| checked(via, b".:-", "the way")).transpose()? else {
        return Ok(address.to_owned());
    };
    let plain = address.split(';').next().unwrap_or(address);
    Ok(match plain.split_once('@') {
        Some((user, place)) if place != via => format!("{user}@{via};hp_to={place}"),
        Some(_) | None => address.to_owned(),
    })
}

/// What stands behind `sip:`, as a device wrote it into its Contact. Without `%`: the switch takes
/// `user%domain` for a registered user of its own. And without parameters that are the switch's
/// own words: `fs_path` says where the request really goes, and the first one counts.
pub(super) fn address(uri: &str) -> Result<&str, Error> {
    const WHAT: &str = "the device's address";
    let address = uri.split_once(':').map_or("", |(_, rest)| rest);
    let plain = checked(address, SipUri::DIALLED, WHAT)?;
    if SipUri::is_dialled(plain) { Ok(plain) } else { Err(Error::Unsafe { what: WHAT }) }
}

/// A path of ours: absolute, of harmless characters, without `..`.
pub(super) fn path_of(path: &str) -> Result<&str, Error> {
    let plain = checked(path, b"/._-", "a path")?;
    if plain.starts_with('/') && !plain.contains("..") {
        Ok(plain)
    } else {
        Err(Error::Unsafe { what: "a path" })
    }
}

pub(super) fn checked<'a>(
    text: &'a str,
    besides: &[u8],
    what: &'static str,
) -> Result<&'a str, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || besides.contains(&byte);
    if !text.is_empty() && text.len() <= 512 && text.bytes().all(plain) {
        Ok(text)
    } else {
        Err(Error::Unsafe { what })
    }
}
