//! What a node of a cluster has on the disk, in `DATA/cluster/`: its certificate and key
//! (`node.pem`), the authority's where it is kept (`authority.pem`), whom it knows
//! (`members.json`), and the list of the cluster's nodes (`roll.json`).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::domain::NodeId;
use crate::peers::{Authority, Credentials, Identity};

const NODE: &str = "node.pem";
const AUTHORITY: &str = "authority.pem";
const MEMBERS: &str = "members.json";
const ROLL: &str = "roll.json";
/// Lies beside papers that were put away because a later copy of the data is in use.
const OLD_COPY: &str = "old-copy";

/// Another node, as it was last known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Its number; `None`: whoever is at the address.
    pub(crate) node: Option<NodeId>,
    /// Where it is reached.
    pub(crate) address: SocketAddr,
}

/// Whom a node knows, and what it is itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Members {
    /// Whether this node only has a vote and answers no calls.
    pub(crate) witness: bool,
    /// The others.
    pub(crate) known: Vec<Known>,
}

/// The directory of a node's papers.
#[derive(Clone, Debug)]
pub(crate) struct Dir(PathBuf);

/// A node's papers.
#[derive(Debug)]
pub(crate) struct Papers {
    pub(crate) credentials: Credentials,
    pub(crate) authority: Option<Authority>,
    pub(crate) members: Members,
}

impl Dir {
    /// Below the data directory.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("cluster"))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether there are any papers.
    pub(crate) fn has_papers(&self) -> bool {
        self.0.join(NODE).exists()
    }

    /// Where papers lie that are not good any more.
    fn left(&self) -> PathBuf {
        self.0.with_extension("left")
    }

    /// Whether this node was in a cluster, and left it.
    pub(crate) fn has_left(&self) -> bool {
        self.left().exists()
    }

    /// Whether it was found that a later copy of this data is in use, or was.
    fn is_old_copy(&self) -> bool {
        self.left().join(OLD_COPY).exists()
    }

    /// Refuses data that is an old copy, whatever the node is to do with it.
    pub(crate) fn refuse_old_copy(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.is_old_copy(),
            "the data here is an old copy: another process was started as this node since, with \
             later data ({} says so). Start the node with those; if they are lost, take the node \
             out by `hallporter cluster remove` at another one, move node.data_dir away, and let \
             it join anew with --join and a new token",
            self.left().join(OLD_COPY).display()
        );
        Ok(())
    }

    /// Why a node does not start by itself with data that it shared with others: alone it would
    /// have all caps to itself beside them, and could agree on nothing without their votes.
    pub(crate) fn refuse_alone(&self, knows_others: bool) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.has_left(),
            "this node has left its cluster: let it join one with --join and a new token. To use \
             this machine alone, give it an empty node.data_dir: the data here counts on the others"
        );
        anyhow::ensure!(
            !knows_others,
            "this node was one of several, and its papers are gone: bring {} back; or take it out \
             by `hallporter cluster remove` at another node and let it join with --join and a new \
             token. To use this machine alone, give it an empty node.data_dir",
            self.0.display()
        );
        Ok(())
    }

    /// Puts the papers away: they are not good any more.
    pub(crate) fn retire(&self) -> anyhow::Result<()> {
        let left = self.left();
        let _ = std::fs::remove_dir_all(&left);
        std::fs::rename(&self.0, &left)
            .with_context(|| format!("{} can't be put away", self.0.display()))
    }

    /// Puts the papers away for good: a later copy of this data is in use.
    pub(crate) fn supersede(&self) -> anyhow::Result<()> {
        self.write(OLD_COPY, b"")?;
        self.retire()
    }

    /// The papers, if this node is one of a cluster.
    pub(crate) fn load(&self, now_s: i64) -> anyhow::Result<Option<Papers>> {
        let Some(node) = self.read(NODE)? else { return Ok(None) };
        let path = self.0.join(NODE);
        let credentials = Credentials::from_pem(&node, now_s).with_context(|| {
            format!(
                "{} can't be used; look at the clock; else take the node out by `hallporter cluster remove` at another one, move the directory away, and let it join with --join and a new token",
                path.display()
            )
        })?;
        let authority =
            match self.read(AUTHORITY)? {
                Some(text) => Some(Authority::from_pem(&text).with_context(|| {
                    format!("{} can't be used", self.0.join(AUTHORITY).display())
                })?),
                None => None,
            };
        let members = self.read_json(MEMBERS)?.unwrap_or_default();
        Ok(Some(Papers { credentials, authority, members }))
    }

    /// Puts a founder's papers there: refused where there are some already.
    pub(crate) fn found(&self, papers: &Papers) -> anyhow::Result<()> {
        if let Some(authority) = &papers.authority {
            self.write(AUTHORITY, authority.to_pem().as_bytes())?;
        }
        self.save_members(&papers.members)?;
        // The last one: with it the node is one of a cluster.
        self.write(NODE, papers.credentials.to_pem().as_bytes())
    }

    pub(crate) fn save_node(&self, credentials: &Credentials) -> anyhow::Result<()> {
        self.write(NODE, credentials.to_pem().as_bytes())
    }

    pub(crate) fn save_authority(&self, pem: &str) -> anyhow::Result<()> {
        self.write(AUTHORITY, pem.as_bytes())
    }

    pub(crate) fn save_members(&self, members: &Members) -> anyhow::Result<()> {
        self.write(MEMBERS, &serde_json::to_vec_pretty(members)?)
    }

    pub(crate) fn load_roll<T: for<'a> Deserialize<'a>>(&self) -> anyhow::Result<Option<T>> {
        self.read_json(ROLL)
    }

    pub(crate) fn save_roll(&self, roll: &impl Serialize) -> anyhow::Result<()> {
        self.write(ROLL, &serde_json::to_vec(roll)?)
    }

    fn read_json<T: for<'a> Deserialize<'a>>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let read = serde_json::from_str(&text);
        read.map(Some).with_context(|| {
            format!("{} is damaged: bring back a copy", self.0.join(name).display())
        })
    }

    fn read(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = self.0.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    /// Whole or not at all, and for nobody else's eyes.
    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        let written = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.0)?.sync_all()
        };
        written().with_context(|| format!("{} can't be written", path.display()))
    }
}

/// Makes the papers of a cluster's first node.
pub(crate) fn founder(
    cluster: &str,
    name: &str,
    region: &str,
    now_s: i64,
) -> anyhow::Result<Papers> {
    let identity = Identity::new(cluster, NodeId(1), name, region)?;
    let authority = Authority::new(cluster, now_s)?;
    let credentials = authority.first(&identity, now_s)?;
    Ok(Papers { credentials, authority: Some(authority), members: Members::default() })
}
