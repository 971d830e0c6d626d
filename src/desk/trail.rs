//! The accounts that a call has passed: it does not come back to any of them.

use crate::domain::{AccountKey, Identifier, Numbering, Target};

use super::Desk;

impl Desk {
    /// Whether a target is an identifier of an account that the call has passed, or is passing.
    pub(super) fn leads_back(&self, to: &Target, callee: AccountKey, trail: &[u32]) -> bool {
        let passed = |owner: AccountKey| owner == callee || trail.contains(&owner.0);
        match to {
            Target::Number(number) => {
                self.registry.owner(&Identifier::Number(*number)).is_some_and(passed)
            }
            Target::Uri(uri) => {
                let (user, host) = uri.user_and_host();
                let number = self.settings.numbering.number_of(user);
                let number =
                    number.and_then(|found| self.registry.owner(&Identifier::Number(found)));
                // Nearly all devices stand at addresses where nobody has an identifier.
                let address = || {
                    let ours = self.registry.has_host(host);
                    let address = ours.then(|| Numbering::address_in(uri.as_str())).flatten();
                    address.and_then(|address| self.registry.owner(&address))
                };
                number.is_some_and(passed) || address().is_some_and(passed)
            }
            // The registrar's own address; the proxy resolves it to where the device is.
            Target::Aor(_) => false,
        }
    }
}

/// The header by which a call that comes back is recognised: the accounts it has passed, as bare
/// numbers, since gateways and other customers read it.
pub(super) fn trail_header(trail: &[u32], callee: AccountKey) -> String {
    let mut header = String::with_capacity(40 + 9 * trail.len());
    header.push_str("X-Hallporter-Trail: ");
    for passed in trail {
        push_hex(&mut header, *passed);
        header.push(';');
    }
    push_hex(&mut header, callee.0);
    header.push_str("\r\n");
    header
}

/// What `{:x}` would write, without its machinery.
fn push_hex(text: &mut String, value: u32) {
    let digits = (u32::BITS - value.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        text.extend(char::from_digit(value >> (4 * place) & 15, 16));
    }
}
