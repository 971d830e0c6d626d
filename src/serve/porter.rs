//! What the HTTP doors need of the process.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinError;

use crate::desk::{Desk, Ended, Input};
use crate::domain::{
    AccountKey, CallEvent, CallRef, CallState, Decision, EventKind, LegId, Now, RouteQuery,
    SwitchCommand, SwitchId,
};
use crate::http::wire::{Status, WhyEntry};
use crate::http::{BoxFuture, CallError, CallingSwitch, CommandError, Porter};
use crate::registry::Command;

use super::clock::secret;
use super::house::House;
use super::{metrics, proxy};

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
            if let Some(mail) = self.0.mail() {
                mail.meet(&self.0, &query).await;
            }
            let (call_id, at) = (Arc::clone(&query.call_id), self.0.now());
            let spare = RouteQuery { call_id, ..RouteQuery::default() };
            let outcome = self.0.handle(Input::Route { ticket: House::TICKET, query });
            // Every question is answered by the desk in the same breath; a dry look is what is
            // left to say should that ever not be so.
            outcome.decision.unwrap_or_else(|| Arc::new(self.0.desk().rehearse(&spare, at)))
        })
    }

    fn rehearse(&self, query: Box<RouteQuery>, at_ms: Option<i64>) -> BoxFuture<'_, Arc<Decision>> {
        Box::pin(async move {
            let query = self.with_registrations(query).await;
            let now = self.0.now();
            let now = Now { wall_ms: at_ms.unwrap_or(now.wall_ms), ..now };
            Arc::new(self.0.desk().rehearse(&query, now))
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
        Box::pin(whole(end(house, call), |error| CallError::Proxy(error.to_string())))
    }

    fn release_call(
        &self,
        call: CallRef,
        reason: String,
    ) -> BoxFuture<'_, Result<Ended, CallError>> {
        let house = Arc::clone(&self.0);
        let broken = |error: JoinError| CallError::NotDurable(error.to_string());
        Box::pin(whole(release(house, call, reason), broken))
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
    let _turn = house.registry_turn.lock().await;
    let (index, changes) = {
        let desk = house.desk();
        (desk.registry().applied() + 1, desk.registry().plan(&command)?)
    };
    let (store, at_ms) = (Arc::clone(&house.store), house.now().wall_ms);
    let written = command.clone();
    let done = tokio::task::spawn_blocking(move || store.commit(index, at_ms, &written, &changes));
    let failure = match done.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(sentence) = failure {
        house.changes_not_written.fetch_add(1, Ordering::Relaxed);
        tracing::error!(error = sentence, "a change could not be written down and was refused");
        return Err(CommandError::NotDurable(sentence));
    }
    let outcome = house.handle(Input::Committed { ticket: House::TICKET, index, command });
    outcome.applied.unwrap_or(Ok(())).map_err(CommandError::Refused)
}

async fn release(house: Arc<House>, call: CallRef, reason: String) -> Result<Ended, CallError> {
    let row = house.desk().call(call, house.now()).ok_or(CallError::NoCall { call })?;
    let line = serde_json::json!({
        "call": call.to_string(),
        "call_id": row.call_id,
        "reason": reason,
        "state": row.state,
        "started_ms": row.started_ms,
    });
    let (store, at_ms) = (Arc::clone(&house.store), house.now().wall_ms);
    let done =
        tokio::task::spawn_blocking(move || store.audit(at_ms, "call.release", &line.to_string()));
    match done.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(CallError::NotDurable(error.to_string())),
        Err(error) => return Err(CallError::NotDurable(error.to_string())),
    }
    let outcome = house.handle(Input::Release { ticket: House::TICKET, call });
    let ended = outcome.released.flatten().ok_or(CallError::NoCall { call })?;
    tracing::warn!(
        call_id = &*ended.call_id,
        %call,
        reason,
        "an operator freed the slot of a call"
    );
    house.history.released(&ended, &reason);
    Ok(ended)
}

async fn end(house: Arc<House>, call: CallRef) -> Result<(), CallError> {
    let row = house.desk().call(call, house.now()).ok_or(CallError::NoCall { call })?;
    // Kamailio would say that all is well, tell that the call failed, and let it ring (measured).
    if row.state == CallState::Reserved {
        return Err(CallError::NotAnswered { call });
    }
    let switch = house.desk().switch_of(&row);
    if let (Some(switch), Some(leg), Some(mail)) =
        (switch, LegId::parse(&row.call_id), house.mail())
    {
        // Its hang-up is told like every other one.
        tracing::warn!(call_id = row.call_id, %call, "an operator ended a call");
        mail.command(switch, SwitchCommand::HangUp { leg, cause: "NORMAL_CLEARING" });
        return Ok(());
    }
    let dialog = row.dialog.ok_or(CallError::NoProxy { call })?;
    let shown = row.proxy.and_then(|id| house.proxies.iter().find(|proxy| proxy.id == id));
    // With one proxy there is no question whose call it is, seen or not.
    let only = || house.proxies.first().filter(|_| house.proxies.len() == 1);
    let proxy = shown.or_else(only).ok_or(CallError::NoProxy { call })?;
    let ended = proxy.rpc.end_dialog(dialog).await;
    let known = ended.map_err(|error| CallError::Proxy(error.to_string()))?;
    tracing::warn!(call_id = row.call_id, %call, known, "an operator ended a call");
    // Kamailio's own event may not come after this (measured), so its word is the end. A
    // dialog that it does not know is over as well.
    house.handle(Input::Event(CallEvent {
        dialog: Some(dialog),
        ..CallEvent::of(EventKind::End, row.call_id.into())
    }));
    Ok(())
}
