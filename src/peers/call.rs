//! Who calls, and who is called.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Incoming};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use crate::domain::NodeId;

use super::endpoint::{Inner, lock};
use super::link::{self, End};
use super::settings::{HANDSHAKES_MAX, redial_after_ms, spread};
use super::trust::is_newcomer;
use super::{Refusal, Side, join, tls};

/// Takes calls until the endpoint is closed.
pub(super) async fn take(inner: Arc<Inner>) {
    while let Some(incoming) = inner.quinn.accept().await {
        let address = incoming.remote_address();
        let Ok(permit) = Arc::clone(&inner.handshakes).try_acquire_owned() else {
            incoming.refuse();
            inner.door.refuse(Side::Here, Refusal::TooMany, address);
            continue;
        };
        // When many come at once, each has to show first that he is where he says.
        let many = inner.handshakes.available_permits() < HANDSHAKES_MAX / 2;
        if many && !incoming.remote_address_validated() && incoming.may_retry() {
            let _ = incoming.retry();
            continue;
        }
        tokio::spawn(answer(Arc::clone(&inner), incoming, permit));
    }
}

async fn answer(inner: Arc<Inner>, incoming: Incoming, permit: OwnedSemaphorePermit) {
    let address = incoming.remote_address();
    let hello = Duration::from_millis(inner.settings.hello_ms.into());
    let connection = match timeout(hello, incoming.into_future()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return End::of(&error).tell(&inner, None, address),
        Err(_) => return End::Refused(Side::Here, Refusal::Silent).tell(&inner, None, address),
    };
    // A newcomer is heard on one question, and a node says what it has come for.
    let newcomer = link::shown(&connection).is_none_or(|certificate| is_newcomer(&certificate));
    match (is_join(&connection), newcomer) {
        (true, _) => join::answer(&inner, &connection, permit).await,
        (false, false) => {
            link::run(inner, connection, None, Some(permit)).await;
        }
        (false, true) => {
            let end = End::Refused(Side::Here, Refusal::BadCertificate);
            end.tell(&inner, Some(&connection), address);
        }
    }
}

fn is_join(connection: &Connection) -> bool {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.is_some_and(|data| data.protocol.as_deref() == Some(tls::JOIN))
}

/// Sees to it that there is a connection with whoever is at this address.
pub(super) async fn keep(inner: Arc<Inner>, address: SocketAddr, wanted: Option<NodeId>) {
    let mut who = wanted;
    let (mut tries, mut dice) = (0, inner.settings.seed ^ spread(u64::from(address.port())));
    loop {
        if let Some(node) = who {
            away(&inner, node).await;
        }
        tries = if call(&inner, address, wanted, &mut who).await { 0 } else { tries + 1 };
        dice = spread(dice);
        let wait_ms = redial_after_ms(tries, inner.settings.redial_ms, dice);
        sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// Waits until a node is not connected.
async fn away(inner: &Inner, node: NodeId) {
    let mut left = inner.left.subscribe();
    while lock(&inner.book).get(node).is_some() {
        if left.changed().await.is_err() {
            return;
        }
    }
}

/// One call, to its end. True if the peer was up.
async fn call(
    inner: &Arc<Inner>,
    address: SocketAddr,
    wanted: Option<NodeId>,
    who: &mut Option<NodeId>,
) -> bool {
    let config = lock(&inner.papers).peers.clone();
    let connecting = match inner.quinn.connect_with(config, address, tls::HOST) {
        Ok(connecting) => connecting,
        Err(error) => {
            tracing::debug!(%address, "a node can't be called: {error}");
            return false;
        }
    };
    let connection = match connecting.await {
        Ok(connection) => connection,
        Err(error) => {
            End::of(&error).tell(inner, None, address);
            return false;
        }
    };
    *who = wanted.or_else(|| link::identity(&connection).ok().map(|identity| identity.node));
    // In a task of its own: whoever stops calling does not cut the connection.
    let run = link::run(Arc::clone(inner), connection, Some(wanted), None);
    tokio::spawn(run).await.unwrap_or(false)
}
