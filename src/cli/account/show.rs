//! How accounts are shown.

use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, or_dash, yes_no};
use crate::domain::{Policy, PoolKind};
use crate::http::wire::{AccountView, PoolView, SpreadView, WorstView};

/// Shows a list of accounts.
pub(super) fn list(views: &[AccountView], screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(&views);
    }
    if views.is_empty() {
        return screen.line("no accounts");
    }
    let rows = views.iter().map(|view| {
        vec![
            view.name.to_string(),
            of(view.usage.total),
            of(view.usage.incoming),
            of(view.usage.outgoing),
            policy_word(view),
            or_dash(view.parent.as_ref()),
            view.numbers.to_string(),
            view.devices.to_string(),
            yes_no(view.enabled),
        ]
    });
    let header =
        ["account", "calls", "in", "out", "policy", "parent", "numbers", "devices", "enabled"];
    screen.table(&header, &[1, 2, 3, 6, 7], rows)
}

/// `live/cap`
fn of(pool: PoolView) -> String {
    pool.cap.map_or_else(|| pool.live.to_string(), |cap| format!("{}/{cap}", pool.live))
}

fn policy_word(view: &AccountView) -> String {
    match view.policy {
        Policy::Available => "available",
        Policy::Strict => "strict",
    }
    .to_owned()
}

/// Shows one account.
pub(super) fn one(view: &AccountView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.json {
        return screen.object(view);
    }
    let code = |code: Option<u16>, default: u16| code.unwrap_or(default).to_string();
    screen.facts(&[
        ("account", view.name.to_string()),
        ("enabled", yes_no(view.enabled)),
        ("policy", policy_word(view)),
        ("parent", or_dash(view.parent.as_ref())),
        ("accounts below", view.children.to_string()),
        ("zone", or_dash(view.zone.as_ref().map(|zone| zone.as_str().to_owned()))),
        ("refused calls to it get", code(view.refusal_codes.to, 486)),
        ("refused calls from it get", code(view.refusal_codes.from, 403)),
        ("numbers", view.numbers.to_string()),
        ("devices", view.devices.to_string()),
    ])?;
    screen.line("")?;
    let pools = [
        ("all calls", view.usage.total),
        ("calls to it", view.usage.incoming),
        ("calls from it", view.usage.outgoing),
    ];
    let rows = pools.map(|(name, pool)| {
        let cap = pool.cap.map_or_else(|| "none".to_owned(), |cap| cap.to_string());
        // Without a cap there is nothing to hold a right of.
        let figures = [pool.held, pool.frozen, pool.overdraft]
            .map(|figure| or_dash(pool.cap.map(|_| figure)));
        [vec![name.to_owned(), pool.live.to_string(), cap], figures.to_vec()].concat()
    });
    let header = ["", "live", "cap", "rights here", "frozen", "overdraft"];
    screen.table(&header, &[1, 2, 3, 4, 5], rows)?;
    view.cluster.as_ref().map_or(Ok(()), |spread| self::spread(spread, view.policy, screen))
}

/// Where its rights are, and how far its caps hold.
fn spread(spread: &SpreadView, policy: Policy, screen: &mut Screen<'_>) -> Result<(), Failure> {
    // Without a cap there is nothing to hold a right of.
    if spread.worst.is_empty() {
        return Ok(());
    }
    screen.line("")?;
    let rows = spread.nodes.iter().map(|share| {
        vec![
            share.node.clone(),
            if share.here { "here".to_owned() } else { yes_no(share.up) },
            called(share.cap).to_owned(),
            share.held.to_string() + if share.revoked { ", freed" } else { "" },
            share.granted.to_string(),
            or_dash(share.live),
        ]
    });
    let header = ["node", "up", "cap", "rights", "ever granted", "live"];
    screen.table(&header, &[3, 4, 5], rows)?;
    screen.line("")?;
    for worst in &spread.worst {
        screen.line(at_worst(worst, policy))?;
    }
    screen.line("emergency calls, and calls that a proxy let through unasked, come on top")
}

fn called(cap: PoolKind) -> &'static str {
    match cap {
        PoolKind::Total => "max_calls",
        PoolKind::In => "max_in",
        PoolKind::Out => "max_out",
    }
}

/// How far one cap holds, in a sentence.
fn at_worst(worst: &WorstView, policy: Policy) -> String {
    let WorstView { cap, limit, out, overdraft, revoked } = worst;
    let cap = called(*cap);
    // It was lowered under calls, which nobody ends for that.
    let lowered = *out > u64::from(*limit);
    let still = format!("{out} are up until they end");
    if policy == Policy::Strict {
        let still = if lowered { format!("{still}, and then ") } else { String::new() };
        return format!(
            "{cap}: {still}never more than {limit}, whatever fails (policy strict); only `cluster remove` of a node that still has calls exceeds it"
        );
    }
    let most = u64::from(*limit).max(*out).saturating_add(*overdraft).saturating_add(*revoked);
    let mut parts = Vec::new();
    if lowered {
        parts.push(still);
    }
    if *overdraft > 0 {
        parts.push(format!("{overdraft} on overdraft while nodes don't reach each other"));
    }
    if *revoked > 0 {
        parts.push(format!("{revoked} of a node that was taken for dead and is not"));
    }
    if parts.is_empty() {
        return format!("{cap}: never more than {limit}");
    }
    format!("{cap}: at worst {most} instead of {limit}: {}", parts.join(", "))
}
