//! Tokens of devices: what they look like, and whose one is.

use std::fmt::Write as _;

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::{AccountKey, ContentId, DeviceName, TokenHash};
use crate::registry::Registry;

/// How a device's token begins, so that people and scanners know one when they see it.
const BEGINS: &str = "hpd_";
/// The longest that is looked at, in bytes.
const BYTES_MAX: usize = 128;

/// A new token of a device of this account. The account's number in it is no secret: it says
/// where to look.
pub(super) fn make(account: AccountKey, secret: [u8; 32]) -> String {
    let mut token = format!("{BEGINS}{:x}_", account.0);
    for byte in secret {
        let _ = write!(token, "{byte:02x}");
    }
    token
}

/// What is kept of a token.
pub(super) fn hash(token: &str) -> TokenHash {
    TokenHash(ContentId(Sha256::digest(token.as_bytes()).into()))
}

/// The token in the headers, if it looks like one of a device.
pub(super) fn in_headers(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = token.len() <= BYTES_MAX && token.starts_with(BEGINS);
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

/// The device that has a token. All tokens of the account are compared, each in constant time, and
/// only their hashes.
pub(super) fn holder(registry: &Registry, token: &str) -> Option<(AccountKey, DeviceName)> {
    let (key, _) = token.strip_prefix(BEGINS)?.split_once('_')?;
    let key = AccountKey(u32::from_str_radix(key, 16).ok()?);
    let given = hash(token);
    let mut holder = None;
    for (device, kept) in &registry.care(key)?.tokens {
        if bool::from(kept.0.0.ct_eq(&given.0.0)) {
            holder = Some(device);
        }
    }
    holder.map(|device| (key, device.clone()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_known_by_its_looks() {
        let token = make(AccountKey(0x1f), [0xa5; 32]);
        assert_eq!(token, format!("hpd_1f_{}", "a5".repeat(32)));
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            headers
        };
        assert_eq!(in_headers(&headers(&format!("bearer {token}"))), Some(&*token));
        for bad in ["Bearer admin-token", "Basic hpd_1f_a5", "hpd_1f_a5", "Bearer"] {
            assert_eq!(in_headers(&headers(bad)), None, "{bad}");
        }
        let long = format!("Bearer hpd_1f_{}", "a".repeat(200));
        assert_eq!(in_headers(&headers(&long)), None);
        let mut two = headers(&format!("Bearer {token}"));
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer hpd_1_x"));
        assert_eq!(in_headers(&two), None);
    }

    #[test]
    fn whoever_is_not_known_holds_nothing() {
        let registry = Registry::new(1);
        for token in ["hpd_0_a5", "hpd_ffffffff_a5", "hpd__", "hpd_x_1", "hpd_+1_1", "hpd_"] {
            assert_eq!(holder(&registry, token), None, "{token}");
        }
    }
}
