//! Certificates and keys as files have them, so that other programs can look at them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::AuthorityError;

/// The most certificates of one file: a node's own, and the authorities that it believes.
const CERTIFICATES_MAX: usize = 5;
/// The longest text.
const BYTES_MAX: usize = 64 << 10;

/// Certificates in the order in which they stand, and the one key.
pub(super) fn read(
    text: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>), AuthorityError> {
    const NONE: AuthorityError =
        AuthorityError::File("the file is not one of certificates and a key, written by us");
    if text.len() > BYTES_MAX {
        return Err(NONE);
    }
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.as_bytes()).take(CERTIFICATES_MAX + 1).collect();
    let certificates = certificates.map_err(|_| NONE)?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| NONE)?;
    if certificates.is_empty() || certificates.len() > CERTIFICATES_MAX {
        return Err(NONE);
    }
    Ok((certificates, key))
}

/// As [`read`] reads it.
pub(super) fn write(certificates: &[&CertificateDer<'_>], key: &PrivatePkcs8KeyDer<'_>) -> String {
    let mut text = String::new();
    for certificate in certificates {
        section(&mut text, "CERTIFICATE", certificate.as_ref());
    }
    section(&mut text, "PRIVATE KEY", key.secret_pkcs8_der());
    text
}

fn section(text: &mut String, label: &str, bytes: &[u8]) {
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = STANDARD.encode(bytes);
    while !rest.is_empty() {
        let line = rest.drain(..rest.len().min(64)).collect::<String>();
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
}
