//! How accounts are shown.

use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, or_dash, yes_no};
use crate::domain::Policy;
use crate::http::wire::{AccountView, PoolView};

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
    screen.table(&header, &[1, 2, 3, 4, 5], rows)
}
