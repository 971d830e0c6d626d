//! Kamailio's own routing document, for configurations that have the module `rtjson`.
//!
//! Measured on 5.6.3: it knows one device after the other (`serial`) or all at once (`parallel`),
//! nothing between; keys it does not know are ignored; in `parallel` it ignores timers and
//! headers too. They are in the document all the same, for whoever reads it.

use crate::domain::{Branch, Decision, Outcome};

use super::Error;
use super::answer::{
    clean_headers, key, nothing_to_ring, number, open, pass, refuse, sendable, separate, text,
};

/// How long a device may take to send anything at all, in milliseconds; a dead one must not use
/// up a whole ring time.
const FIRST_REPLY_MS_MAX: u32 = 4000;

/// The answer as an rtjson document. `pass` and `refuse`, for which rtjson has no words, are
/// answered as [`super::answer()`] does.
///
/// # Errors
/// [`Error::DoesNotFit`] for several stages of which one has several branches, for stages that ring
/// only after some causes, and where a branch joins later.
pub fn rtjson(decision: &Decision) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(512);
    let order = match &decision.outcome {
        Outcome::Fork(order) => order,
        Outcome::Pass { headers } => {
            pass(&mut out, decision, headers);
            return Ok(out);
        }
        Outcome::Refuse(refusal) => {
            refuse(&mut out, refusal);
            return Ok(out);
        }
    };
    // It has no word for a stage that may be left out.
    if order.stages.iter().any(|stage| stage.after.is_some()) {
        return Err(Error::DoesNotFit);
    }
    let Some(stages) = sendable(order) else {
        nothing_to_ring(&mut out);
        return Ok(out);
    };
    if stages.iter().any(|stage| {
        stage.branches.iter().any(|branch| branch.after_s > 0 || branch.wake.is_some())
    }) {
        return Err(Error::DoesNotFit);
    }
    let routing = match stages.as_slice() {
        stages if stages.iter().all(|stage| stage.branches.len() == 1) => "serial",
        [_] => "parallel",
        _ => return Err(Error::DoesNotFit),
    };
    open(&mut out, "fork", decision.call);
    out.extend_from_slice(b",\"version\":\"1.0\",\"routing\":");
    text(&mut out, routing);
    out.extend_from_slice(b",\"routes\":[");
    let routes =
        stages.iter().flat_map(|stage| stage.branches.iter().map(|branch| (stage.ring_s, branch)));
    for (index, (ring_s, branch)) in routes.enumerate() {
        separate(&mut out, index);
        route(&mut out, u32::from(ring_s) * 1000, branch);
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn route(out: &mut Vec<u8>, ring_ms: u32, branch: &Branch) {
    out.push(b'{');
    key(out, "uri");
    text(out, &branch.uri);
    for (name, value) in [("dst_uri", &branch.dst_uri), ("path", &branch.path)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            out.push(b',');
            key(out, name);
            text(out, value);
        }
    }
    out.extend_from_slice(b",\"fr_timer\":");
    number(out, ring_ms.min(FIRST_REPLY_MS_MAX));
    out.extend_from_slice(b",\"fr_inv_timer\":");
    number(out, ring_ms);
    let headers = branch.headers.as_deref().map(clean_headers).unwrap_or_default();
    if !headers.is_empty() {
        out.extend_from_slice(b",\"headers\":{\"extra\":");
        text(out, &headers);
        out.push(b'}');
    }
    out.push(b'}');
}
