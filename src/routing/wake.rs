//! Devices that sleep until a push wakes them.

use std::sync::Arc;

use crate::domain::{Branch, Device, DeviceSkip, Target, Wake};

use super::List;

/// The branches of a device, with one more if it is asked to wake. Where it was registered last it
/// is called as well: its app may be awake. Whoever has to press a key is called once.
pub(super) fn with_wake(
    found: Result<Vec<Branch>, DeviceSkip>,
    device: &Device,
    list: &List<'_>,
    confirm: Option<&str>,
) -> Result<Vec<Branch>, DeviceSkip> {
    let (Target::Aor(aor), true, Some(wait_s)) = (&device.target, device.push, list.wait_s) else {
        return found;
    };
    let mut branches = match found {
        Ok(branches) if confirm.is_none() => branches,
        Ok(_) | Err(DeviceSkip::NotRegistered) => Vec::new(),
        Err(skip) => return Err(skip),
    };
    // An address that nobody looked up is the proxy's own: it sends nothing there.
    branches.retain(|branch| *branch.uri != *aor.as_str());
    let headers = [&**list.headers, confirm.unwrap_or_default()].concat();
    // First: where there is room for one branch alone, it finds the device wherever it is.
    let wake = Branch {
        device: device.name.clone(),
        after_s: 0,
        uri: aor.shared(),
        dst_uri: None,
        path: None,
        headers: (!headers.is_empty()).then(|| Arc::from(headers)),
        wake: Some(Box::new(Wake { aor: aor.shared(), wait_s })),
    };
    branches.insert(0, wake);
    Ok(branches)
}
