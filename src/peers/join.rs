//! How a newcomer gets its certificate, and a node its next one: one question, one answer, over a
//! connection in which TLS has proven the asker's key.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, Connection, EndpointConfig, TokioRuntime, VarInt};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::authority::public_key;
use super::endpoint::{BYE, Inner, lock};
use super::link::{End, identity, one_frame, shown};
use super::trust::is_newcomer;
use super::{
    Asked, AuthorityError, Clock, Credentials, Denied, Event, Issued, Kind, Newcomer, Refusal,
    Request, Settings, Side, Token, framed, tls,
};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// One of both did not want to speak with the other.
    #[error("the node at {0} refused: this one {1}")]
    Refused(SocketAddr, Refusal),
    /// This side does not believe the other.
    #[error("the node at {0} is not believed: it {1}; is the token of this cluster?")]
    NotBelieved(SocketAddr, Refusal),
    /// It was heard, and gets nothing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Nobody there, or the connection was lost.
    #[error("no answer from {0}: is a node of the cluster there?")]
    Lost(SocketAddr),
    /// What came is no certificate for this node.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The socket.
    #[error("the UDP socket can't be used: {0}")]
    Socket(#[from] std::io::Error),
}

type Answer = Result<Issued, Denied>;

/// Somebody asks.
pub(super) async fn answer(inner: &Inner, connection: &Connection, permit: OwnedSemaphorePermit) {
    let address = connection.remote_address();
    let within = Duration::from_millis(inner.settings.hello_ms.into());
    let asked = match timeout(within, hear(connection)).await {
        Ok(asked) => asked,
        Err(_) => Err(Refusal::Silent),
    };
    let (asked, answer) = match asked {
        Ok(asked) => asked,
        Err(refusal) => {
            let end = connection.close_reason().map(|error| End::of(&error));
            let end = end.unwrap_or(End::Refused(Side::Here, refusal));
            return end.tell(inner, Some(connection), address);
        }
    };
    let told = inner.door.telling.mention(Event::Asked(asked.0));
    let answer = match timeout(within, answer).await {
        Ok(Ok(answer)) if told => answer,
        _ => Err(Denied::Later),
    };
    let _ = timeout(within, say(asked.1, &answer)).await;
    connection.close(VarInt::from_u32(BYE), b"");
    drop(permit);
}

type Heard = ((Asked, quinn::SendStream), oneshot::Receiver<Answer>);

async fn hear(connection: &Connection) -> Result<Heard, Refusal> {
    let certificate = shown(connection).ok_or(Refusal::NoCertificate)?;
    let known = if is_newcomer(&certificate) { None } else { Some(identity(connection)?) };
    let key = public_key(&certificate).map_err(|_| Refusal::BadCertificate)?;
    let (send, mut receive) = connection.accept_bi().await.map_err(|_| Refusal::Silent)?;
    let body = one_frame(&mut receive, Kind::Join).await?;
    let request: Request = serde_json::from_slice(&body).map_err(|_| Refusal::Nonsense)?;
    let (answer, receiver) = oneshot::channel();
    Ok(((Asked { known, request, key, answer }, send), receiver))
}

/// Until it has come.
async fn say(mut send: quinn::SendStream, answer: &Answer) {
    let Ok(body) = serde_json::to_vec(answer) else { return };
    let Ok(frame) = framed(Kind::Join, &body) else { return };
    if send.write_all(&frame).await.is_ok() && send.finish().is_ok() {
        let _ = send.stopped().await;
    }
}

/// Brings a newcomer in: its key stays here, the token goes there. The socket is given up
/// afterwards, so that the node can listen on the same port.
///
/// # Errors
/// When there is no certificate. With the same token the same newcomer can ask again.
pub async fn join(
    socket: UdpSocket,
    address: SocketAddr,
    token: &Token,
    as_whom: (&str, &str),
    newcomer: Newcomer,
    clock: Clock,
) -> Result<Credentials, JoinError> {
    let settings = Settings::default();
    let config = tls::newcomer(&newcomer, token.authority, &clock, &settings)?;
    socket.set_nonblocking(true)?;
    let runtime = Arc::new(TokioRuntime);
    let quinn = quinn::Endpoint::new(EndpointConfig::default(), None, socket, runtime)?;
    let request = token.request(as_whom.0, as_whom.1);
    let asked = timeout(patience(&settings), ask(&quinn, config, address, &request)).await;
    quinn.close(VarInt::from_u32(BYE), b"");
    quinn.wait_idle().await;
    let issued = asked.map_err(|_| JoinError::Lost(address))??;
    let credentials = newcomer.settle(&issued, clock().wall_s())?;
    let identity = credentials.identity();
    if (identity.name.as_str(), identity.region.as_str()) != as_whom {
        return Err(AuthorityError::File("the certificate is for other names").into());
    }
    Ok(credentials)
}

/// Asks for the next certificate.
pub(super) async fn renew(inner: &Inner, address: SocketAddr) -> Result<Credentials, JoinError> {
    let (config, request) = {
        let papers = lock(&inner.papers);
        (papers.join.clone(), Request::renewal(papers.credentials.identity()))
    };
    let asked = ask(&inner.quinn, config, address, &request);
    let issued = timeout(patience(&inner.settings), asked).await;
    let issued = issued.map_err(|_| JoinError::Lost(address))??;
    let now_s = (inner.door.clock)().wall_s();
    let credentials = lock(&inner.papers).credentials.renewed(&issued, now_s)?;
    if *credentials.identity() == *lock(&inner.papers).credentials.identity() {
        return Ok(credentials);
    }
    Err(AuthorityError::File("the certificate is for other names").into())
}

/// The handshake, the question, and whoever has to decide.
fn patience(settings: &Settings) -> Duration {
    Duration::from_millis(u64::from(settings.hello_ms) * 3)
}

async fn ask(
    quinn: &quinn::Endpoint,
    config: ClientConfig,
    address: SocketAddr,
    request: &Request,
) -> Result<Issued, JoinError> {
    let lost = |end: End| match end {
        End::Refused(Side::There, refusal) => JoinError::Refused(address, refusal),
        End::Refused(Side::Here, refusal) => JoinError::NotBelieved(address, refusal),
        End::Second | End::Lost => JoinError::Lost(address),
    };
    let connecting = quinn.connect_with(config, address, tls::HOST);
    let connection = connecting.map_err(|_| JoinError::Lost(address))?.await;
    let connection = connection.map_err(|error| lost(End::of(&error)))?;
    let closed = || lost(connection.close_reason().map_or(End::Lost, |error| End::of(&error)));
    let (mut send, mut receive) = connection.open_bi().await.map_err(|_| closed())?;
    let body = serde_json::to_vec(request).map_err(|_| closed())?;
    let frame = framed(Kind::Join, &body).map_err(|_| closed())?;
    send.write_all(&frame).await.map_err(|_| closed())?;
    send.finish().map_err(|_| closed())?;
    let body = one_frame(&mut receive, Kind::Join).await.map_err(|_| closed())?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| closed())?;
    connection.close(VarInt::from_u32(BYE), b"");
    Ok(answer?)
}
