//! A decision in sentences, for somebody who was woken by it.

mod by_hand;
mod by_rules;

use std::fmt::Write as _;

use crate::domain::{
    AccountName, Branch, CallbackPolicy, Cause, Decision, DeviceName, DeviceSkip, MailboxName,
    MessageId, Outcome, PoolKind, Room, Side, Step,
};

/// The decision, line by line, in the order in which it was made.
#[must_use]
pub fn explain(decision: &Decision) -> Vec<String> {
    let mut lines: Vec<String> = decision.steps.iter().map(explain_step).collect();
    match &decision.outcome {
        Outcome::Pass { .. } => {
            lines.push("let pass: the proxy routes it as it would without hallporter".to_owned());
        }
        Outcome::Refuse(refusal) => lines.push(format!(
            "refused: {} {} (cause {})",
            refusal.code,
            refusal.reason,
            refusal.cause.as_str()
        )),
        Outcome::Fork(order) => {
            for (position, stage) in order.stages.iter().enumerate() {
                let branches: Vec<String> = stage.branches.iter().map(rings).collect();
                let then = match (position, stage.mailbox, &stage.after) {
                    (_, true, _) => "takes a message, within".to_owned(),
                    (_, false, Some(after)) => {
                        format!("then, only after {}, rings", after.words())
                    }
                    (0, false, None) => "rings".to_owned(),
                    (_, false, None) => "then rings".to_owned(),
                };
                lines.push(format!("{then} {} s: {}", stage.ring_s, branches.join(", ")));
            }
        }
    }
    lines
}

/// One step in a sentence.
pub(super) fn explain_step(step: &Step) -> String {
    match step {
        Step::Emergency { number } => {
            format!("emergency number {number}: let through before anything was looked up")
        }
        Step::Repeated => "asked before: no further slot is taken".to_owned(),
        Step::Caller { account, authenticated } => caller(account.as_ref(), *authenticated),
        Step::Callee { identifier: None, .. } => {
            "called: nothing that could be an identifier".to_owned()
        }
        Step::Callee { identifier: Some(identifier), account: None } => {
            format!("called: {identifier}, which leads to no account here")
        }
        Step::Callee { identifier: Some(identifier), account: Some(account) } => {
            format!("called: {identifier}, account {account}")
        }
        Step::Disabled { account, side } => {
            format!("account {account} ({}) is disabled", end_of(*side))
        }
        Step::Cap { account, side, kind, used, cap, room } => {
            let (end, limit) = (
                end_of(*side),
                cap.map_or_else(|| "no limit".to_owned(), |cap| format!("of {cap}")),
            );
            let (calls, verdict) = (calls_of(*kind), verdict(*room));
            format!("account {account} ({end}): {used} {calls}, {limit}: {verdict}")
        }
        Step::Device { device, stage, after_s, skip } => {
            self::device(device, *stage, *after_s, *skip)
        }
        Step::Wake { device, asked } => super::push::explained(device, *asked),
        Step::Moment { zone, local } => by_rules::moment(zone, local),
        Step::Rule { name, line, missed } => by_rules::rule(name, *line, missed.as_ref()),
        Step::Turn { order, device } => by_rules::turn(*order, device),
        Step::NothingBefore { name } => by_rules::nothing_before(name),
        Step::Untagged { tag, stage } => by_rules::untagged(tag, *stage),
        Step::Wish { wish } => by_rules::wish(*wish),
        Step::Told(told) => by_rules::told(told, told.skip.map(why_not)),
        Step::NoneTells => by_rules::NONE_TELLS.to_owned(),
        Step::Grace => {
            "an emergency call was made from there a short time ago: the notification list \
                        rings, in spite of rules and do-not-disturb"
                .to_owned()
        }
        Step::NoRule => "no rule has the last word: the notification list rings".to_owned(),
        Step::Forward { to, stage, skip } => by_rules::forward(to, *stage, skip.map(why_not)),
        Step::OrderLong { ring_s_max } => {
            format!("the rest is left out: an order rings {ring_s_max} s at the most")
        }
        Step::StarCode { dialled, device } => by_hand::star_code(dialled, device.as_ref()),
        Step::SelfCare { forward, to, skip } => by_hand::self_care(*forward, to, *skip),
        Step::Mailbox { mailbox, switch, cause, greeting } => {
            let told = self::mailbox(mailbox, switch.as_deref(), cause.map(Cause::as_str));
            by_rules::greeted(told, greeting.as_ref())
        }
        Step::CallBack { message, policy } => call_back(*message, *policy),
        Step::OrderFull { branches_max } => {
            format!("the rest of the list is left out: {branches_max} branches are the most")
        }
    }
}

fn caller(account: Option<&AccountName>, authenticated: bool) -> String {
    match account {
        None if authenticated => {
            "caller: authenticated by the proxy, under a name that is no account here".to_owned()
        }
        None => "caller: a stranger (no authenticated account), counts for nobody".to_owned(),
        Some(account) if authenticated => {
            format!("caller: account {account}, authenticated by the proxy")
        }
        Some(account) => format!("caller: account {account}, by its From (trust_from is on)"),
    }
}

fn calls_of(kind: PoolKind) -> &'static str {
    match kind {
        PoolKind::Total => "calls",
        PoolKind::In => "incoming calls",
        PoolKind::Out => "outgoing calls",
    }
}

fn verdict(room: Room) -> &'static str {
    match room {
        Room::Yes => "room",
        Room::Full => "full",
        Room::Frozen => "not counted yet after the start, and its policy is strict",
        Room::Forced => "not asked: an emergency call was made a short time ago",
        Room::Overdraft => "the nodes that have its rights are not reached: admitted beyond them",
        Room::Unreachable => "the nodes that have its rights are not reached",
        Room::Elsewhere => "other nodes have its rights, and a call asks them for one",
    }
}

fn device(device: &DeviceName, stage: u8, after_s: u16, skip: Option<DeviceSkip>) -> String {
    match (skip, after_s) {
        (None, 0) => format!("device {device}, stage {stage}: rings"),
        (None, _) => format!("device {device}, stage {stage}: rings after {after_s} s"),
        (Some(skip), _) => {
            format!("device {device}, stage {stage}: left out, it {}", why_not(skip))
        }
    }
}

fn end_of(side: Side) -> &'static str {
    match side {
        Side::From => "calling",
        Side::To => "called",
    }
}

fn rings(branch: &Branch) -> String {
    let at = branch.header(Branch::DEVICE).unwrap_or(&branch.uri);
    let mut text = format!("{} at {at}", branch.device);
    if branch.after_s > 0 {
        let _ = write!(text, " after {} s", branch.after_s);
    }
    if branch.wake.is_some() {
        text.push_str(", once it has woken");
    }
    if let Some(key) = branch.confirm() {
        let _ = write!(text, " (once {key} is pressed there)");
    }
    text
}

fn why_not(skip: DeviceSkip) -> &'static str {
    match skip {
        DeviceSkip::Disabled => "is disabled",
        DeviceSkip::Dnd => "is set to do not disturb",
        DeviceSkip::Loop => "leads back to an account that this call has passed",
        DeviceSkip::Missing => "is no device of the account (any more)",
        DeviceSkip::InCall => "is in a call",
        DeviceSkip::NotRegistered => "is not registered",
        DeviceSkip::NoGateway => "is a telephone number, and routing.pstn_gateway is not set",
        DeviceSkip::NoSwitch => {
            "is to be confirmed by a key, and no switch is configured that could ask for it"
        }
        DeviceSkip::NotDialled => {
            "has an address that a FreeSWITCH can't dial (IPv6, or unusual characters)"
        }
        DeviceSkip::NoWaiting => {
            "is for when something has failed, and a FreeSWITCH without a proxy can't wait for that"
        }
        DeviceSkip::NoText => "is a telephone number, to which nothing is written",
        DeviceSkip::StageFull => "is one too many for its stage",
    }
}

fn mailbox(mailbox: &MailboxName, switch: Option<&str>, cause: Option<&str>) -> String {
    match (switch, cause) {
        (None, _) => {
            format!("mailbox {mailbox}: no switch is configured that could take a message")
        }
        (Some(switch), None) => {
            format!("mailbox {mailbox}, at switch {switch}: takes a message when nobody answers")
        }
        (Some(switch), Some(cause)) => {
            format!("mailbox {mailbox}, at switch {switch}: takes a message at once ({cause})")
        }
    }
}

fn call_back(message: MessageId, policy: CallbackPolicy) -> String {
    let done = match policy {
        CallbackPolicy::Pause => "he is asked whether to take this call",
        CallbackPolicy::Save => "it is ended and kept",
        CallbackPolicy::Discard => "it is thrown away",
        CallbackPolicy::Ignore => "it goes on",
    };
    format!("the called party leaves a message just now ({message}): {done}")
}
