//! The cluster's authority, which says who is a node of it, and what a node has from it.
//!
//! A node's key never leaves it: the authority signs what it was shown of it ([`PublicKey`]), and
//! the TLS handshake has proven before that the node has the other half.

use std::fmt;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

use super::identity::{Identity, IdentityError, checked};
use super::pem;
use super::trust::uris;
use super::{Credentials, Issued, Newcomer};

const DAY_S: i64 = 86_400;
/// How long an authority is good. It can be followed by another one while nodes run: they trust
/// several at once.
const AUTHORITY_GOOD_S: i64 = 3_653 * DAY_S;
/// How long a node's certificate is good.
pub const NODE_GOOD_S: i64 = 90 * DAY_S;
/// A certificate is good from so long before it was made: clocks of nodes differ.
const BEFORE_S: i64 = DAY_S;
/// How the address in an authority's certificate begins; the cluster's name follows.
const SCHEME: &str = "hallporter-authority:";
/// What stands before the 65 bytes of a point of P-256 that is a key.
const KEY_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// What went wrong with keys and certificates.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file is not what it should be.
    #[error("{0}")]
    File(&'static str),
    /// A name can't be one.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The key is of a kind that nobody here makes.
    #[error("the key is not one of P-256")]
    Key,
    /// A certificate that is not for this key, not of this authority, or not good now.
    #[error("the certificate does not fit: {0}")]
    Certificate(super::Refusal),
    /// The package that makes them refused.
    #[error("a certificate can't be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The package that uses them refused.
    #[error("certificate and key can't be used: {0}")]
    Use(#[from] rustls::Error),
}

/// What an authority is recognised by: a hash of its certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The half of a node's key that everybody may see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 65]);

impl PublicKey {
    /// The key of a certificate (`SubjectPublicKeyInfo`).
    pub(super) fn read(info: &[u8]) -> Result<Self, AuthorityError> {
        let point = info.strip_prefix(&KEY_HEAD).ok_or(AuthorityError::Key)?;
        match <[u8; 65]>::try_from(point) {
            Ok(point) if point[0] == 4 => Ok(Self(point)),
            _ => Err(AuthorityError::Key),
        }
    }

    /// A hash of it, to know it again.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({:?})", Fingerprint(self.hash()))
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// The authority of a cluster: its certificate, and the key that signs.
pub struct Authority {
    cluster: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Authority({}, {:?})", self.cluster, self.fingerprint())
    }
}

impl Authority {
    /// A new one, for a cluster of this name.
    ///
    /// # Errors
    /// When the name can't be one.
    pub fn new(cluster: &str, now_s: i64) -> Result<Self, AuthorityError> {
        let cluster = checked("the cluster's name", cluster)?;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params(&cluster, now_s)?.self_signed(&key)?.der().clone();
        Self::put_together(cluster, certificate, key)
    }

    /// The one that [`Authority::to_pem`] has written.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn from_pem(text: &str) -> Result<Self, AuthorityError> {
        let (mut certificates, key) = pem::read(text)?;
        let key = KeyPair::try_from(&key)?;
        let (Some(certificate), true) = (certificates.pop(), certificates.is_empty()) else {
            return Err(AuthorityError::File("an authority's file has one certificate"));
        };
        let cluster = cluster_of(&certificate)?;
        if public_key(&certificate)?.der_bytes() != key.der_bytes() {
            return Err(AuthorityError::File("the authority's key is not its certificate's"));
        }
        Self::put_together(cluster, certificate, key)
    }

    fn put_together(
        cluster: String,
        certificate: CertificateDer<'static>,
        key: KeyPair,
    ) -> Result<Self, AuthorityError> {
        // Only its name and what it may do go into what it signs, not from when to when it is good.
        let issuer = params(&cluster, 0)?;
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self { cluster, certificate, issuer: Issuer::new(issuer, key), key: der })
    }

    /// Certificate and key as a file has them. The file is the cluster's only secret of its kind.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(&[&self.certificate], &self.key)
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What it is recognised by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// A certificate for a node that has shown this key.
    ///
    /// # Errors
    /// When the identity is of another cluster.
    pub fn issue(
        &self,
        identity: &Identity,
        key: &PublicKey,
        now_s: i64,
    ) -> Result<Issued, AuthorityError> {
        if identity.cluster != self.cluster {
            return Err(AuthorityError::File("the authority is another cluster's"));
        }
        let mut params = named(&identity.name, identity.uri())?;
        good(&mut params, now_s, NODE_GOOD_S);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer)?.der().to_vec();
        Ok(Issued { certificate, authorities: vec![self.certificate.to_vec()] })
    }

    /// Makes the first node of the cluster, key and all.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn first(&self, identity: &Identity, now_s: i64) -> Result<Credentials, AuthorityError> {
        let newcomer = Newcomer::new()?;
        let issued = self.issue(identity, &newcomer.public_key()?, now_s)?;
        newcomer.settle(&issued, now_s)
    }
}

/// The key of a certificate.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Result<PublicKey, AuthorityError> {
    let parsed = webpki::EndEntityCert::try_from(certificate)
        .map_err(|_| AuthorityError::File("what should be a certificate is none"))?;
    PublicKey::read(&parsed.subject_public_key_info())
}

/// The cluster of an authority.
pub(super) fn cluster_of(certificate: &CertificateDer<'_>) -> Result<String, AuthorityError> {
    let uris = uris(certificate).map_err(AuthorityError::Certificate)?;
    let [uri] = uris.as_slice() else {
        return Err(AuthorityError::File("the certificate is no authority's"));
    };
    let cluster = uri.strip_prefix(SCHEME);
    let cluster = cluster.ok_or(AuthorityError::File("the certificate is no authority's"))?;
    Ok(checked("the cluster's name", cluster)?)
}

fn params(cluster: &str, now_s: i64) -> Result<CertificateParams, AuthorityError> {
    let mut params = named(&format!("hallporter {cluster}"), format!("{SCHEME}{cluster}"))?;
    good(&mut params, now_s, AUTHORITY_GOOD_S);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// A certificate's name for people, and its address for us.
pub(super) fn named(common: &str, uri: String) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(uri)?)];
    Ok(params)
}

/// From a day before now to so long after it.
fn good(params: &mut CertificateParams, now_s: i64, for_s: i64) {
    params.not_before = date_time_ymd(1970, 1, 1) + since(now_s - BEFORE_S);
    params.not_after = date_time_ymd(1970, 1, 1) + since(now_s + for_s);
}

/// Seconds since 1970; a clock that shows a time before it, or one after 2200, is brought there.
fn since(at_s: i64) -> Duration {
    const LAST_S: u64 = 7_258_118_400;
    Duration::from_secs(u64::try_from(at_s).unwrap_or_default().min(LAST_S))
}
