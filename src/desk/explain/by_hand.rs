//! What devices have changed themselves, in sentences.

use crate::domain::{CareSkip, DeviceName, Forward};

/// A star code was dialled.
pub(super) fn star_code(dialled: &str, device: Option<&DeviceName>) -> String {
    match device {
        Some(device) => format!("star code {dialled}, dialled by device {device}"),
        None => format!("star code {dialled}, dialled by a device that is not known"),
    }
}

/// Somebody has set something himself.
pub(super) fn self_care(forward: Option<Forward>, to: &str, skip: Option<CareSkip>) -> String {
    let what = match forward {
        None => format!("self care: device {to} is to ring alone"),
        Some(Forward::All) => format!("self care: all calls are forwarded to {to}"),
        Some(Forward::Busy) => format!("self care: forwarded to {to} when busy"),
        Some(Forward::NoAnswer) => format!("self care: forwarded to {to} when nobody answers"),
        Some(Forward::Unreachable) => format!("self care: forwarded to {to} when nothing can ring"),
    };
    match skip {
        None => what,
        Some(CareSkip::NotAllowed) => format!("{what}: not done, the account does not allow it"),
        Some(CareSkip::NoProxy) => {
            format!("{what}: not done, a switch without a proxy cannot leave it out otherwise")
        }
        Some(CareSkip::OwnCall) => format!("{what}: not done, the call comes from there"),
    }
}
