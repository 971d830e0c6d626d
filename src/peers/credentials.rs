//! What a node has: its key, which never leaves it, its certificate, and whom it believes.

use std::fmt;

use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::authority::{NODE_GOOD_S, named, public_key};
use super::identity::Identity;
use super::trust::Trust;
use super::{AuthorityError, PublicKey, pem};

/// A certificate is to be renewed when it is good for less than this.
pub const RENEW_BEFORE_S: i64 = 30 * 86_400;
/// How the address in a newcomer's certificate of his own is.
pub(super) const NEWCOMER: &str = "hallporter-newcomer:";

/// What an authority gives to a node: nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Issued {
    /// The node's certificate.
    pub certificate: Vec<u8>,
    /// The authorities whose nodes it is to believe; several while one follows another.
    pub authorities: Vec<Vec<u8>>,
}

/// A key on its way to a certificate.
pub struct Newcomer {
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Newcomer")
    }
}

impl Newcomer {
    /// With a new key, and a certificate of its own that proves nothing but this key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new() -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let params = named("newcomer", NEWCOMER.to_owned())?;
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { key, certificate })
    }

    /// The half of its key that everybody may see.
    ///
    /// # Errors
    /// None in practice: it has made the key itself.
    pub fn public_key(&self) -> Result<PublicKey, AuthorityError> {
        public_key(&self.certificate)
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(super) fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der())
    }

    /// With the certificate that it was given.
    ///
    /// # Errors
    /// When that is for another key, or nothing that it could show.
    pub fn settle(self, issued: &Issued, now_s: i64) -> Result<Credentials, AuthorityError> {
        Credentials::new(issued, self.key(), now_s)
    }
}

/// What a node shows, and whom it believes.
pub struct Credentials {
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    identity: Identity,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials({})", self.identity)
    }
}

impl Credentials {
    fn new(
        issued: &Issued,
        key: PrivatePkcs8KeyDer<'static>,
        now_s: i64,
    ) -> Result<Self, AuthorityError> {
        let certificate = CertificateDer::from(issued.certificate.clone());
        let authorities = issued.authorities.iter().cloned().map(CertificateDer::from);
        let authorities: Vec<_> = authorities.collect();
        let pair = KeyPair::try_from(&key)?;
        if public_key(&certificate)?.der_bytes() != pair.der_bytes() {
            return Err(AuthorityError::File("the certificate is for another key"));
        }
        let trust = Trust::new(&authorities)?;
        let identity = trust.check(&certificate, now_s).map_err(AuthorityError::Certificate)?;
        Ok(Self { authorities, certificate, key, identity })
    }

    /// What [`Credentials::to_pem`] has written.
    ///
    /// # Errors
    /// When the text is anything else, or the certificate is not good any more.
    pub fn from_pem(text: &str, now_s: i64) -> Result<Self, AuthorityError> {
        let (certificates, key) = pem::read(text)?;
        let mut certificates = certificates.into_iter().map(|certificate| certificate.to_vec());
        let certificate = certificates.next();
        let certificate = certificate.ok_or(AuthorityError::File("the file has no certificate"))?;
        let issued = Issued { certificate, authorities: certificates.collect() };
        Self::new(&issued, key, now_s)
    }

    /// As a file has it: the node's certificate, the authorities', the key.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let certificates: Vec<_> =
            std::iter::once(&self.certificate).chain(&self.authorities).collect();
        pem::write(&certificates, &self.key)
    }

    /// The same key with another certificate, or with other authorities.
    ///
    /// # Errors
    /// When that is not for this key, or not good.
    pub fn renewed(&self, issued: &Issued, now_s: i64) -> Result<Self, AuthorityError> {
        Self::new(issued, self.key.clone_key(), now_s)
    }

    /// Whose they are.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it is time to ask for a new certificate.
    #[must_use]
    pub fn renewal_due(&self, now_s: i64) -> bool {
        let good = Trust::new(&self.authorities)
            .is_ok_and(|trust| trust.check(&self.certificate, now_s + RENEW_BEFORE_S).is_ok());
        !good
    }

    /// The half of its key that everybody may see.
    ///
    /// # Errors
    /// None in practice: the certificate was read before.
    pub fn public_key(&self) -> Result<PublicKey, AuthorityError> {
        public_key(&self.certificate)
    }

    /// For how long the certificate is still good, seconds; 0 when it is not.
    #[must_use]
    pub fn good_for_s(&self, now_s: i64) -> i64 {
        let Ok(trust) = Trust::new(&self.authorities) else { return 0 };
        let good_at = |at_s: i64| trust.check(&self.certificate, at_s).is_ok();
        // The package that reads certificates only says whether one is good at a time.
        let (mut good_s, mut over_s) = (0, 2 * NODE_GOOD_S);
        while over_s - good_s > 1 {
            let middle_s = (good_s + over_s) / 2;
            if good_at(now_s + middle_s) { good_s = middle_s } else { over_s = middle_s }
        }
        good_s
    }

    pub(super) fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        self.key.clone_key()
    }
}
