//! What http counts by itself.

use std::fmt::Error;
use std::sync::OnceLock;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The histogram's bounds, in seconds: fine where a good daemon answers, coarse up to the proxy's
/// patience of 400 ms.
const BOUNDS_S: [f64; 13] =
    [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4];

/// The ways whose counters are at hand.
const USUAL: [&str; 2] = ["/v1/route", "/v1/event"];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answered {
    route: &'static str,
    code: u16,
}

impl EncodeLabelSet for Answered {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), Error> {
        ("route", self.route).encode(encoder.encode_label())?;
        ("code", self.code).encode(encoder.encode_label())
    }
}

/// Counters of http.
#[derive(Debug)]
pub(super) struct Meter {
    registry: Registry,
    answers: Family<Answered, Counter>,
    /// Two of `answers`: nearly all answers are questions or events of proxies that went well.
    usual: [OnceLock<Counter>; 2],
    route_s: Histogram,
    refused: Counter,
}

impl Meter {
    pub(super) fn new() -> Self {
        let (answers, refused) = (Family::default(), Counter::default());
        let route_s = Histogram::new(BOUNDS_S);
        let mut registry = Registry::with_prefix("hallporter");
        registry.register(
            "http_answers",
            "HTTP answers by route and status",
            Clone::clone(&answers),
        );
        registry.register(
            "http_connections_refused",
            "Connections that were closed because there were too many",
            refused.clone(),
        );
        registry.register(
            "route_answer_seconds",
            "Time from a complete question at /v1/route to its answer",
            route_s.clone(),
        );
        Self { registry, answers, usual: Default::default(), route_s, refused }
    }

    /// One answer of the route with this path.
    pub(super) fn answered(&self, route: &'static str, code: u16) {
        let counter = || self.answers.get_or_create_owned(&Answered { route, code });
        let usual = if code == 200 { USUAL.iter().position(|one| *one == route) } else { None };
        match usual.and_then(|place| self.usual.get(place)) {
            Some(usual) => usual.get_or_init(counter).inc(),
            None => counter().inc(),
        };
    }

    /// One answer at `/v1/route` that took so long.
    pub(super) fn routed(&self, took_us: u64) {
        self.route_s.observe(std::time::Duration::from_micros(took_us).as_secs_f64());
    }

    /// One connection too many.
    pub(super) fn connection_refused(&self) {
        self.refused.inc();
    }

    /// All of it after the process's own metrics, as one OpenMetrics document.
    pub(super) fn text(&self, process: &str) -> String {
        let mut text = process.trim_end().trim_end_matches("# EOF").trim_end().to_owned();
        if !text.is_empty() {
            text.push('\n');
        }
        // Into a String; the labels are ours. It ends with `# EOF`.
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("metrics could not be written: this is a mistake in hallporter");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_make_one_document() {
        let meter = Meter::new();
        meter.answered("/v1/route", 200);
        meter.answered("/v1/route", 200);
        meter.routed(70);
        let text = meter.text("# HELP x y.\nx_total 1\n# EOF\n");
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.starts_with("# HELP x y.\nx_total 1\n# HELP hallporter_http_answers "));
        assert!(
            text.contains(r#"hallporter_http_answers_total{route="/v1/route",code="200"} 2"#),
            "{text}"
        );
        assert!(
            text.contains(r#"hallporter_route_answer_seconds_bucket{le="0.0001"} 1"#),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }
}
