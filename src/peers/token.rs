//! How a newcomer is let in: a token that an operator carries from a node to it, once.
//!
//! The token says nothing about addresses. It has a secret, of which the cluster keeps a hash, and
//! the fingerprint of the cluster's authority: so the newcomer knows whom he talks to, and the
//! cluster that somebody trusted has sent him.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::RollMotion;

use super::authority::{Fingerprint, PublicKey};
use super::identity::Identity;

/// How every token begins, so that it is known for what it is wherever it turns up.
const PREFIX: &str = "hallporter-join-";
/// How long a token is good, if nothing else is said.
pub const TOKEN_GOOD_S: i64 = 24 * 3_600;
/// Number, expiry, secret, fingerprint, and a check against slips.
const BYTES: usize = 8 + 8 + 32 + 32 + 4;

/// What a newcomer brings.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub number: u64,
    /// Until when it is good, by the clock of the cluster.
    pub expires_s: i64,
    /// The authority of the cluster.
    pub authority: Fingerprint,
    secret: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({}, until {})", self.number, self.expires_s)
    }
}

/// What is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no whole token: copy all that `hallporter cluster token` has written")]
pub struct TokenError;

impl Token {
    /// With the number that the cluster has given to it.
    #[must_use]
    pub fn new(number: u64, expires_s: i64, authority: Fingerprint, secret: [u8; 32]) -> Self {
        Self { number, expires_s, authority, secret }
    }

    /// As it is written into a file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.expires_s.to_be_bytes());
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.authority.0);
        let check: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&check[..4]);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What stands in such a file.
    ///
    /// # Errors
    /// When it is cut, mistyped, or no token at all.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(TokenError)?;
        let bytes = URL_SAFE_NO_PAD.decode(rest).map_err(|_| TokenError)?;
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| TokenError)?;
        let check: [u8; 32] = Sha256::digest(&bytes[..BYTES - 4]).into();
        if check[..4] != bytes[BYTES - 4..] {
            return Err(TokenError);
        }
        Ok(Self {
            number: u64::from_be_bytes(part(&bytes, 0)),
            expires_s: i64::from_be_bytes(part(&bytes, 8)),
            secret: part(&bytes, 16),
            authority: Fingerprint(part(&bytes, 48)),
        })
    }

    /// What is said to the cluster in exchange for a certificate.
    #[must_use]
    pub fn request(&self, name: &str, region: &str) -> Request {
        Request {
            token: Some((self.number, self.secret)),
            name: name.to_owned(),
            region: region.to_owned(),
        }
    }
}

fn part<const N: usize>(bytes: &[u8; BYTES], from: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[from..from + N]);
    part
}

/// What is asked for over a connection that has proven the asker's key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// A newcomer's token: number and secret. A node that wants its certificate renewed has none.
    pub(super) token: Option<(u64, [u8; 32])>,
    /// How it wants to be called.
    pub name: String,
    /// Where it stands.
    pub region: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.token.map(|(number, _)| number);
        write!(formatter, "Request({number:?}, {:?}, {:?})", self.name, self.region)
    }
}

impl Request {
    /// What the nodes have to agree on, if a newcomer asks: he has proven this key.
    #[must_use]
    pub fn motion(&self, key: &PublicKey, now_s: i64) -> Option<RollMotion> {
        let (token, secret) = self.token?;
        Some(RollMotion::Admit {
            token,
            hash: secret_hash(&secret),
            key: key.hash(),
            name: self.name.clone(),
            region: self.region.clone(),
            now_s,
        })
    }

    /// A node asks for its next certificate.
    #[must_use]
    pub fn renewal(identity: &Identity) -> Self {
        Self { token: None, name: identity.name.clone(), region: identity.region.clone() }
    }
}

/// What is kept of a secret.
#[must_use]
pub fn secret_hash(secret: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(secret).into()
}
