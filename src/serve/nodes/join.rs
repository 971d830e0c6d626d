//! How this node gets into a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::Config;
use crate::domain::Now;
use crate::peers::{Newcomer, Token, join};

use super::papers::{Dir, Known, Members, Papers};

/// What an operator has said at the start of a node that is to come in.
#[derive(Clone, Debug)]
pub struct Joining {
    /// A node of the cluster.
    pub address: SocketAddr,
    /// The file with a token of `hallporter cluster token`.
    pub token_file: PathBuf,
    /// Whether this node is only to have a vote.
    pub witness: bool,
}

/// The papers of this node, if it is one of a cluster: as they lie there, or got with a token.
/// `knows_others`: whether its data was agreed on with other nodes.
pub(crate) async fn papers(
    dir: &Dir,
    config: &Config,
    joining: Option<&Joining>,
    knows_others: bool,
    clock: impl Fn() -> Now + Send + Sync + 'static,
) -> anyhow::Result<Option<Papers>> {
    let now_s = clock().wall_s();
    if let Some(papers) = dir.load(now_s)? {
        if joining.is_some() {
            let node = papers.credentials.identity();
            tracing::info!(%node, "this node is in a cluster already: --join is not needed");
        }
        return Ok(Some(papers));
    }
    let Some(joining) = joining else {
        dir.refuse_alone(knows_others)?;
        return Ok(None);
    };
    let path = joining.token_file.display();
    let text = std::fs::read_to_string(&joining.token_file)
        .with_context(|| format!("token file {path} can't be read"))?;
    let token = Token::parse(&text).with_context(|| format!("token file {path}"))?;
    let socket = super::bind_for(config)?;
    let newcomer = Newcomer::new()?;
    let names = (config.node.name.as_str(), config.node.region.as_str());
    let address = joining.address;
    let credentials = join(socket, address, &token, names, newcomer, Arc::new(clock))
        .await
        .context("this node does not get into the cluster")?;
    let known = vec![Known { node: None, address }];
    let members = Members { witness: joining.witness, known };
    let papers = Papers { credentials, authority: None, members };
    dir.found(&papers)?;
    let node = papers.credentials.identity();
    tracing::info!(%node, %address, "this node is in the cluster now");
    Ok(Some(papers))
}
