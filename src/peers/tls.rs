//! How a connection is set up: TLS 1.3 with certificates on both sides, no resumption, no early
//! data, so that every connection shows its certificate.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;

use super::files::FILES_AT_ONCE;
use super::settings::{Clock, Settings};
use super::trust::{Called, Callers, Trust, provider};
use super::{AuthorityError, Credentials, Fingerprint, Newcomer};

/// What peers speak; the number goes up when they would not understand each other.
pub(super) const PEERS: &[u8] = b"hallporter/1";
/// What is spoken with those who want a certificate.
pub(super) const JOIN: &[u8] = b"hallporter-join/1";
/// Certificates are for nodes, not for names of hosts; TLS wants one.
pub(super) const HOST: &str = "node.hallporter.invalid";

/// The most handshakes that wait to be looked at.
const INCOMING_MAX: usize = 256;
/// Lanes, and one more of each that is being closed.
const STREAMS_MAX: u32 = 8;
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// The files that both may have begun at once take half of it, so that they leave room for rows.
const WINDOW_BYTES: u32 = 8 << 20;
/// The greeting, and files that the other one has begun.
const PAIRS_MAX: u32 = 1 + FILES_AT_ONCE;
const DATAGRAM_QUEUE_BYTES: usize = 256 << 10;

struct Time(Clock);

impl std::fmt::Debug for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let now_s = u64::try_from((self.0)().wall_s()).unwrap_or_default();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now_s)))
    }
}

/// How calls are taken.
pub(super) fn server(
    credentials: &Credentials,
    open: Arc<AtomicBool>,
    clock: &Clock,
    settings: &Settings,
) -> Result<ServerConfig, AuthorityError> {
    let tls = answering(credentials, open, clock)?;
    let crypto = QuicServerConfig::try_from(tls).map_err(|_| NO_SUITE)?;
    let mut server = ServerConfig::with_crypto(Arc::new(crypto));
    server.transport_config(transport(settings)).migration(false).max_incoming(INCOMING_MAX);
    Ok(server)
}

pub(super) fn answering(
    credentials: &Credentials,
    open: Arc<AtomicBool>,
    clock: &Clock,
) -> Result<rustls::ServerConfig, AuthorityError> {
    let callers = Callers { trust: Trust::new(&credentials.authorities)?, open };
    let time = Arc::new(Time(Arc::clone(clock)));
    let mut tls = rustls::ServerConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(callers))
        .with_single_cert(chain(credentials), PrivateKeyDer::Pkcs8(credentials.key()))?;
    tls.alpn_protocols = vec![PEERS.to_vec(), JOIN.to_vec()];
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(tls)
}

/// How a node calls another one.
pub(super) fn client(
    credentials: &Credentials,
    protocol: &[u8],
    clock: &Clock,
    settings: &Settings,
) -> Result<ClientConfig, AuthorityError> {
    let called = Called::Node(Trust::new(&credentials.authorities)?);
    let own = (chain(credentials), PrivateKeyDer::Pkcs8(credentials.key()));
    calling(called, own, protocol, clock, settings)
}

/// How a newcomer calls a node, of which it knows the authority's fingerprint.
pub(super) fn newcomer(
    newcomer: &Newcomer,
    authority: Fingerprint,
    clock: &Clock,
    settings: &Settings,
) -> Result<ClientConfig, AuthorityError> {
    let own = (newcomer.chain(), PrivateKeyDer::Pkcs8(newcomer.key()));
    calling(Called::By(authority), own, JOIN, clock, settings)
}

fn calling(
    called: Called,
    own: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    protocol: &[u8],
    clock: &Clock,
    settings: &Settings,
) -> Result<ClientConfig, AuthorityError> {
    let time = Arc::new(Time(Arc::clone(clock)));
    let mut tls = rustls::ClientConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(called))
        .with_client_auth_cert(own.0, own.1)?;
    tls.alpn_protocols = vec![protocol.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    tls.enable_sni = false;
    let crypto = QuicClientConfig::try_from(tls).map_err(|_| NO_SUITE)?;
    let mut client = ClientConfig::new(Arc::new(crypto));
    client.transport_config(transport(settings));
    Ok(client)
}

const NO_SUITE: AuthorityError = AuthorityError::File("the TLS provider lacks AES-128-GCM");

/// The node's certificate, and the authorities': a newcomer looks for the one it knows.
fn chain(credentials: &Credentials) -> Vec<CertificateDer<'static>> {
    std::iter::once(&credentials.certificate).chain(&credentials.authorities).cloned().collect()
}

fn transport(settings: &Settings) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(settings.idle_ms))))
        .keep_alive_interval(Some(Duration::from_millis(u64::from(settings.idle_ms / 4).max(1))))
        .max_concurrent_bidi_streams(VarInt::from_u32(PAIRS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(WINDOW_BYTES.into())
        .datagram_receive_buffer_size(Some(DATAGRAM_QUEUE_BYTES))
        .datagram_send_buffer_size(DATAGRAM_QUEUE_BYTES);
    Arc::new(transport)
}
