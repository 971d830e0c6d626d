//! `hallporter route` and `hallporter why`

use serde_json::json;

use crate::domain::{AccountName, Communication, Identifier, Zone};
use crate::http::wire::WhyKind;

use super::call::call_id;
use super::failure::Failure;
use super::find::Door;
use super::init::random_hex;
use super::screen::{Screen, moment};
use super::typed::Daemon;

/// `route …`
#[derive(Debug, clap::Args)]
pub(super) struct RouteArgs {
    /// Who calls: +15550100, 030123, alice@example.com or a URI
    #[arg(long, value_name = "WHO", value_parser = uri)]
    from: String,
    /// What is dialled, in the same forms
    #[arg(long, value_name = "WHO", value_parser = uri)]
    to: String,
    /// The account that the proxy authenticated [default: the caller is a stranger]
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    account: Option<AccountName>,
    /// The call carries video
    #[arg(long)]
    video: bool,
    /// It is a text (SIP MESSAGE), no call
    #[arg(long, conflicts_with = "video")]
    text: bool,
    /// What it is: call, video, text; or message (one was left), missed (a call that nobody took)
    #[arg(long, value_name = "KIND", value_parser = kind, conflicts_with_all = ["video", "text"])]
    kind: Option<Communication>,
    /// As it would be then, such as "2026-03-29 02:30"; with Z or +01:00 it is itself everywhere
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<String>,
    /// Where a clock shows that time [default: where the called account is]
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse, requires = "at")]
    tz: Option<Zone>,
    #[command(flatten)]
    daemon: Daemon,
}

/// `why …`
#[derive(Debug, clap::Args)]
pub(super) struct WhyArgs {
    /// Its SIP Call-ID, or its number as `call list` shows it
    #[arg(value_name = "CALL-ID", value_parser = call_id)]
    id: String,
    #[command(flatten)]
    daemon: Daemon,
}

/// Asks what a call would come to.
pub(super) async fn rehearse(args: RouteArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    // Never the Call-ID of a real call, whose answer would be given again.
    let fresh = random_hex::<8>()?;
    let mut query = json!({
        "call_id": format!("rehearsal-{fresh}"),
        "from_tag": fresh,
        "from_uri": args.from,
        "from_display": "",
        "ruri": args.to,
        "video": args.video,
        "method": if args.text { "MESSAGE" } else { "INVITE" },
        "at": args.at,
        "tz": args.tz,
    });
    if let Some(kind) = args.kind {
        query["kind"] = json!(kind);
    }
    if let Some(account) = args.account {
        query["account"] = json!(account);
    }
    let rehearsal = door.client.rehearse(&query).await.map_err(|error| door.explain(error))?;
    if screen.json {
        return screen.object(&rehearsal);
    }
    rehearsal.lines.iter().try_for_each(|line| screen.line(line))
}

/// Tells what was decided about a call.
pub(super) async fn why(args: WhyArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let door = Door::find(&args.daemon)?;
    let why = door.client.why(&args.id).await.map_err(|error| door.explain(error))?;
    if screen.json {
        return screen.object(&why);
    }
    if why.entries.is_empty() {
        return screen.line("nothing is known about this call");
    }
    for entry in &why.entries {
        let kind = match entry.kind {
            WhyKind::Adopted => "found at a proxy and counted since",
            WhyKind::Decided => "decided",
            WhyKind::Ended => "over",
            WhyKind::Released => "released by an operator",
            WhyKind::Told => "told",
        };
        let at = entry.node.as_ref().map_or_else(String::new, |node| format!(" at node {node}"));
        screen.line(format_args!("{}  {kind}{at}", moment(entry.at_ms)))?;
        entry.lines.iter().try_for_each(|line| screen.line(format_args!("  {line}")))?;
    }
    if !why.silent.is_empty() {
        screen.line(format_args!("not reached, and may know more: {}", why.silent.join(", ")))?;
    }
    Ok(())
}

/// A kind of communication.
pub(super) fn kind(text: &str) -> Result<Communication, String> {
    let known = Communication::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| "take call, video, text, message or missed".to_owned())
}

/// A time that any zone can read.
fn time(text: &str) -> Result<String, String> {
    match Zone::utc().moment(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write \"2026-03-29 02:30\", or \"2026-03-29T01:30:00Z\"".to_owned()),
    }
}

/// The URI that a proxy would have sent for what somebody typed: a URI as it stands, a number as
/// `tel:`, since no host is known, and an address as `sip:`.
pub(super) fn uri(text: &str) -> Result<String, String> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if ["sip:", "sips:", "tel:", "urn:"].iter().any(|scheme| lower.starts_with(scheme)) {
        return Ok(text.to_owned());
    }
    let digits: String = text.chars().filter(|character| !" -.()/".contains(*character)).collect();
    let dialled = digits.strip_prefix('+').unwrap_or(&digits);
    if !dialled.is_empty()
        && dialled.bytes().all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte))
    {
        return Ok(format!("tel:{digits}"));
    }
    match Identifier::parse(text) {
        Ok(Identifier::Address(address)) => Ok(format!("sip:{address}")),
        Ok(Identifier::Number(number)) => Ok(format!("tel:{number}")),
        Err(_) => Err("write a number, user@host or a SIP URI".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_dial_becomes_a_uri() {
        for (text, form) in [
            ("+15550100", "tel:+15550100"),
            ("+49 (30) 123-45", "tel:+493012345"),
            ("112", "tel:112"),
            ("*21#", "tel:*21#"),
            ("alice@Example.com", "sip:alice@example.com"),
            ("sip:desk@10.0.0.7:5080", "sip:desk@10.0.0.7:5080"),
            ("urn:service:sos", "urn:service:sos"),
        ] {
            assert_eq!(uri(text).as_deref(), Ok(form), "{text}");
        }
        for bad in ["", "+", "alice", "a b@h"] {
            assert!(uri(bad).is_err(), "{bad:?}");
        }
    }
}
