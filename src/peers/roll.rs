//! Who is in the cluster and who may come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::domain::{Denied, InviteError, NodeId, RollMotion, RollReply, TOKENS_MAX};

use super::authority::{Fingerprint, PublicKey};
use super::identity::Identity;
use super::token::{Request, Token, secret_hash};

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
    /// Whom an operator has given a vote; `None`: nobody has said anything.
    #[serde(default)]
    voters: Option<Vec<NodeId>>,
}

/// Whoever wants to come in.
#[derive(Clone, Copy, Debug)]
struct Coming<'a> {
    token: u64,
    hash: &'a [u8; 32],
    key: &'a [u8; 32],
    name: &'a str,
    region: &'a str,
    now_s: i64,
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
            voters: None,
        }
    }

    /// Carries out what was agreed on; where there is no cluster yet, it is to be founded first.
    pub fn carry_out(roll: &mut Option<Self>, motion: &RollMotion) -> RollReply {
        if let RollMotion::Found { cluster, node, name, region } = motion {
            if let (None, Ok(first)) = (&*roll, Identity::new(cluster, *node, name, region)) {
                *roll = Some(Self::new(&first));
            }
            return RollReply::Done;
        }
        match (roll, motion) {
            (Some(roll), _) => roll.apply(motion),
            (None, RollMotion::Invite { .. }) => RollReply::NotInvited(InviteError::Alone),
            (None, _) => RollReply::Denied(Denied::NoMember),
        }
    }

    fn apply(&mut self, motion: &RollMotion) -> RollReply {
        match motion {
            RollMotion::Found { .. } => RollReply::Done,
            RollMotion::Invite { hash, expires_s, now_s } => {
                let kept = self.keep(*hash, *expires_s, *now_s);
                kept.map_or_else(RollReply::NotInvited, RollReply::Invited)
            }
            RollMotion::Admit { token, hash, key, name, region, now_s } => {
                let coming = Coming { token: *token, hash, key, name, region, now_s: *now_s };
                let admitted = self.let_in(coming);
                admitted
                    .map_or_else(RollReply::Denied, |identity| RollReply::Admitted(identity.node))
            }
            RollMotion::Voters { nodes } => {
                self.voters = Some(nodes.clone()).filter(|nodes| !nodes.is_empty());
                RollReply::Done
            }
            RollMotion::Remove { node } => {
                self.remove(*node);
                RollReply::Done
            }
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
        let number = self.keep(secret_hash(&secret), expires_s, now_s)?;
        Ok(Token::new(number, expires_s, authority, secret))
    }

    fn keep(&mut self, hash: [u8; 32], expires_s: i64, now_s: i64) -> Result<u64, InviteError> {
        self.tokens.retain(|_, kept| now_s < kept.expires_s);
        if self.tokens.len() >= TOKENS_MAX {
            return Err(InviteError::TooMany);
        }
        self.last_node = self.last_node.checked_add(1).ok_or(InviteError::NoNumber)?;
        self.last_token += 1;
        let kept = Kept { hash, expires_s, node: NodeId(self.last_node), used_by: None };
        self.tokens.insert(self.last_token, kept);
        Ok(self.last_token)
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
            return self.knows(known, request);
        }
        let (token, secret) = request.token.ok_or(Denied::Unknown)?;
        let (hash, key) = (secret_hash(&secret), key.hash());
        let (name, region) = (request.name.as_str(), request.region.as_str());
        self.let_in(Coming { token, hash: &hash, key: &key, name, region, now_s })
    }

    /// A node of the cluster wants its next certificate.
    ///
    /// # Errors
    /// When it is none, or is called otherwise.
    pub fn knows(&self, known: &Identity, request: &Request) -> Result<Identity, Denied> {
        let names = (request.name.clone(), request.region.clone());
        let is_member = self.members.get(&known.node) == Some(&names)
            && (&known.name, &known.region) == (&names.0, &names.1);
        if is_member { Ok(known.clone()) } else { Err(Denied::NoMember) }
    }

    fn let_in(&mut self, coming: Coming<'_>) -> Result<Identity, Denied> {
        let kept = self.tokens.get_mut(&coming.token).ok_or(Denied::Unknown)?;
        if !bool::from(coming.hash.ct_eq(&kept.hash)) {
            return Err(Denied::Unknown);
        }
        if coming.now_s >= kept.expires_s {
            return Err(Denied::Expired);
        }
        if kept.used_by.is_some_and(|user| user != *coming.key) {
            return Err(Denied::Used);
        }
        let identity = Identity::new(&self.cluster, kept.node, coming.name, coming.region)
            .map_err(|error| Denied::Name(error.to_string()))?;
        let taken = |(node, (name, _)): (&NodeId, &(String, String))| {
            *node != kept.node && *name == coming.name
        };
        if self.members.iter().any(taken) {
            return Err(Denied::NameTaken(coming.name.to_owned()));
        }
        kept.used_by = Some(*coming.key);
        let names = (coming.name.to_owned(), coming.region.to_owned());
        self.members.insert(kept.node, names);
        Ok(identity)
    }

    /// A node has left for good. Its number is not given again; its name can be.
    pub fn remove(&mut self, node: NodeId) {
        self.members.remove(&node);
        self.tokens.retain(|_, kept| kept.node != node);
        if let Some(voters) = &mut self.voters {
            voters.retain(|voter| *voter != node);
        }
        self.voters = self.voters.take().filter(|voters| !voters.is_empty());
    }

    /// Whether a node is in the cluster.
    #[must_use]
    pub fn has(&self, node: NodeId) -> bool {
        self.members.contains_key(&node)
    }

    /// Whether a node was in the cluster and is not any more, for good. Somebody whose coming is not
    /// known here yet is none.
    #[must_use]
    pub fn has_removed(&self, node: NodeId) -> bool {
        let awaited = self.tokens.values().any(|kept| kept.node == node);
        node.0 <= self.last_node && !self.has(node) && !awaited
    }

    /// Whom an operator has given a vote; `None`: nobody has said anything.
    #[must_use]
    pub fn voters(&self) -> Option<&[NodeId]> {
        self.voters.as_deref()
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// All nodes of the cluster.
    pub fn members(&self) -> impl Iterator<Item = Identity> + '_ {
        self.members.iter().map(|(node, (name, region))| Identity {
            cluster: self.cluster.clone(),
            node: *node,
            name: name.clone(),
            region: region.clone(),
        })
    }
}
