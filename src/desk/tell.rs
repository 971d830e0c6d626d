//! Who is told: of a message left, of a call that nobody took, of one that a rule does not let
//! ring. What is told is given out; bringing it to somebody is the shell's affair.

use std::sync::Arc;

use crate::domain::{
    AccountKey, CallRef, Caller, Cause, Communication, Decision, DepositCause, DeviceStates, Few,
    History, MailboxName, Method, Now, Outcome, Registrations, RouteQuery, Rules, Spelled, Step,
    Telling, Tells, Told, ToldStep,
};
use crate::routing::{self, Forwarded, List, Question, tell};
use crate::sessions::Slot;

use super::rules::kind;
use super::{Desk, Output, explain};

/// How many calls are remembered of which somebody was told, so that they are not told of again as
/// missed. Beyond it the oldest is forgotten.
const TOLD_MAX: usize = 4_096;

/// Something of which somebody may be told.
#[derive(Clone, Copy, Debug)]
pub struct Happening<'a> {
    /// A message left, or a missed call.
    pub kind: Communication,
    /// Whose devices.
    pub account: AccountKey,
    /// The SIP Call-ID.
    pub call_id: &'a Arc<str>,
    /// Who called.
    pub caller: &'a Caller,
    /// Why nobody took the call.
    pub cause: DepositCause,
    /// The mailbox to which the call came, if it did.
    pub mailbox: Option<&'a MailboxName>,
    /// How long the message is, in milliseconds.
    pub length_ms: Option<u64>,
    /// When it was, milliseconds since 1970.
    pub at_ms: i64,
}

/// What a list has beside the devices.
#[derive(Default)]
pub(super) struct Around {
    registrations: Registrations,
    headers: Arc<str>,
}

/// A call that ends without an answer.
pub(super) struct Unanswered {
    call: CallRef,
    account: AccountKey,
    caller: Caller,
}

/// What is told, and how that came about.
#[derive(Clone, Debug)]
pub struct Tidings {
    /// What; nobody, if it has no stages.
    pub telling: Telling,
    /// The rules that were asked, in sentences.
    pub lines: Vec<String>,
}

impl Desk {
    /// Who is told of something, by the rules that are for it. Where none decides, the webhook is
    /// told of what came to a mailbox. `None`: the account is gone.
    #[must_use]
    pub fn tidings(&self, happening: &Happening<'_>) -> Option<Tidings> {
        let Happening { account, caller, .. } = *happening;
        let mut telling = self.telling(happening)?;
        let mut steps = Vec::new();
        let by_default = || happening.mailbox.map(|_| vec![Told::Webhook]);
        let again =
            happening.kind == Communication::Missed && self.told_of(account, happening.call_id);
        telling.stages = match self.registry.rules(account) {
            _ if again => Tells::new(),
            None => by_default().into_iter().collect(),
            Some(rules) => {
                let from = (&*caller.uri, caller.account);
                match self.ask_rules(
                    rules,
                    happening.kind,
                    account,
                    from,
                    happening.at_ms,
                    &mut steps,
                ) {
                    Ok(tells) => tells,
                    Err(tells) => tells.into_iter().chain(by_default()).collect(),
                }
            }
        };
        Some(Tidings { telling, lines: steps.iter().map(explain::explain_step).collect() })
    }

    /// Who would be told, for a dry run: the lines, and the stages. Where no rule decides, the
    /// webhook stands for what came to a mailbox.
    #[must_use]
    pub fn rehearse_telling(
        &self,
        query: &RouteQuery,
        kind: Communication,
        at_ms: i64,
    ) -> (Vec<String>, Tells) {
        let mut steps = Vec::new();
        let (identifier, callee) = self.callee(Spelled::read(&query.ruri));
        let account = callee.and_then(|key| self.registry.account(key));
        let account = account.map(|account| account.name.clone());
        steps.push(Step::Callee { identifier, account });
        let caller = query.account.as_ref().and_then(|name| self.registry.find(name.as_str()));
        let asked = callee.and_then(|callee| {
            let rules = self.registry.rules(callee)?;
            let from = (&*query.from_uri, caller);
            Some(self.ask_rules(rules, kind, callee, from, at_ms, &mut steps))
        });
        let mailbox = callee.is_some_and(|callee| self.registry.mailbox_of(callee).is_some());
        let by_default = mailbox.then(|| vec![Told::Webhook]);
        if asked.is_none() && callee.is_some() {
            steps.push(Step::NoneTells);
        }
        let tells = match asked {
            Some(Ok(tells)) => tells,
            Some(Err(tells)) => tells.into_iter().chain(by_default).collect(),
            None => by_default.into_iter().collect(),
        };
        (steps.iter().map(explain::explain_step).collect(), tells)
    }

    pub(super) fn ask_rules(
        &self,
        rules: &Rules,
        kind: Communication,
        account: AccountKey,
        (from, caller): (&str, Option<AccountKey>),
        at_ms: i64,
        steps: &mut Vec<Step>,
    ) -> Result<Tells, Tells> {
        let of = |key: AccountKey| self.registry.account(key);
        let caller = caller.and_then(of).map(|caller| &caller.name);
        let zone = of(account).and_then(|account| account.zone.as_ref());
        let question = Question {
            at_ms,
            zone: zone.unwrap_or(&self.settings.zone),
            kind,
            from: routing::Caller::of(from, &self.settings.numbering, caller),
            forwarded: Forwarded { dialled: None, history: &History::None },
            calls: self.calls_up(account),
            wishes: Few::default(),
        };
        let (states, around) = (self.devices.of(account), Around::default());
        tell(rules, &question, &self.list(account, &states, &around), steps)
    }

    /// The account's devices, for whom nobody looks where they are now.
    pub(super) fn list<'a>(
        &'a self,
        account: AccountKey,
        states: &'a DeviceStates,
        Around { registrations, headers }: &'a Around,
    ) -> List<'a> {
        List {
            by_switch: false,
            confirms: false,
            wait_s: None,
            devices: self.registry.devices(account),
            registrations,
            states,
            gateway: None,
            headers,
            limits: self.settings.limits,
        }
    }

    /// What is told, but for whom.
    pub(super) fn telling(&self, happening: &Happening<'_>) -> Option<Telling> {
        let account = self.registry.account(happening.account)?;
        let rules = self.registry.rules(happening.account);
        let zone = rules.and_then(|rules| rules.zone.as_ref()).or(account.zone.as_ref());
        Some(Telling {
            kind: happening.kind,
            account: account.name.clone(),
            call_id: Arc::clone(happening.call_id),
            shown: Arc::clone(&happening.caller.shown),
            display: Arc::clone(&happening.caller.display),
            at_ms: happening.at_ms,
            cause: happening.cause,
            zone: zone.unwrap_or(&self.settings.zone).clone(),
            mailbox: happening.mailbox.cloned(),
            length_ms: happening.length_ms,
            stages: Tells::new(),
            webhook: None,
        })
    }

    /// A call or a text was decided: whom a rule tells instead of letting anybody ring is told,
    /// and whoever is told of missed calls, if nobody could be reached or the account was full.
    pub(super) fn tell_of(
        &mut self,
        query: &RouteQuery,
        decision: &Decision,
        callee: Option<AccountKey>,
        now: Now,
    ) {
        let Some(account) = callee.filter(|callee| self.registry.rules(*callee).is_some()) else {
            return;
        };
        let stages = told_in(&decision.steps);
        let cause = not_reached(query, &decision.outcome);
        if stages.is_empty() && cause.is_none() {
            return;
        }
        let caller = Caller {
            shown: Arc::from(&*self.shown(&query.from_uri)),
            uri: Arc::clone(&query.from_uri),
            display: Arc::clone(&query.from_display),
            account: query.account.as_ref().and_then(|name| self.registry.find(name.as_str())),
        };
        let missed = stages.is_empty();
        let happening = Happening {
            kind: if missed { Communication::Missed } else { kind(query) },
            account,
            call_id: &query.call_id,
            caller: &caller,
            cause: cause.unwrap_or(DepositCause::Unknown),
            mailbox: None,
            length_ms: None,
            at_ms: now.wall_ms,
        };
        let tidings = match missed {
            true => self.tidings(&happening),
            false => self.telling(&happening).map(|telling| Tidings {
                telling: Telling { stages, ..telling },
                lines: Vec::new(),
            }),
        };
        self.tell_once(account, &query.call_id, tidings, None);
    }

    /// Whose call it was and who called, if nobody ever answered it. Asked before its row goes.
    pub(super) fn unanswered(&self, slot: Slot, now: Now) -> Option<Unanswered> {
        let session = self.table.get(slot).filter(|session| session.answered_ms().is_none())?;
        let account = session.callee().filter(|key| self.registry.rules(*key).is_some())?;
        let row = self.table.row(slot, now)?;
        let uri = match row.from.as_bytes().first() {
            Some(b'+') => format!("tel:{}", row.from),
            _ if row.from.contains(':') => row.from.clone(),
            _ => format!("sip:{}", row.from),
        };
        let caller = Caller {
            shown: row.from.as_str().into(),
            uri: uri.into(),
            display: Arc::default(),
            account: row.caller,
        };
        Some(Unanswered { call: row.call, account, caller })
    }

    /// Tells of a call that nobody has answered, now that its row is gone.
    pub(super) fn missed(
        &mut self,
        Unanswered { call, account, caller }: &Unanswered,
        call_id: &Arc<str>,
        code: Option<u16>,
        now: Now,
    ) {
        let tidings = self.tidings(&Happening {
            kind: Communication::Missed,
            account: *account,
            call_id,
            caller,
            cause: DepositCause::from_wire(code, None),
            mailbox: None,
            length_ms: None,
            at_ms: now.wall_ms,
        });
        self.tell_once(*account, call_id, tidings, Some(*call));
    }

    /// Gives out what is told of a call, unless that was done before. Where rules tell at all, it is
    /// given out for `why` even if nobody is told.
    fn tell_once(
        &mut self,
        account: AccountKey,
        call_id: &Arc<str>,
        tidings: Option<Tidings>,
        call: Option<CallRef>,
    ) {
        let Some(tidings) = tidings else { return };
        let rules = self.registry.rules(account);
        let told =
            rules.is_some_and(|rules| rules.stages.iter().any(|one| one.who.told().is_some()));
        if told && self.remember_told(account, call_id) {
            let call = call.unwrap_or_else(|| self.next_call());
            self.outputs.push_back(Output::Tell { call, tidings: Box::new(tidings) });
        }
    }

    fn told_of(&self, account: AccountKey, call_id: &str) -> bool {
        self.told.iter().any(|(key, known)| *key == account && **known == *call_id)
    }

    /// Whether nobody was told of this call yet; from now on somebody was.
    fn remember_told(&mut self, account: AccountKey, call_id: &Arc<str>) -> bool {
        if self.told_of(account, call_id) {
            return false;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back((account, Arc::clone(call_id)));
        true
    }
}

/// Whom the steps of a decision tell, stage by stage.
fn told_in(steps: &[Step]) -> Tells {
    let mut stages = Tells::new();
    for step in steps {
        let Step::Told(ToldStep { stage, who: Some(who), skip: None }) = step else { continue };
        stages.resize_with(stages.len().max(usize::from(*stage)), Vec::new);
        if let Some(told) = stages.get_mut(usize::from(*stage).saturating_sub(1)) {
            told.push(who.clone());
        }
    }
    stages
}

/// Why a call was refused that somebody has missed by it.
fn not_reached(query: &RouteQuery, outcome: &Outcome) -> Option<DepositCause> {
    let Outcome::Refuse(refusal) = outcome else { return None };
    let cause = match refusal.cause {
        Cause::NoDevice => DepositCause::Unreachable,
        Cause::CapIn => DepositCause::AtCap,
        Cause::CallIdReuse
        | Cause::Cancelled
        | Cause::CapOut
        | Cause::CapParent
        | Cause::Disabled
        | Cause::Loop
        | Cause::Rule
        | Cause::SelfCare
        | Cause::Settling
        | Cause::TableFull
        | Cause::Unknown
        | Cause::Unreachable => return None,
    };
    (query.method == Method::Invite).then_some(cause)
}
