//! Who may ask what.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

/// The longest Basic credential that is decoded, in bytes.
const BASIC_BYTES_MAX: usize = 4096;

/// What a credential is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nobody is asked for a credential.
    Open,
    /// The address itself is the credential: a signed link.
    Link,
    /// Questions and events of proxies.
    Route,
    /// What a device may change of its account: its own token, which the registry has.
    Device,
    /// Everything.
    Admin,
}

impl Scope {
    /// Whether a credential of this scope opens a door of scope `wanted`.
    fn opens(self, wanted: Self) -> bool {
        match wanted {
            Self::Open | Self::Link => true,
            Self::Route => matches!(self, Self::Route | Self::Admin),
            Self::Device => false,
            Self::Admin => self == Self::Admin,
        }
    }
}

/// The tokens in force. They are never shown: not in the log, not by `Debug`.
pub struct Tokens {
    current: RwLock<Pair>,
}

struct Pair {
    route: Vec<u8>,
    admin: Vec<u8>,
    /// What Kamailio's client sends: `route:TOKEN` for the Basic scheme. Empty without a token.
    basic: Vec<u8>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// The two tokens as their files hold them; white space around them is cut off. An empty one
    /// opens nothing.
    #[must_use]
    pub fn new(route: &[u8], admin: &[u8]) -> Arc<Self> {
        Arc::new(Self { current: RwLock::new(Pair::new(route, admin)) })
    }

    /// Puts other tokens into force, for every request from now on.
    pub fn replace(&self, route: &[u8], admin: &[u8]) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Pair::new(route, admin);
    }

    /// Whether these headers open a door.
    pub(super) fn admit(&self, headers: &HeaderMap, wanted: Scope) -> Admission {
        if matches!(wanted, Scope::Open | Scope::Link) {
            return Admission::Yes;
        }
        match self.scope(headers) {
            None => Admission::Stranger,
            Some(scope) if scope.opens(wanted) => Admission::Yes,
            Some(_) => Admission::WrongScope,
        }
    }

    /// What the credential in the headers is good for. A proxy's HTTP client may only know the
    /// Basic scheme, so `route:TOKEN` and `admin:TOKEN` are taken too.
    fn scope(&self, headers: &HeaderMap) -> Option<Scope> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next()?.as_bytes();
        if values.next().is_some() {
            return None;
        }
        let space = value.iter().position(|byte| *byte == b' ')?;
        let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
        if scheme.eq_ignore_ascii_case(b"Bearer") {
            self.holder(rest, true, true)
        } else if scheme.eq_ignore_ascii_case(b"Basic") && rest.len() <= BASIC_BYTES_MAX {
            if self.is_usual(rest) {
                return Some(Scope::Route);
            }
            let pair = STANDARD.decode(rest).ok()?;
            let colon = pair.iter().position(|byte| *byte == b':')?;
            match &pair[..colon] {
                b"route" => self.holder(&pair[colon + 1..], true, false),
                b"admin" => self.holder(&pair[colon + 1..], false, true),
                _ => None,
            }
        } else {
            None
        }
    }

    /// Whether it is the credential that proxies send, in the usual spelling. In constant time.
    fn is_usual(&self, given: &[u8]) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        !given.is_empty() && bool::from(current.basic.ct_eq(given))
    }

    /// Compares with both tokens, always and in constant time.
    fn holder(&self, given: &[u8], route: bool, admin: bool) -> Option<Scope> {
        if given.is_empty() {
            return None;
        }
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let is_route = bool::from(current.route.ct_eq(given)) && route;
        let is_admin = bool::from(current.admin.ct_eq(given)) && admin;
        if is_admin {
            Some(Scope::Admin)
        } else if is_route {
            Some(Scope::Route)
        } else {
            None
        }
    }
}

impl Pair {
    fn new(route: &[u8], admin: &[u8]) -> Self {
        let (route, admin) = (route.trim_ascii().to_vec(), admin.trim_ascii().to_vec());
        let basic = if route.is_empty() {
            Vec::new()
        } else {
            STANDARD.encode([b"route:", &*route].concat()).into_bytes()
        };
        Self { route, admin, basic }
    }
}

/// Whether somebody may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// No credential, or a wrong one.
    Stranger,
    /// A credential that is good for something else.
    WrongScope,
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(value: &str, wanted: Scope) -> Admission {
        let tokens = Tokens::new(b" r-token\n", b"a-token");
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        tokens.admit(&headers, wanted)
    }

    fn basic(pair: &str) -> String {
        format!("basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_scope_opens_its_doors() {
        use Admission::{Stranger, WrongScope, Yes};
        for (value, route, admin) in [
            ("Bearer r-token", Yes, WrongScope),
            ("bearer   a-token ", Yes, Yes),
            (&basic("route:r-token"), Yes, WrongScope),
            (&basic("admin:a-token"), Yes, Yes),
            (&basic("admin:r-token"), Stranger, Stranger),
            (&basic("route:a-token"), Stranger, Stranger),
            (&basic("root:a-token"), Stranger, Stranger),
            (&basic("r-token"), Stranger, Stranger),
            ("Basic !!!", Stranger, Stranger),
            ("Bearer r-toke", Stranger, Stranger),
            ("Bearer r-token2", Stranger, Stranger),
            ("Bearer", Stranger, Stranger),
            ("Bearer ", Stranger, Stranger),
            ("Digest r-token", Stranger, Stranger),
            ("", Stranger, Stranger),
        ] {
            assert_eq!(
                (admit(value, Scope::Route), admit(value, Scope::Admin)),
                (route, admin),
                "{value}"
            );
            assert_eq!(admit(value, Scope::Open), Yes);
        }
    }

    #[test]
    fn two_credentials_are_none() {
        let tokens = Tokens::new(b"r", b"a");
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, "Bearer r".parse().unwrap());
        headers.append(header::AUTHORIZATION, "Bearer a".parse().unwrap());
        assert_eq!(tokens.admit(&headers, Scope::Route), Admission::Stranger);
    }

    #[test]
    fn tokens_are_replaced_and_never_shown() {
        let tokens = Tokens::new(b"r1", b"");
        assert_eq!(tokens.holder(b"r1", true, true), Some(Scope::Route));
        assert_eq!(tokens.holder(b"", true, true), None);
        tokens.replace(b"r2", b"a2");
        assert_eq!(tokens.holder(b"r1", true, true), None);
        assert_eq!(tokens.holder(b"a2", true, true), Some(Scope::Admin));
        assert_eq!(format!("{tokens:?}"), "Tokens");
    }
}
