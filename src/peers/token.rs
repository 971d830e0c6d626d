//! How a newcomer is let in: a token that an operator carries from a node to it, once.
//!
//! The token says nothing about addresses. It has a secret, of which the cluster keeps a hash, and
//! the fingerprint of the cluster's authority: so the newcomer knows whom he talks to, and the
//! cluster that somebody trusted has sent him.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::NodeId;

use super::authority::{Fingerprint, PublicKey};
use super::identity::{Identity, IdentityError};

/// How every token begins, so that it is known for what it is wherever it turns up.
const PREFIX: &str = "hallporter-join-";
/// How long a token is good, if nothing else is said.
pub const TOKEN_GOOD_S: i64 = 24 * 3_600;
/// The most tokens that are open at once; a further one is not made.
pub const TOKENS_MAX: usize = 64;
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
    token: Option<(u64, [u8; 32])>,
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
    /// A node asks for its next certificate.
    #[must_use]
    pub fn renewal(identity: &Identity) -> Self {
        Self { token: None, name: identity.name.clone(), region: identity.region.clone() }
    }
}

/// Why somebody who asks gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Denied {
    /// Never made, withdrawn, or with another secret: which of them is not said.
    #[error("the cluster does not know this token: make one by `hallporter cluster token`")]
    Unknown,
    /// Too late.
    #[error("the token has expired: make a new one by `hallporter cluster token`")]
    Expired,
    /// Somebody else was faster.
    #[error("the token has been used by another node: make a new one, and look who has used it")]
    Used,
    /// A node is called so.
    #[error("a node with the name {0:?} is in the cluster: choose another, or remove that one")]
    NameTaken(String),
    /// Can't be called so.
    #[error("{0}")]
    Name(String),
    /// Not in the cluster any more, or under other names.
    #[error("this node is not in the cluster: it can join with a new token")]
    NoMember,
    /// Whoever decides can't be reached.
    #[error("nobody who can decide it is reached: try again")]
    Later,
}

impl From<IdentityError> for Denied {
    fn from(error: IdentityError) -> Self {
        Self::Name(error.to_string())
    }
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    hash: [u8; 32],
    expires_s: i64,
    /// The number of the node that comes with it.
    node: NodeId,
    /// The hash of the key that has used it. The same key may ask again: its answer was lost.
    used_by: Option<[u8; 32]>,
}

/// Who is in the cluster and who may come. No clock, no dice: it is replicated as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    cluster: String,
    members: BTreeMap<NodeId, (String, String)>,
    tokens: BTreeMap<u64, Kept>,
    /// The last number that was given to a node, and to a token. None is given twice.
    last_node: u16,
    last_token: u64,
}

/// No further token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// There are many.
    #[error("{TOKENS_MAX} tokens are open: use them, or wait until they expire")]
    TooMany,
    /// 65,535 nodes have been there.
    #[error("there are no more numbers for nodes")]
    NoNumber,
}

impl Roll {
    /// Of a cluster with its first node.
    #[must_use]
    pub fn new(first: &Identity) -> Self {
        Self {
            cluster: first.cluster.clone(),
            members: BTreeMap::from([(first.node, (first.name.clone(), first.region.clone()))]),
            tokens: BTreeMap::new(),
            last_node: first.node.0,
            last_token: 0,
        }
    }

    /// Makes a token. The secret is 32 bytes that nobody can guess.
    ///
    /// # Errors
    /// When there are too many.
    pub fn invite(
        &mut self,
        authority: Fingerprint,
        secret: [u8; 32],
        expires_s: i64,
        now_s: i64,
    ) -> Result<Token, InviteError> {
        self.tokens.retain(|_, kept| now_s < kept.expires_s);
        if self.tokens.len() >= TOKENS_MAX {
            return Err(InviteError::TooMany);
        }
        self.last_node = self.last_node.checked_add(1).ok_or(InviteError::NoNumber)?;
        self.last_token += 1;
        let hash = Sha256::digest(secret).into();
        let kept = Kept { hash, expires_s, node: NodeId(self.last_node), used_by: None };
        self.tokens.insert(self.last_token, kept);
        Ok(Token { number: self.last_token, expires_s, authority, secret })
    }

    /// Whether anybody is waited for: as long as not, no newcomer is listened to.
    #[must_use]
    pub fn is_open(&self, now_s: i64) -> bool {
        self.tokens.values().any(|kept| now_s < kept.expires_s)
    }

    /// Somebody asks. `known`: who he is by the certificate that he has shown; `None`: a newcomer.
    ///
    /// # Errors
    /// Why he gets no certificate; nothing has changed then.
    pub fn admit(
        &mut self,
        known: Option<&Identity>,
        request: &Request,
        key: &PublicKey,
        now_s: i64,
    ) -> Result<Identity, Denied> {
        if let Some(known) = known {
            let names = (request.name.clone(), request.region.clone());
            let is_member = self.members.get(&known.node) == Some(&names)
                && (&known.name, &known.region) == (&names.0, &names.1);
            return if is_member { Ok(known.clone()) } else { Err(Denied::NoMember) };
        }
        let (number, secret) = request.token.ok_or(Denied::Unknown)?;
        let kept = self.tokens.get_mut(&number).ok_or(Denied::Unknown)?;
        let hash: [u8; 32] = Sha256::digest(secret).into();
        if !bool::from(hash.ct_eq(&kept.hash)) {
            return Err(Denied::Unknown);
        }
        if now_s >= kept.expires_s {
            return Err(Denied::Expired);
        }
        if kept.used_by.is_some_and(|user| user != key.hash()) {
            return Err(Denied::Used);
        }
        let identity = Identity::new(&self.cluster, kept.node, &request.name, &request.region)?;
        let taken = |(node, (name, _)): (&NodeId, &(String, String))| {
            *node != kept.node && *name == request.name
        };
        if self.members.iter().any(taken) {
            return Err(Denied::NameTaken(request.name.clone()));
        }
        kept.used_by = Some(key.hash());
        self.members.insert(kept.node, (request.name.clone(), request.region.clone()));
        Ok(identity)
    }

    /// A node has left for good. Its number is not given again; its name can be.
    pub fn remove(&mut self, node: NodeId) {
        self.members.remove(&node);
        self.tokens.retain(|_, kept| kept.node != node);
    }

    /// Whether a node is in the cluster.
    #[must_use]
    pub fn has(&self, node: NodeId) -> bool {
        self.members.contains_key(&node)
    }
}
