//! Who a node is, as its certificate says it.
//!
//! The certificate carries one address of the form `hallporter:CLUSTER/NUMBER/NAME/REGION` among
//! its alternative names. Signed by the cluster's authority, it is what others believe; what a
//! node says of itself beside it has to agree.

use std::fmt;

use crate::domain::NodeId;

/// The scheme of the address.
const SCHEME: &str = "hallporter:";
/// The longest name of a cluster, a node or a region: as in the configuration.
pub const NAME_BYTES_MAX: usize = 64;

/// A node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The node's number in it; never 0.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
    /// Where it stands.
    pub region: String,
}

/// What is no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A name that could not be told from its surroundings.
    #[error("{what} {name:?} must be 1 to {NAME_BYTES_MAX} letters, digits, \".\", \"_\" or \"-\"")]
    Name {
        /// Which name.
        what: &'static str,
        /// As it came, cut if it is long.
        name: String,
    },
    /// Nobody has this number.
    #[error("a node's number is 1 to 65535")]
    Number,
    /// The certificate has no such address, or more than one.
    #[error("the certificate does not say which node it is for")]
    Absent,
}

impl Identity {
    /// A node with this number and these names.
    ///
    /// # Errors
    /// When one of them can't be.
    pub fn new(
        cluster: &str,
        node: NodeId,
        name: &str,
        region: &str,
    ) -> Result<Self, IdentityError> {
        if node == NodeId(0) {
            return Err(IdentityError::Number);
        }
        Ok(Self {
            cluster: checked("the cluster's name", cluster)?,
            node,
            name: checked("the node's name", name)?,
            region: checked("the region", region)?,
        })
    }

    /// As it stands in the certificate.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{SCHEME}{}/{}/{}/{}", self.cluster, self.node.0, self.name, self.region)
    }

    /// What stands in a certificate.
    ///
    /// # Errors
    /// When it is anything but what [`Identity::uri`] writes.
    pub fn parse(uri: &str) -> Result<Self, IdentityError> {
        let rest = uri.strip_prefix(SCHEME).ok_or(IdentityError::Absent)?;
        let mut parts = rest.split('/');
        let (Some(cluster), Some(node), Some(name), Some(region), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(IdentityError::Absent);
        };
        let node: u16 = node.parse().map_err(|_| IdentityError::Number)?;
        let identity = Self::new(cluster, NodeId(node), name, region)?;
        // One way to write each: "+7" and "007" are no numbers of nodes.
        if identity.uri() == uri { Ok(identity) } else { Err(IdentityError::Number) }
    }

    /// The one identity among a certificate's addresses.
    pub(crate) fn only<'a>(uris: impl Iterator<Item = &'a str>) -> Result<Self, IdentityError> {
        let mut ours = uris.filter(|uri| uri.starts_with(SCHEME));
        match (ours.next(), ours.next()) {
            (Some(uri), None) => Self::parse(uri),
            _ => Err(IdentityError::Absent),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, node, name, region } = self;
        write!(formatter, "node {} ({name}, {region}) of {cluster}", node.0)
    }
}

/// A name, if it is one.
pub(crate) fn checked(what: &'static str, name: &str) -> Result<String, IdentityError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    Err(IdentityError::Name { what, name: name.chars().take(NAME_BYTES_MAX).collect() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let identity = Identity::new("voice", NodeId(7), "fra-1", "eu.central").unwrap();
        assert_eq!(identity.uri(), "hallporter:voice/7/fra-1/eu.central");
        assert_eq!(Identity::parse(&identity.uri()), Ok(identity.clone()));
        assert_eq!(identity.to_string(), "node 7 (fra-1, eu.central) of voice");
        let with_others = ["https://example.org", "hallporter:voice/7/fra-1/eu.central"];
        assert_eq!(Identity::only(with_others.into_iter()), Ok(identity));
    }

    #[test]
    fn nothing_else_is_an_identity() {
        for uri in [
            "",
            "hallporter:",
            "https:voice/7/fra-1/eu",
            "hallporter:voice/7/fra-1",
            "hallporter:voice/7/fra-1/eu/more",
            "hallporter:voice/0/fra-1/eu",
            "hallporter:voice/65536/fra-1/eu",
            "hallporter:voice/+7/fra-1/eu",
            "hallporter:voice/007/fra-1/eu",
            "hallporter:voice/7//eu",
            "hallporter:voice/7/fra 1/eu",
            "hallporter:voice/7/fra\u{e9}/eu",
            "hallporter:voice/7/fra\n/eu",
        ] {
            assert!(Identity::parse(uri).is_err(), "{uri:?}");
        }
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert!(Identity::new("voice", NodeId(7), &long, "eu").is_err());
        let two = ["hallporter:voice/7/a/eu", "hallporter:voice/8/b/eu"];
        assert_eq!(Identity::only(two.into_iter()), Err(IdentityError::Absent));
    }
}
