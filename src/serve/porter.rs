//! What the HTTP doors need of the process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use crate::desk::{Desk, Ended, Input, Motion, Verdict};
use crate::domain::{AccountKey, CallEvent, CallRef, Decision, FarCall, Now, RouteQuery, SwitchId};
use crate::http::wire::{Status, Why};
use crate::http::{BoxFuture, CallError, CallingSwitch, CommandError, Porter};
use crate::registry::Command;

use super::agree::{Unagreed, agree};
use super::clock::secret;
use super::house::House;
use super::{call_back, metrics, operator, proxy};

/// How long all registrations of a query together may take to be looked up.
const REGISTRATIONS_WITHIN: Duration = Duration::from_millis(120);
/// How long a change that a star code asks for may take to be written down. Later it is written down
/// all the same; whoever dialled it is told to dial again, which then changes nothing.
const SAVED_WITHIN: Duration = Duration::from_millis(200);

/// The house, with its HTTP doors open.
pub(crate) struct Front(pub(crate) Arc<House>);

impl Porter for Front {
    fn route(&self, query: Box<RouteQuery>) -> BoxFuture<'_, Arc<Decision>> {
        Box::pin(async move {
            let mut query = self.with_registrations(query).await;
            // On the disk before anybody hears that it is so.
            let change = self.0.desk().change_dialled(&query);
            if let Some(command) = change {
                let saved = tokio::time::timeout(SAVED_WITHIN, self.command(command)).await;
                query.unsaved = !matches!(saved, Ok(Ok(())));
            }
            call_back::meet(&self.0, &query).await;
            let (call_id, at) = (Arc::clone(&query.call_id), self.0.now());
            let spare = RouteQuery { call_id, ..RouteQuery::default() };
            let decision = self.0.decide(query).await;
            // Every question is answered by the desk; a dry look is what is left to say should
            // that ever not be so.
            decision.unwrap_or_else(|| Arc::new(self.0.desk().rehearse(&spare, at)))
        })
    }

    fn rehearse(&self, query: Box<RouteQuery>, at_ms: Option<i64>) -> BoxFuture<'_, Arc<Decision>> {
        Box::pin(async move {
            let query = self.with_registrations(query).await;
            let now = self.0.now();
            let now = Now { wall_ms: at_ms.unwrap_or(now.wall_ms), ..now };
            let there = call_back::rehearse(&self.0, &query).await;
            Arc::new(self.0.desk().rehearse_meeting(&query, there, now))
        })
    }

    fn rule_text(&self, account: AccountKey) -> BoxFuture<'_, Result<Option<String>, String>> {
        let store = Arc::clone(&self.0.store);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || store.rule_text(account)).await;
            let read = read.map_err(|error| error.to_string())?;
            read.map_err(|error| error.to_string())
        })
    }

    fn event(&self, event: CallEvent) -> BoxFuture<'static, ()> {
        if let Some(nodes) = self.0.nodes()
            && nodes.rows.pass_on(&self.0, nodes, &event)
        {
            return Box::pin(std::future::ready(()));
        }
        let writing = self.0.handle(Input::Event(event)).writing;
        Box::pin(async move {
            for written in writing {
                let _ = written.await;
            }
        })
    }

    fn command(&self, command: Command) -> BoxFuture<'_, Result<(), CommandError>> {
        let house = Arc::clone(&self.0);
        Box::pin(whole(change(house, command), |error| CommandError::NotDurable(error.to_string())))
    }

    fn read(&self, look: &mut dyn FnMut(&Desk, Now)) {
        let now = self.0.now();
        look(&self.0.desk(), now);
    }

    fn calling_switch(&self, name: &str) -> Option<CallingSwitch> {
        let config = self.0.config();
        let mut switches = config.switches.iter().zip(0u8..);
        let (switch, id) = switches.find(|(switch, _)| switch.name == name)?;
        let mail = config.messages.as_ref().filter(|_| switch.routes)?;
        let prompts = format!("{}/{}", mail.prompts.display(), mail.language);
        Some(CallingSwitch { id: SwitchId(id), profile: switch.profile.clone(), prompts })
    }

    fn end_call(&self, call: CallRef) -> BoxFuture<'_, Result<(), CallError>> {
        let house = Arc::clone(&self.0);
        Box::pin(whole(operator::end(house, call), |error| CallError::Proxy(error.to_string())))
    }

    fn release_call(
        &self,
        call: CallRef,
        reason: String,
    ) -> BoxFuture<'_, Result<Ended, CallError>> {
        let house = Arc::clone(&self.0);
        let broken = |error: JoinError| CallError::NotDurable(error.to_string());
        Box::pin(whole(operator::release(house, call, reason), broken))
    }

    fn why(&self, key: String) -> BoxFuture<'_, Result<Why, String>> {
        Box::pin(operator::why(Arc::clone(&self.0), key))
    }

    fn status(&self) -> Status {
        metrics::status(&self.0)
    }

    fn metrics(&self) -> String {
        metrics::text(&self.0)
    }

    fn node_name(&self) -> Option<String> {
        self.0.nodes().map(|nodes| nodes.own.name.clone())
    }

    fn far_calls(
        &self,
        node: Option<&str>,
        account: Option<AccountKey>,
        after: Option<CallRef>,
        max: usize,
    ) -> Vec<(String, FarCall)> {
        self.0
            .nodes()
            .map_or_else(Vec::new, |nodes| nodes.far_calls(&self.0, (node, account), after, max))
    }

    fn far_call(&self, key: &str) -> Option<(String, FarCall)> {
        self.0.nodes()?.far_call(&self.0, key)
    }

    fn secret(&self) -> Result<[u8; 32], String> {
        secret().map_err(|error| format!("the machine gives no random numbers: {error}"))
    }

    fn stopwatch_us(&self) -> u64 {
        self.0.clock.stopwatch_us()
    }
}

impl Front {
    async fn with_registrations(&self, mut query: Box<RouteQuery>) -> Box<RouteQuery> {
        // A switch that asks knows itself who is registered there.
        let looks_up = self.0.proxies.iter().any(|proxy| proxy.config.lookup_aor);
        if !looks_up || query.switch.is_some() {
            return query;
        }
        let aors = self.0.desk().addresses_to_look_up(&query);
        if !aors.is_empty() {
            let asked = proxy::look_up(&self.0.proxies, aors, &query.call_id, self.0.now());
            if let Ok(found) = tokio::time::timeout(REGISTRATIONS_WITHIN, asked).await {
                query.registrations = found;
            }
        }
        query
    }
}

/// Does all of it, even when whoever asked goes away in the middle: a change that is on the disk
/// and not in memory would be in the way of every later one.
async fn whole<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
    broken: impl FnOnce(JoinError) -> E,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    tokio::spawn(work).await.unwrap_or_else(|error| Err(broken(error)))
}

async fn change(house: Arc<House>, command: Command) -> Result<(), CommandError> {
    let at_ms = house.now().wall_ms;
    match agree(&house, Motion::Registry { at_ms, command }).await {
        Ok(Verdict::Registry(result)) => result.map_err(CommandError::Refused),
        Ok(Verdict::Ledger(_) | Verdict::Roll(_) | Verdict::Message(_)) => Ok(()),
        Err(Unagreed::Refused(error)) => Err(CommandError::Refused(error)),
        Err(error @ (Unagreed::NotDurable(_) | Unagreed::NotNow(_) | Unagreed::Alone)) => {
            Err(CommandError::NotDurable(error.to_string()))
        }
    }
}
