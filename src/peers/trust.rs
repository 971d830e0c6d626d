//! Whom a node believes: the one place where a certificate is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};

use super::authority::{Fingerprint, cluster_of};
use super::credentials::NEWCOMER;
use super::identity::Identity;
use super::{AuthorityError, Refusal};

/// The most authorities that a node believes at once.
const AUTHORITIES_MAX: usize = 4;

/// The one provider of this program; `reqwest` takes the same.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms
}

/// The addresses that a certificate is for.
pub(super) fn uris(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Refusal> {
    let parsed =
        webpki::EndEntityCert::try_from(certificate).map_err(|_| Refusal::BadCertificate)?;
    Ok(parsed.valid_uri_names().map(str::to_owned).collect())
}

/// A cluster's authorities.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    cluster: String,
    anchors: Vec<TrustAnchor<'static>>,
}

impl Trust {
    /// In these, which are one cluster's.
    pub(super) fn new(authorities: &[CertificateDer<'_>]) -> Result<Self, AuthorityError> {
        let first = authorities.first().filter(|_| authorities.len() <= AUTHORITIES_MAX);
        let first = first.ok_or(AuthorityError::File("one to four authorities are believed"))?;
        let cluster = cluster_of(first)?;
        let mut anchors = Vec::new();
        for authority in authorities {
            if cluster_of(authority)? != cluster {
                return Err(AuthorityError::File("the authorities are of different clusters"));
            }
            let anchor = webpki::anchor_from_trusted_cert(authority)
                .map_err(|_| AuthorityError::File("an authority's certificate can't be read"))?;
            anchors.push(anchor.to_owned());
        }
        Ok(Self { cluster, anchors })
    }

    /// Who shows this certificate, if he may.
    pub(super) fn check(
        &self,
        certificate: &CertificateDer<'_>,
        now_s: i64,
    ) -> Result<Identity, Refusal> {
        let parsed =
            webpki::EndEntityCert::try_from(certificate).map_err(|_| Refusal::BadCertificate)?;
        let now_s = u64::try_from(now_s).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s));
        // Each node is both ends; its certificate has to be good for both.
        for usage in [webpki::KeyUsage::server_auth(), webpki::KeyUsage::client_auth()] {
            parsed
                .verify_for_usage(algorithms().all, &self.anchors, &[], now, usage, None, None)
                .map_err(|error| refusal(&error))?;
        }
        let identity = Identity::only(parsed.valid_uri_names());
        let identity = identity.map_err(|_| Refusal::BadCertificate)?;
        if identity.cluster == self.cluster { Ok(identity) } else { Err(Refusal::OtherAuthority) }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what else is wrong with it is all the same")]
fn refusal(error: &webpki::Error) -> Refusal {
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            Refusal::Expired
        }
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
            Refusal::OtherAuthority
        }
        _ => Refusal::BadCertificate,
    }
}

/// What the handshake makes of it: the alert that the other side gets.
fn alert(refusal: Refusal) -> rustls::Error {
    let error = match refusal {
        Refusal::Expired => CertificateError::Expired,
        Refusal::OtherAuthority => CertificateError::UnknownIssuer,
        Refusal::Closed => CertificateError::ApplicationVerificationFailure,
        Refusal::NoCertificate
        | Refusal::BadCertificate
        | Refusal::Version
        | Refusal::OtherNode
        | Refusal::SameNumber
        | Refusal::SameName
        | Refusal::OlderStart
        | Refusal::NotQuic
        | Refusal::TooMany
        | Refusal::Nonsense
        | Refusal::Silent => CertificateError::BadEncoding,
    };
    rustls::Error::InvalidCertificate(error)
}

/// What an alert says, whoever sent it.
pub(super) fn of_alert(alert: u8) -> Option<Refusal> {
    match alert {
        42 | 43 | 46 | 51 => Some(Refusal::BadCertificate),
        45 => Some(Refusal::Expired),
        48 => Some(Refusal::OtherAuthority),
        49 => Some(Refusal::Closed),
        70 | 120 => Some(Refusal::Version),
        116 => Some(Refusal::NoCertificate),
        _ => None,
    }
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// How a node looks at whoever calls it: a node of the cluster, or, while the door is open for
/// one, a newcomer.
#[derive(Debug)]
pub(super) struct Callers {
    pub(super) trust: Trust,
    pub(super) open: Arc<AtomicBool>,
}

impl ClientCertVerifier for Callers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if is_newcomer(certificate) {
            if !self.open.load(Ordering::Relaxed) {
                return Err(alert(Refusal::Closed));
            }
        } else {
            self.trust.check(certificate, seconds(now)).map_err(alert)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 or nothing".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

/// Whether somebody shows no node's certificate, but the one that he has made himself to prove
/// his key. He is heard on one question and nothing else.
pub(super) fn is_newcomer(certificate: &CertificateDer<'_>) -> bool {
    uris(certificate).is_ok_and(|uris| uris == [NEWCOMER])
}

/// How a node looks at whom it calls.
#[derive(Debug)]
pub(super) enum Called {
    /// A node of its cluster.
    Node(Trust),
    /// A node of the cluster whose authority has this fingerprint: all that a newcomer knows. It
    /// shows the authority's certificate behind its own.
    By(Fingerprint),
}

impl ServerCertVerifier for Called {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked = match self {
            Self::Node(trust) => trust.check(certificate, seconds(now)),
            Self::By(fingerprint) => {
                let authority = others.iter().find(|other| Fingerprint::of(other) == *fingerprint);
                let trust = authority
                    .and_then(|authority| Trust::new(std::slice::from_ref(authority)).ok());
                trust
                    .ok_or(Refusal::OtherAuthority)
                    .and_then(|trust| trust.check(certificate, seconds(now)))
            }
        };
        checked.map(|_| ServerCertVerified::assertion()).map_err(alert)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 or nothing".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}
