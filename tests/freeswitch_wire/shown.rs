//! What was told, as lines that can be read.

use hallporter::domain::{LegEvent, LegFacts, LegId, SwitchEvent};

/// One line for each event of a leg; legs are numbered as they come.
pub(crate) fn lines(told: &[SwitchEvent]) -> String {
    let mut legs: Vec<LegId> = Vec::new();
    let mut text = String::new();
    for event in told {
        let SwitchEvent::Leg { leg, event } = event else { continue };
        let at = number(&mut legs, leg);
        let shown = one(event, &mut legs);
        text += &format!("leg {at}: {shown}\n");
    }
    text
}

fn number(legs: &mut Vec<LegId>, leg: &LegId) -> usize {
    if let Some(at) = legs.iter().position(|known| known == leg) {
        return at + 1;
    }
    legs.push(leg.clone());
    legs.len()
}

fn one(event: &LegEvent, legs: &mut Vec<LegId>) -> String {
    match event {
        LegEvent::Parked(facts) => parked(facts),
        LegEvent::Claimed(ours) => format!("claimed {ours}"),
        LegEvent::Answered => "answered".to_owned(),
        LegEvent::Done { step, key, failed } => {
            format!("done {step}{}{}", by(*key), if *failed { " FAILED" } else { "" })
        }
        LegEvent::Key(key) => format!("key {key}"),
        LegEvent::RecordStarted { path } => format!("record starts {}", file(path)),
        LegEvent::RecordStopped { path, key, silence } => {
            let silence = if *silence { " by silence" } else { "" };
            format!("record stops {}{}{silence}", file(path), by(*key))
        }
        LegEvent::Bridged { other } => format!("bridged with leg {}", number(legs, other)),
        LegEvent::Unbridged => "unbridged".to_owned(),
        LegEvent::Refused { command } => format!("refused {command}"),
        LegEvent::Video(facts) => format!("video {} {}", facts.negotiated, facts.packets),
        LegEvent::Wish(medium) => format!("wish {medium:?}"),
        LegEvent::HungUp { cause } => format!("hung up {cause}"),
        LegEvent::TextSent(sent) => format!("text sent {sent}"),
    }
}

fn by(key: Option<char>) -> String {
    key.map(|key| format!(" by {key}")).unwrap_or_default()
}

/// The ids of the legs in the names of files differ from recording to recording.
fn file(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, ending)| ending)
}

fn parked(facts: &LegFacts) -> String {
    format!(
        "parked dialled={} from={} contact={} via={} answered={} video={} call-id of {} bytes",
        facts.dialled,
        facts.from_uri,
        facts.contact.as_ref().map_or("-", |uri| uri.as_str()),
        facts.via.as_deref().unwrap_or("-"),
        facts.answered,
        facts.video.negotiated,
        facts.call_id.len(),
    )
}
