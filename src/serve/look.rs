//! Looks at the proxies' own lists, every few seconds.

use std::sync::Arc;
use std::time::Duration;

use crate::desk::Input;
use crate::kamailio::RpcError;

use super::house::House;
use super::proxy::{Proxy, Waiting, join_all};

/// How many calls of a list go into the desk at once; questions get in between.
const PORTION: usize = 100;

/// Looks at one proxy for ever; ends with the process.
pub(crate) async fn run(house: Arc<House>, index: usize) {
    let Some(proxy) = house.proxies.get(index) else { return };
    loop {
        tokio::time::sleep(house.config().kamailio.look_every).await;
        look(&house, proxy).await;
    }
}

/// Looks at every proxy once, side by side and with one deadline: before the door opens, so that
/// the first answer already counts the calls that a kill kept out of the store.
pub(crate) async fn first(house: &House, within: Duration) {
    let looks = house.proxies.iter().map(|proxy| first_at(house, proxy, within));
    join_all(looks.collect()).await;
}

fn first_at<'a>(house: &'a House, proxy: &'a Proxy, within: Duration) -> Waiting<'a, ()> {
    Box::pin(async move {
        if tokio::time::timeout(within, look(house, proxy)).await.is_err() {
            house.handle(Input::LookFailed { proxy: proxy.id });
            note_trouble(proxy, "it did not answer in time".to_owned());
        }
    })
}

async fn look(house: &House, proxy: &Proxy) {
    if let Err(error) = try_look(house, proxy).await {
        house.handle(Input::LookFailed { proxy: proxy.id });
        note_trouble(proxy, error.to_string());
    }
}

async fn try_look(house: &House, proxy: &Proxy) -> Result<(), RpcError> {
    let restarted = proxy.note_up_since(proxy.rpc.up_since().await?);
    if restarted {
        tracing::warn!(proxy = proxy.config.name, "the proxy was restarted: its calls are gone");
    }
    house.handle(Input::LookBegin { proxy: proxy.id, restarted });
    let seen = proxy.rpc.dialogs().await?;
    if seen.skipped > 0 {
        tracing::warn!(
            proxy = proxy.config.name,
            skipped = seen.skipped,
            "entries of the proxy's list of calls make no sense and were left out"
        );
    }
    let calls = seen.items.len();
    let mut rest = seen.items.into_iter();
    loop {
        let dialogs: Vec<_> = rest.by_ref().take(PORTION).collect();
        if dialogs.is_empty() {
            break;
        }
        let dialogs = match house.nodes() {
            Some(nodes) => nodes.rows.own_dialogs(house, nodes, dialogs),
            None => dialogs,
        };
        house.handle(Input::LookSeen { proxy: proxy.id, dialogs });
        tokio::task::yield_now().await;
    }
    house.handle(Input::LookEnd { proxy: proxy.id });
    if proxy.note_seen(calls, house.now()) {
        tracing::info!(proxy = proxy.config.name, calls, "the proxy shows its calls again");
    }
    Ok(())
}

fn note_trouble(proxy: &Proxy, trouble: String) {
    if proxy.note_trouble(trouble.clone()) {
        tracing::warn!(
            proxy = proxy.config.name,
            trouble,
            "the proxy's calls can't be read: ends are known from its events alone until it answers"
        );
    }
}
