//! One proxy: asked for its list of calls, for registrations, and to end a call.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::config;
use crate::domain::{Contact, Now, ProxyId, Registrations, SipUri};
use crate::http::wire::ProxyStatus;
use crate::kamailio::{Rpc, RpcError, RpcTimes};

/// Kamailio's table of registrations, as every stock configuration names it.
const LOCATION: &str = "location";
/// How long an answer about a registration is good. A phone that registers meanwhile is missed
/// for this long; a phone that rings on two numbers is asked for once.
const CONTACTS_GOOD_MS: u64 = 1_000;
/// How many answers are kept; when there are more, all are forgotten.
const CONTACTS_MAX: usize = 10_000;
/// How long a call waits for a registration. Late ones are done without: Kamailio waits 400 ms.
const CONTACTS_WITHIN: Duration = Duration::from_millis(100);

/// One configured proxy and how it was last seen.
pub(crate) struct Proxy {
    pub(crate) id: ProxyId,
    pub(crate) config: config::Proxy,
    pub(crate) rpc: Rpc,
    last: Mutex<Last>,
    contacts: Mutex<BTreeMap<SipUri, (u64, Vec<Contact>)>>,
}

#[derive(Default)]
struct Last {
    up_since: Option<String>,
    seen_ms: Option<u64>,
    calls: Option<u64>,
    trouble: Option<String>,
}

impl Proxy {
    pub(crate) fn new(id: ProxyId, config: config::Proxy) -> Result<Self, RpcError> {
        let rpc = Rpc::new(&config.rpc, RpcTimes::default())?;
        let contacts = Mutex::new(BTreeMap::new());
        Ok(Self { id, config, rpc, last: Mutex::new(Last::default()), contacts })
    }

    /// Notes since when the proxy runs; says whether it was restarted since it was last noted.
    pub(crate) fn note_up_since(&self, up_since: String) -> bool {
        let mut last = self.last();
        let restarted = last.up_since.as_ref().is_some_and(|before| *before != up_since);
        last.up_since = Some(up_since);
        restarted
    }

    /// Notes a complete list; says whether the proxy had been in trouble before.
    pub(crate) fn note_seen(&self, calls: usize, now: Now) -> bool {
        let mut last = self.last();
        last.seen_ms = Some(now.mono_ms);
        last.calls = u64::try_from(calls).ok();
        last.trouble.take().is_some()
    }

    /// Notes what went wrong; says whether that is news.
    pub(crate) fn note_trouble(&self, trouble: String) -> bool {
        self.last().trouble.replace(trouble).is_none()
    }

    pub(crate) fn status(&self, now: Now) -> ProxyStatus {
        let last = self.last();
        ProxyStatus {
            name: self.config.name.clone(),
            rpc: self.config.rpc.clone(),
            seen_ago_ms: last.seen_ms.map(|seen| now.mono_ms.saturating_sub(seen)),
            calls: last.calls,
            up_since: last.up_since.clone(),
            trouble: last.trouble.clone(),
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contacts(&self) -> MutexGuard<'_, BTreeMap<SipUri, (u64, Vec<Contact>)>> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an address of record is registered at this moment.
    pub(crate) async fn contacts_now(&self, aor: &SipUri) -> Result<Vec<Contact>, RpcError> {
        let seen = self.rpc.contacts(LOCATION, aor, self.config.use_domain).await?;
        Ok(seen.items)
    }

    async fn find(&self, aor: &SipUri, call_id: &str, now: Now) -> Option<Vec<Contact>> {
        if let Some((until, contacts)) = self.contacts().get(aor)
            && *until > now.mono_ms
        {
            return Some(contacts.clone());
        }
        let asked = self.rpc.contacts(LOCATION, aor, self.config.use_domain);
        let proxy = &*self.config.name;
        let found = match tokio::time::timeout(CONTACTS_WITHIN, asked).await {
            Ok(Ok(seen)) => seen.items,
            Ok(Err(error)) => {
                tracing::warn!(call_id, proxy, %error, "a registration can't be looked up");
                return None;
            }
            Err(_) => {
                tracing::warn!(call_id, proxy, "a registration was not told in time");
                return None;
            }
        };
        let mut contacts = self.contacts();
        if contacts.len() >= CONTACTS_MAX {
            contacts.clear();
        }
        contacts.insert(aor.clone(), (now.mono_ms + CONTACTS_GOOD_MS, found.clone()));
        Some(found)
    }
}

/// Where addresses of record are registered, at whichever proxy; what nobody could tell in time
/// is left out. They are asked for on behalf of a call.
pub(crate) async fn look_up(
    proxies: &[Proxy],
    aors: Vec<SipUri>,
    call_id: &str,
    now: Now,
) -> Registrations {
    let mut registrations = Registrations::new();
    let asked: Vec<&Proxy> = proxies.iter().filter(|proxy| proxy.config.lookup_aor).collect();
    let mut answers: Vec<Asked<'_>> = Vec::with_capacity(aors.len() * asked.len());
    for aor in aors {
        for proxy in &asked {
            let (proxy, aor): (&Proxy, SipUri) = (proxy, aor.clone());
            answers.push(Box::pin(async move {
                let found = proxy.find(&aor, call_id, now).await;
                (aor, found)
            }));
        }
    }
    for (aor, contacts) in join_all(answers).await {
        if let Some(mut contacts) = contacts {
            registrations.entry(aor).or_default().append(&mut contacts);
        }
    }
    registrations
}

/// A registration that is being asked for.
type Asked<'a> = Waiting<'a, (SipUri, Option<Vec<Contact>>)>;

/// Something that is waited for.
pub(crate) type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Waits for all of them, side by side.
pub(crate) async fn join_all<T>(mut waiting: Vec<Waiting<'_, T>>) -> Vec<T> {
    let mut done = Vec::with_capacity(waiting.len());
    poll_fn(|context| {
        waiting.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(ready) => {
                done.push(ready);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}
