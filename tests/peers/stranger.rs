//! Somebody who speaks QUIC and TLS, and does not keep to the rules.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hallporter::peers::{Kind, Settings, framed};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, SendStream, TransportConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

pub(crate) type Papers = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What stands in a node's file.
pub(crate) fn papers(pem: &str) -> Papers {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    (chain, PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap())
}

/// Believes everybody.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

fn tls(papers: Option<Papers>, protocol: &str) -> rustls::ClientConfig {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let mut tls = match papers {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    tls
}

/// Calls a node. The endpoint has to be kept as long as the connection.
pub(crate) async fn call(
    to: SocketAddr,
    papers: Option<Papers>,
    protocol: &str,
) -> (Endpoint, Result<Connection, ConnectionError>) {
    let tls = tls(papers, protocol);
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    // As long as a node waits.
    let mut transport = TransportConfig::default();
    let idle = Duration::from_millis(Settings::default().idle_ms.into());
    transport.max_idle_timeout(Some(idle.try_into().unwrap()));
    config.transport_config(Arc::new(transport));
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connection = endpoint.connect_with(config, to, "stranger").unwrap().await;
    (endpoint, connection)
}

/// Until the other side has ended it: the handshake of a client is over before that of the node.
pub(crate) async fn thrown_out(connection: Result<Connection, ConnectionError>) -> ConnectionError {
    match connection {
        Ok(connection) => connection.closed().await,
        Err(error) => error,
    }
}

/// Says who one is, true or not, and waits for the answer.
pub(crate) async fn greet(connection: &Connection, hello: &str) -> bool {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&framed(Kind::Hello, hello.as_bytes()).unwrap()).await.unwrap();
    send.finish().unwrap();
    receive.read_to_end(4_096).await.is_ok_and(|answer| !answer.is_empty())
}

pub(crate) async fn lane(connection: &Connection, bytes: &[u8]) -> SendStream {
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}
