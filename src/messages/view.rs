//! Deposits looked at: by operators, and by a call that meets one.

use std::sync::Arc;

use crate::domain::{AccountKey, DepositCard, LegId, Mailbox, MessageId};

use super::Transition;
use super::deposit::Deposit;
use super::table::Deposits;

/// A deposit as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositView {
    /// The number of the deposit and of its message.
    pub message: MessageId,
    /// What is known of it.
    pub card: DepositCard,
    /// Where it is.
    pub state: &'static str,
    /// How much was recorded, in milliseconds.
    pub length_ms: u64,
}

/// By whom a deposit can be found when somebody calls the depositing caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CallerKey {
    Account(AccountKey),
    Shown(Arc<str>),
}

impl Deposits {
    /// The deposit of a caller, known by his account or by how he is shown, that a call to him
    /// meets; and whose mailbox it is for.
    #[must_use]
    pub fn of_caller(
        &self,
        account: Option<AccountKey>,
        shown: &str,
    ) -> Vec<(MessageId, AccountKey, &Mailbox)> {
        let keys = [account.map(CallerKey::Account), Some(CallerKey::Shown(shown.into()))];
        let mut found: Vec<(MessageId, AccountKey, &Mailbox)> = Vec::new();
        for key in keys.into_iter().flatten() {
            let from = (key.clone(), MessageId(0));
            let to = (key, MessageId(u64::MAX));
            for (_, message) in self.callers.range(from..=to) {
                let Some(deposit) = self.deposits.get(message) else { continue };
                let known = found.iter().any(|(known, ..)| known == message);
                if deposit.is_deposit_up() && !known {
                    found.push((*message, deposit.card.account, &deposit.card.mailbox));
                }
            }
        }
        found
    }

    /// The card of a deposit that is under way.
    #[must_use]
    pub fn card(&self, message: MessageId) -> Option<&DepositCard> {
        self.deposits.get(&message).map(|deposit| &deposit.card)
    }

    /// The SIP Call-ID of the call that a leg is the end of; `None` for a leg that is no deposit's,
    /// or that was called by us.
    #[must_use]
    pub fn call_of(&self, leg: &LegId) -> Option<Arc<str>> {
        let deposit = self.of_leg(leg)?;
        let own = deposit.legs.first() == Some(leg) && deposit.card.leg.as_ref() == Some(leg);
        (own && deposit.calls == 0).then(|| Arc::clone(&deposit.card.call_id))
    }

    /// The deposit that a call was the beginning of and whose caller is being called back, or is
    /// about to be. The end of a call may be told before its leg's.
    #[must_use]
    pub fn called_back(&self, caller: Option<AccountKey>, call_id: &str) -> Option<MessageId> {
        let key = CallerKey::Account(caller?);
        let all = (key.clone(), MessageId(0))..=(key, MessageId(u64::MAX));
        let mut his = self.callers.range(all).map(|(_, message)| *message);
        his.find(|message| {
            let of_call = self.card(*message).is_some_and(|card| &*card.call_id == call_id);
            of_call && self.is_called_back(*message)
        })
    }

    /// Whether the caller of a deposit is called back with video, or is about to be.
    #[must_use]
    pub fn is_called_back(&self, message: MessageId) -> bool {
        self.deposits.get(&message).is_some_and(Deposit::is_called_back)
    }

    /// Whether an upload may become the next part of a deposit.
    #[must_use]
    pub fn awaits_upload(&self, message: MessageId, part: u16) -> bool {
        self.deposits.get(&message).is_some_and(|deposit| {
            deposit.awaits_upload() && !deposit.card.parts.iter().any(|known| known.number == part)
        })
    }

    /// The transitions that were gone through since the start.
    pub fn seen(&self) -> impl Iterator<Item = Transition> {
        self.seen.iter().copied()
    }

    /// How much is remembered: deposits, legs, callers, times. All are 0 when no deposit is left.
    #[must_use]
    pub fn sizes(&self) -> [usize; 4] {
        [self.deposits.len(), self.legs.len(), self.callers.len(), self.due.len()]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deposits.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deposits.is_empty()
    }

    /// All of them, oldest first.
    pub fn views(&self) -> impl Iterator<Item = DepositView> {
        self.deposits.values().map(|deposit| DepositView {
            message: deposit.card.message,
            card: deposit.card.clone(),
            state: deposit.state.name(),
            length_ms: deposit.length_ms(),
        })
    }
}

/// By whom a deposit can be found.
pub(super) fn caller_keys(card: &DepositCard) -> impl Iterator<Item = CallerKey> + use<> {
    let shown = Some(&card.caller.shown).filter(|shown| !shown.is_empty());
    let shown = shown.map(|shown| CallerKey::Shown(Arc::clone(shown)));
    card.caller.account.map(CallerKey::Account).into_iter().chain(shown)
}
