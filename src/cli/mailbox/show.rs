//! How mailboxes are shown.

use std::time::Duration;

use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, or_dash, yes_no};
use crate::domain::{CallbackPolicy, CallbackScope, GreetingName};
use crate::http::wire::{Held, MailboxView};
use crate::text::show_duration;

/// Shows a list of mailboxes.
pub(super) fn list(views: &[MailboxView], screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no mailboxes");
    }
    let rows = views.iter().map(|MailboxView { account, mailbox, .. }| {
        vec![
            mailbox.name.to_string(),
            account.to_string(),
            or_dash(mailbox.language.as_ref()),
            if mailbox.greeting.is_some() { "own" } else { "usual" }.to_owned(),
            yes_no(mailbox.video),
            policy(mailbox.callback).to_owned(),
            mailbox.limits.messages_max.to_string(),
            longest(mailbox.limits.length_max_s),
            format!("{}d", mailbox.limits.keep_days),
            yes_no(mailbox.enabled),
        ]
    });
    let header = [
        "mailbox",
        "account",
        "language",
        "greeting",
        "video",
        "call-back",
        "messages",
        "longest",
        "kept",
        "enabled",
    ];
    screen.table(&header, &[6, 7, 8], rows)
}

/// Shows one mailbox.
pub(super) fn one(view: &MailboxView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    let MailboxView { account, mailbox, held } = view;
    let scope = match mailbox.callback_scope {
        CallbackScope::Callee => "the account's own calls",
        CallbackScope::Anyone => "anyone's calls",
    };
    let names: Vec<&str> = mailbox.greetings.keys().map(GreetingName::as_str).collect();
    let kept = if mailbox.callback_keep { "kept" } else { "thrown away" };
    screen.facts(&[
        ("mailbox", mailbox.name.to_string()),
        ("account", account.to_string()),
        ("enabled", yes_no(mailbox.enabled)),
        ("language", or_dash(mailbox.language.as_ref())),
        ("own greeting", or_dash(mailbox.greeting)),
        ("greetings by name", or_dash((!names.is_empty()).then(|| names.join(", ")))),
        ("video", yes_no(mailbox.video)),
        ("on a call-back", policy(mailbox.callback).to_owned()),
        ("call-backs are", scope.to_owned()),
        ("what was said is then", kept.to_owned()),
        ("messages", of(held.map(|held| held.messages.to_string()), mailbox.limits.messages_max)),
        ("space", of(held.map(mib), mailbox.limits.space_max_mib) + " MiB"),
        ("longest message", longest(mailbox.limits.length_max_s)),
        ("kept for", format!("{}d", mailbox.limits.keep_days)),
    ])
}

/// How much there is of what there may be.
fn of(held: Option<String>, most: u32) -> String {
    held.map_or_else(|| format!("not known, at most {most}"), |held| format!("{held} of {most}"))
}

fn mib(held: Held) -> String {
    let tenths = held.bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn policy(policy: CallbackPolicy) -> &'static str {
    match policy {
        CallbackPolicy::Pause => "pause",
        CallbackPolicy::Save => "save",
        CallbackPolicy::Discard => "discard",
        CallbackPolicy::Ignore => "ignore",
    }
}

fn longest(length_s: u16) -> String {
    show_duration(Duration::from_secs(length_s.into()))
}
