//! Who may come in: tokens, and those who ask with them.

use std::sync::Arc;

use crate::desk::{Motion, Verdict};
use crate::domain::{Denied, RollMotion, RollReply};
use crate::peers::{Asked, Identity, Issued, Lane, Token, secret_hash};

use super::super::agree::agree;
use super::super::clock::secret;
use super::super::house::House;
use super::Nodes;
use super::letter::Letter;

/// Answers somebody who wants a certificate.
pub(super) async fn decide(house: Arc<House>, nodes: Arc<Nodes>, asked: Asked) {
    let answer = judge(&house, &nodes, &asked).await;
    let (name, region) = (asked.request.name.clone(), asked.request.region.clone());
    match (&answer, &asked.known) {
        (Ok((identity, _)), None) => {
            tracing::info!(node = identity.node.0, name, region, "a node was let into the cluster");
        }
        (Ok(_), Some(known)) => {
            tracing::info!(node = known.node.0, "a node gets its next certificate");
        }
        (Err(why), _) => {
            let name = name.escape_debug().take(64).collect::<String>();
            tracing::warn!(name, %why, "somebody who asked for a certificate gets none");
        }
    }
    asked.answer(answer.map(|(_, issued)| issued));
}

async fn judge(
    house: &Arc<House>,
    nodes: &Nodes,
    asked: &Asked,
) -> Result<(Identity, Issued), Denied> {
    let now_s = house.now().wall_s();
    if nodes.authority().is_none() {
        return Err(Denied::Later);
    }
    let identity = match &asked.known {
        Some(known) => {
            let knows = house.roll.look(|roll| roll.knows(known, &asked.request));
            knows.unwrap_or(Err(Denied::Later))?
        }
        None => {
            let motion = asked.request.motion(&asked.key, now_s).ok_or(Denied::Unknown)?;
            match agree(house, Motion::Roll(motion)).await {
                Ok(Verdict::Roll(RollReply::Admitted(node))) => {
                    let (name, region) = (&asked.request.name, &asked.request.region);
                    Identity::new(&nodes.own.cluster, node, name, region)
                        .map_err(|error| Denied::Name(error.to_string()))?
                }
                Ok(Verdict::Roll(RollReply::Denied(denied))) => return Err(denied),
                Ok(_) | Err(_) => return Err(Denied::Later),
            }
        }
    };
    nodes.spread_roll(house);
    let authority = nodes.authority();
    let issued = authority.as_ref().map(|by| by.issue(&identity, &asked.key, now_s));
    match issued {
        Some(Ok(issued)) => Ok((identity, issued)),
        Some(Err(_)) | None => Err(Denied::Later),
    }
}

impl Nodes {
    /// Makes a token that is good for so long. The error is a sentence.
    pub(crate) async fn invite(
        &self,
        house: &Arc<House>,
        good_for_s: i64,
    ) -> Result<Token, String> {
        let fingerprint = self.authority().as_ref().map(crate::peers::Authority::fingerprint);
        let fingerprint = fingerprint.ok_or(
            "this node does not have the cluster's authority yet: ask a node that has been a voter for a while",
        )?;
        let secret =
            secret().map_err(|error| format!("the machine gives no random numbers: {error}"))?;
        let now_s = house.now().wall_s();
        let expires_s = now_s + good_for_s;
        let motion = RollMotion::Invite { hash: secret_hash(&secret), expires_s, now_s };
        match agree(house, Motion::Roll(motion)).await {
            Ok(Verdict::Roll(RollReply::Invited(number))) => {
                self.endpoint.open(true);
                self.spread_roll(house);
                Ok(Token::new(number, expires_s, fingerprint, secret))
            }
            Ok(Verdict::Roll(RollReply::NotInvited(error))) => Err(error.to_string()),
            Ok(other) => Err(format!("the cluster answered something else: {other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Tells all others the list of nodes.
    pub(super) fn spread_roll(&self, house: &House) {
        let Some(text) = house.roll.text() else { return };
        for node in self.connected() {
            let _ = self.send(node, Lane::Rows, &Letter::Roll(text.clone()));
        }
    }
}
