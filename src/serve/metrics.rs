//! How the process stands: for operators as [`Status`], for Prometheus as text.

mod bucket;
mod cluster;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::desk::Figures;
use crate::domain::Now;
use crate::freeswitch::SwitchStatus;
use crate::http::wire::Status;
use crate::store::Health;

use super::house::House;
use super::mail::Mail;

/// How old the oldest unwritten row may be before it is a trouble, in milliseconds.
const STORE_LAG_MS_MAX: u64 = 2_000;

/// How the daemon stands.
pub(crate) fn status(house: &House) -> Status {
    let now = house.now();
    let config = house.config();
    let figures = house.desk().figures();
    let health = house.store.health();
    let proxies: Vec<_> = house.proxies.iter().map(|proxy| proxy.status(now)).collect();
    let silent = proxies.iter().find_map(|proxy| {
        let trouble = proxy.trouble.as_deref()?;
        Some(format!("proxy {} can't be asked for its calls: {trouble}", proxy.name))
    });
    let draining = house.draining();
    let nodes = house.nodes();
    let closed = nodes.and_then(|nodes| nodes.closed(house)).or_else(|| strange(house));
    let trouble = if let Some(closed) = &closed {
        Some(closed.clone())
    } else if draining {
        Some("the daemon is stopping".to_owned())
    } else {
        store_trouble(&health, now)
            .or_else(|| no_quorum(house))
            .or(silent)
            .or_else(|| no_bucket(house))
    };
    Status {
        ready: !draining && closed.is_none(),
        trouble,
        draining,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: config.node.name.clone(),
        region: config.node.region.clone(),
        boot: house.boot,
        uptime_s: now.mono_ms / 1000,
        cluster: nodes.map(|nodes| nodes.brief(house)),
        calls: figures.calls as u64,
        accounts: figures.registry.accounts as u64,
        numbers: figures.registry.identifiers as u64,
        devices: figures.registry.devices as u64,
        store_lag_ms: lag_ms(&health, now),
        proxies,
        switches: house.mail().map(Mail::switch_list).unwrap_or_default(),
        deposits: house.desk().deposits().len() as u64,
        outbox: None,
    }
}

/// Calls are decided all the same, from the rights that are held; no change is made here.
fn strange(house: &House) -> Option<String> {
    house.agreement()?.strange()?;
    Some(super::agree::STRANGE.to_owned())
}

fn no_quorum(house: &House) -> Option<String> {
    let part = house.nodes()?.brief(house);
    (!part.quorum).then(|| {
        "calls are decided from the rights that are held here, but less than half of the voters are \
         reached: see `hallporter cluster doctor`"
            .to_owned()
    })
}

fn no_bucket(house: &House) -> Option<String> {
    let trouble = house.mail()?.bucket_view()?.trouble?;
    Some(format!("recordings do not reach the bucket: {trouble}"))
}

fn lag_ms(health: &Health, now: Now) -> u64 {
    let since = health.failing_since_ms.unwrap_or(now.wall_ms);
    u64::try_from(now.wall_ms.saturating_sub(since)).unwrap_or(0)
}

fn store_trouble(health: &Health, now: Now) -> Option<String> {
    let error = health.last_error.as_ref()?;
    (lag_ms(health, now) > STORE_LAG_MS_MAX)
        .then(|| format!("calls are decided, but can't be written down since then: {error}"))
}

/// The figures as OpenMetrics text.
pub(crate) fn text(house: &House) -> String {
    let figures = house.desk().figures();
    let health = house.store.health();
    let mut page = Page(String::with_capacity(4096));
    decisions(&mut page, &figures);
    calls(&mut page, &figures);
    page.gauge(
        "hallporter_rights_out",
        "Rights of capped accounts that are out.",
        rights_out(house),
    );
    let counts = figures.registry;
    page.gauge("hallporter_accounts", "Accounts.", counts.accounts);
    page.gauge("hallporter_identifiers", "Identifiers.", counts.identifiers);
    page.gauge("hallporter_devices", "Devices.", counts.devices);
    let waiting = figures.unwritten + health.rows_waiting;
    page.gauge("hallporter_store_rows_waiting", "Rows not written down yet.", waiting);
    let failing = u8::from(health.last_error.is_some());
    page.gauge("hallporter_store_failing", "The last write failed.", failing);
    page.counter(
        "hallporter_changes_not_written",
        "Changes of the registry refused because they could not be written down.",
        house.changes_not_written.load(Ordering::Relaxed),
    );
    let dropped = health.history_dropped;
    page.counter("hallporter_history_dropped", "Entries for `why` lost to a full queue.", dropped);
    page.gauge("hallporter_draining", "The daemon is stopping.", u8::from(house.draining()));
    proxies(&mut page, house);
    page.gauge("hallporter_mailboxes", "Mailboxes.", counts.mailboxes);
    pushes(&mut page, house);
    messages(&mut page, &figures, house);
    cluster::cluster(&mut page, &figures, house);
    page.0
}

/// Added up a portion at a time: calls are decided in between.
fn rights_out(house: &House) -> u64 {
    let (mut out, mut after) = (0, None);
    loop {
        after = house.desk().add_up_out(&mut out, after);
        if after.is_none() {
            return out;
        }
    }
}

/// Pushes; where nobody sends any, nothing is said of them.
fn pushes(page: &mut Page, house: &House) {
    let Some(pushes) = &house.pushes else { return };
    let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let (heard, failed) = (count(&pushes.figures.heard), count(&pushes.figures.failed));
    page.counter("hallporter_pushes_heard", "Pushes wanted or cancelled, and heard.", heard);
    page.counter("hallporter_pushes_failed", "The same, not heard by the receiver.", failed);
}

/// Messages; without a spool there are none, and nothing is said of them.
fn messages(page: &mut Page, figures: &Figures, house: &House) {
    let Some(mail) = house.mail() else { return };
    page.gauge("hallporter_deposits", "Messages that are being left.", figures.deposits);
    page.counter("hallporter_messages_left", "Messages that were left.", figures.messages_left);
    if house.nodes().is_some() || mail.shared.is_some() {
        let help = "Messages that only one node has.";
        page.gauge("hallporter_messages_unsafe", help, mail.alone());
    }
    if let Some(shared) = &mail.shared {
        bucket::bucket(page, shared);
    }
    page.head("hallporter_calls_missed", "counter", "Calls that left no message, by reason.");
    for (reason, count) in &figures.missed {
        page.labelled("hallporter_calls_missed_total", "reason", &snake(reason), *count);
    }
    page.counter("hallporter_call_backs", "Calls back during a message.", figures.call_backs);
    page.counter("hallporter_legs_strange", "Legs for no mailbox.", figures.strange_legs);
    let switches = mail.switch_status();
    page.head("hallporter_switch_connected", "gauge", "A switch is connected.");
    for switch in &switches {
        let up = u64::from(switch.connected);
        page.labelled("hallporter_switch_connected", "switch", &switch.name, up);
    }
    for (name, help, figure) in [
        ("hallporter_switch_events", "Events read from a switch.", 0),
        ("hallporter_switch_overflows", "Events lost to a full queue, the list read anew.", 1),
        ("hallporter_switch_refused", "Commands that a switch did not take.", 2),
    ] {
        page.head(name, "counter", help);
        for switch in &switches {
            let counts = [switch.events, switch.overflows, switch.refused];
            page.labelled(&format!("{name}_total"), "switch", &switch.name, counts[figure]);
        }
    }
    reactions(page, &switches);
}

/// How long a switch's events waited for the commands that answer them.
fn reactions(page: &mut Page, switches: &[SwitchStatus]) {
    const NAME: &str = "hallporter_switch_reaction_seconds";
    #[expect(clippy::cast_precision_loss, reason = "microseconds of years fit")]
    let seconds = |us: u64| us as f64 / 1e6;
    page.head(NAME, "histogram", "Time from a switch's event to the command that answers it.");
    for switch in switches {
        let (name, took) = (&switch.name, &switch.reactions);
        for (bound_us, count) in &took.within_us {
            let labels = format!("{{switch=\"{name}\",le=\"{}\"}}", seconds(*bound_us));
            page.line(&format!("{NAME}_bucket"), &labels, count);
        }
        let labels = format!("{{switch=\"{name}\",le=\"+Inf\"}}");
        page.line(&format!("{NAME}_bucket"), &labels, took.count);
        page.line(&format!("{NAME}_sum"), &format!("{{switch=\"{name}\"}}"), seconds(took.sum_us));
        page.labelled(&format!("{NAME}_count"), "switch", name, took.count);
    }
}

fn calls(page: &mut Page, figures: &Figures) {
    let settled = u8::from(figures.settled);
    page.gauge("hallporter_calls", "Calls in the table.", figures.calls);
    page.gauge("hallporter_calls_reserved", "Of these, not answered yet.", figures.reserved);
    page.gauge("hallporter_settled", "Every proxy was asked since the start.", settled);
    page.gauge("hallporter_tombstones", "Ends and refusals remembered.", figures.tombstones);
    for (name, help, count) in [
        ("hallporter_calls_adopted", "Calls found at a proxy, not known before.", figures.adopted),
        ("hallporter_events_strange", "Events about calls not known here.", figures.strange_events),
        (
            "hallporter_calls_left_to_others",
            "Calls counted twice and left to another node.",
            figures.doubles,
        ),
        ("hallporter_looks", "Complete looks at proxies' lists.", figures.looks),
        ("hallporter_looks_failed", "Looks that failed.", figures.looks_failed),
        ("hallporter_proxy_restarts", "Restarts of proxies noticed.", figures.proxy_restarts),
    ] {
        page.counter(name, help, count);
    }
    page.head("hallporter_calls_ended", "counter", "Calls that are over, by cause.");
    for (cause, count) in &figures.ended {
        page.labelled("hallporter_calls_ended_total", "cause", &snake(cause), *count);
    }
}

fn proxies(page: &mut Page, house: &House) {
    let now = house.now();
    page.head("hallporter_proxy_seen_seconds", "gauge", "Age of the last complete look, by proxy.");
    for proxy in house.proxies.iter().map(|proxy| proxy.status(now)) {
        if let Some(ago_ms) = proxy.seen_ago_ms {
            page.labelled("hallporter_proxy_seen_seconds", "proxy", &proxy.name, ago_ms / 1000);
        }
    }
}

fn decisions(page: &mut Page, figures: &Figures) {
    page.head("hallporter_decisions", "counter", "Decisions by outcome and cause of refusal.");
    for (outcome, count) in [("fork", figures.forked), ("pass", figures.passed)] {
        let labels = format!("{{outcome=\"{outcome}\",cause=\"\"}}");
        page.line("hallporter_decisions_total", &labels, count);
    }
    for (cause, count) in &figures.refused {
        let labels = format!("{{outcome=\"refuse\",cause=\"{}\"}}", cause.as_str());
        page.line("hallporter_decisions_total", &labels, *count);
    }
    page.counter("hallporter_emergencies", "Emergency calls let through.", figures.emergencies);
    page.counter("hallporter_decisions_repeated", "Questions asked again.", figures.repeated);
}

/// A unit variant's name as programs write it.
fn snake(cause: &impl serde::Serialize) -> String {
    serde_json::to_value(cause)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn labelled(&mut self, name: &str, label: &str, value: &str, count: u64) {
        self.line(name, &format!("{{{label}=\"{value}\"}}"), count);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, "gauge", help);
        self.line(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(&format!("{name}_total"), "", value);
    }
}
