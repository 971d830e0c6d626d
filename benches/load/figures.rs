//! Medians and percentiles.

use std::time::Duration;

/// The middle one; of an even number the lower of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// The `share`-th (0 to 1) of the sorted times, in milliseconds.
pub(crate) fn percentile_ms(sorted: &[u32], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of thousands"
    )]
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
}

/// So many in that time, per second.
pub(crate) fn rate(count: usize, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands, not quadrillions")]
    let count = count as f64;
    count / time.as_secs_f64()
}

/// `a` of `b`, each the median of its rounds.
pub(crate) fn ratio(a: &[f64], b: &[f64]) -> f64 {
    median(a) / median(b)
}

/// The rounds one by one, for the reader who wants to see the noise.
pub(crate) fn list(values: &[f64], digits: usize) -> String {
    values.iter().map(|value| format!("{value:.digits$}")).collect::<Vec<_>>().join(" ")
}
