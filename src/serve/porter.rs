//! What the HTTP doors need of the process.

use std::sync::Arc;
use std::time::Duration;

use crate::desk::{Desk, Ended, Input};
use crate::domain::{CallEvent, CallRef, Decision, EventKind, Now, RouteQuery};
use crate::http::wire::{Status, WhyEntry};
use crate::http::{BoxFuture, CallError, CommandError, Porter};
use crate::registry::Command;

use super::house::House;
use super::{metrics, proxy};

/// How long all registrations of a query together may take to be looked up.
const REGISTRATIONS_WITHIN: Duration = Duration::from_millis(120);

/// The house, with its HTTP doors open.
pub(crate) struct Front(pub(crate) Arc<House>);

impl Porter for Front {
    fn route(&self, query: Box<RouteQuery>) -> BoxFuture<'_, Arc<Decision>> {
        Box::pin(async move {
            let query = self.with_registrations(query).await;
            let (call_id, at) = (Arc::clone(&query.call_id), self.0.now());
            let spare = RouteQuery { call_id, ..RouteQuery::default() };
            let outcome = self.0.handle(Input::Route { ticket: House::TICKET, query });
            // Every question is answered by the desk in the same breath; a dry look is what is
            // left to say should that ever not be so.
            outcome.decision.unwrap_or_else(|| Arc::new(self.0.desk().rehearse(&spare, at)))
        })
    }

    fn rehearse(&self, query: Box<RouteQuery>) -> BoxFuture<'_, Arc<Decision>> {
        Box::pin(async move {
            let query = self.with_registrations(query).await;
            Arc::new(self.0.desk().rehearse(&query, self.0.now()))
        })
    }

    fn event(&self, event: CallEvent) {
        self.0.handle(Input::Event(event));
    }

    fn command(&self, command: Command) -> BoxFuture<'_, Result<(), CommandError>> {
        Box::pin(async move {
            let _turn = self.0.registry_turn.lock().await;
            let (index, changes) = {
                let desk = self.0.desk();
                (desk.registry().applied() + 1, desk.registry().plan(&command)?)
            };
            let (store, at_ms) = (Arc::clone(&self.0.store), self.0.now().wall_ms);
            let written = command.clone();
            let done =
                tokio::task::spawn_blocking(move || store.commit(index, at_ms, &written, &changes));
            match done.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(CommandError::NotDurable(error.to_string())),
                Err(error) => return Err(CommandError::NotDurable(error.to_string())),
            }
            let ticket = House::TICKET;
            let outcome = self.0.handle(Input::Committed { ticket, index, command });
            outcome.applied.unwrap_or(Ok(())).map_err(CommandError::Refused)
        })
    }

    fn read(&self, look: &mut dyn FnMut(&Desk, Now)) {
        let now = self.0.now();
        look(&self.0.desk(), now);
    }

    fn end_call(&self, call: CallRef) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(self.end(call))
    }

    fn release_call(
        &self,
        call: CallRef,
        reason: String,
    ) -> BoxFuture<'_, Result<Ended, CallError>> {
        Box::pin(async move {
            let row = self.0.desk().call(call, self.0.now()).ok_or(CallError::NoCall { call })?;
            let line = serde_json::json!({
                "call": call.to_string(),
                "call_id": row.call_id,
                "reason": reason,
                "state": row.state,
                "started_ms": row.started_ms,
            });
            let (store, at_ms) = (Arc::clone(&self.0.store), self.0.now().wall_ms);
            let done = tokio::task::spawn_blocking(move || {
                store.audit(at_ms, "call.release", &line.to_string())
            });
            match done.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(CallError::NotDurable(error.to_string())),
                Err(error) => return Err(CallError::NotDurable(error.to_string())),
            }
            let outcome = self.0.handle(Input::Release { ticket: House::TICKET, call });
            let ended = outcome.released.flatten().ok_or(CallError::NoCall { call })?;
            tracing::warn!(
                call_id = &*ended.call_id,
                %call,
                reason,
                "an operator freed the slot of a call"
            );
            self.0.history.released(&ended, &reason);
            Ok(ended)
        })
    }

    fn why(&self, key: String) -> BoxFuture<'_, Result<Vec<WhyEntry>, String>> {
        Box::pin(self.0.history.why(key))
    }

    fn status(&self) -> Status {
        metrics::status(&self.0)
    }

    fn metrics(&self) -> String {
        metrics::text(&self.0)
    }

    fn stopwatch_us(&self) -> u64 {
        self.0.clock.stopwatch_us()
    }
}

impl Front {
    async fn with_registrations(&self, mut query: Box<RouteQuery>) -> Box<RouteQuery> {
        if !self.0.proxies.iter().any(|proxy| proxy.config.lookup_aor) {
            return query;
        }
        let aors = self.0.desk().addresses_to_look_up(&query);
        if !aors.is_empty() {
            let asked = proxy::look_up(&self.0.proxies, aors, self.0.now());
            if let Ok(found) = tokio::time::timeout(REGISTRATIONS_WITHIN, asked).await {
                query.registrations = found;
            }
        }
        query
    }

    async fn end(&self, call: CallRef) -> Result<(), CallError> {
        let row = self.0.desk().call(call, self.0.now()).ok_or(CallError::NoCall { call })?;
        let dialog = row.dialog.ok_or(CallError::NoProxy { call })?;
        let shown = row.proxy.and_then(|id| self.0.proxies.iter().find(|proxy| proxy.id == id));
        // With one proxy there is no question whose call it is, seen or not.
        let only = || self.0.proxies.first().filter(|_| self.0.proxies.len() == 1);
        let proxy = shown.or_else(only).ok_or(CallError::NoProxy { call })?;
        let ended = proxy.rpc.end_dialog(dialog).await;
        let known = ended.map_err(|error| CallError::Proxy(error.to_string()))?;
        tracing::warn!(call_id = row.call_id, %call, known, "an operator ended a call");
        // Kamailio's own event may not come after this (measured), so its word is the end. A
        // dialog that it does not know is over as well.
        self.0.handle(Input::Event(CallEvent {
            kind: EventKind::End,
            call_id: row.call_id.into(),
            from_tag: "".into(),
            dialog: Some(dialog),
            code: None,
            account: None,
            ruri: None,
            from_uri: None,
        }));
        Ok(())
    }
}
