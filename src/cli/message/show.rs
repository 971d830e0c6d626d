//! How messages are shown.

use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, length, moment, or_dash, yes_no};
use crate::domain::{DepositCause, Medium, MessageState};
use crate::http::wire::MessageView;

/// Shows a list of messages.
pub(super) fn list(views: &[MessageView], screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no messages");
    }
    let rows = views.iter().map(|view| {
        vec![
            view.id.to_string(),
            state(view.state).to_owned() + marks(view),
            view.mailbox.to_string(),
            view.from.to_string(),
            media(view),
            length(view.length_ms),
            cause(view.cause).to_owned(),
            moment(view.left_ms),
        ]
    });
    let header = ["message", "state", "mailbox", "from", "by", "length", "because", "left"];
    screen.table(&header, &[5], rows)
}

/// What is said behind the state.
fn marks(view: &MessageView) -> &'static str {
    match (view.urgent, view.safe == Some(false)) {
        (false, false) => "",
        (true, false) => ", urgent",
        (false, true) => ", at one node",
        (true, true) => ", urgent, at one node",
    }
}

/// Shows one message.
pub(super) fn one(view: &MessageView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    let joined = view.joined.as_ref().map(|file| &file.media_type);
    let mut facts = vec![
        ("message", view.id.to_string()),
        ("mailbox", view.mailbox.to_string()),
        ("account", or_dash(view.account.as_ref())),
        ("state", state(view.state).to_owned()),
        ("urgent", yes_no(view.urgent)),
        ("from", view.from.to_string()),
        ("name", or_dash(Some(&view.from_display).filter(|name| !name.is_empty()))),
        ("URI", view.from_uri.to_string()),
        ("caller's account", or_dash(view.caller.as_ref())),
        ("because", cause(view.cause).to_owned()),
        ("Call-ID", view.call_id.to_string()),
        ("length", length(view.length_ms)),
        ("in one file", or_dash(joined)),
        ("began", moment(view.began_ms)),
        ("left", moment(view.left_ms)),
    ];
    if let Some(safe) = view.safe {
        let nodes: Vec<String> = view.nodes.iter().map(|node| node.0.to_string()).collect();
        let nodes = nodes.join(", ");
        let also = match (safe, view.in_bucket) {
            (_, true) => ", and in the bucket",
            (true, false) => "",
            (false, false) => " (no second node has it yet, and no bucket)",
        };
        facts.push(("lies at node", nodes + also));
    }
    screen.facts(&facts)?;
    screen.line("")?;
    let rows = view.parts.iter().map(|part| {
        vec![
            part.number.to_string(),
            medium(part.medium).to_owned(),
            length(part.file.length_ms),
            part.file.bytes.to_string(),
            part.file.media_type.to_string(),
        ]
    });
    screen.table(&["part", "by", "length", "bytes", "type"], &[0, 2, 3], rows)
}

/// The word for a state.
pub(super) fn state(state: MessageState) -> &'static str {
    match state {
        MessageState::New => "new",
        MessageState::Heard => "heard",
        MessageState::Saved => "saved",
        MessageState::Deleted => "deleted",
    }
}

/// The word for a medium.
pub(crate) fn medium(medium: Medium) -> &'static str {
    match medium {
        Medium::Audio => "audio",
        Medium::Video => "video",
    }
}

/// Why the call came to the mailbox.
pub(crate) fn cause(cause: DepositCause) -> &'static str {
    match cause {
        DepositCause::Busy => "busy",
        DepositCause::NoAnswer => "no answer",
        DepositCause::Unreachable => "unreachable",
        DepositCause::AtCap => "at cap",
        DepositCause::Declined => "declined",
        DepositCause::Unknown => "-",
    }
}

/// What a message was left by: `audio`, or `audio, video` where it was switched.
fn media(view: &MessageView) -> String {
    let mut words: Vec<&str> = Vec::new();
    for part in &view.parts {
        let word = medium(part.medium);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}
