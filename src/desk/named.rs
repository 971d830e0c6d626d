//! What a question names, looked up once and all together.

use std::hint::black_box;

use crate::domain::{AccountKey, Identifier, Number, RouteQuery, Spelled};
use crate::sessions::CallHash;

use super::Desk;

/// What a question names, before anything is said about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) query: &'a RouteQuery,
    pub(super) ruri: Spelled<'a>,
    /// The hash of its Call-ID.
    pub(super) call: CallHash,
    /// An emergency number was dialled; then nothing was looked up.
    pub(super) emergency: bool,
    /// The number that was dialled, if it is one.
    pub(super) number: Option<Number>,
    /// The account that the number leads to.
    owner: Option<AccountKey>,
    /// The account of the name that the proxy gave, if there is one.
    pub(super) account: Option<AccountKey>,
}

impl Desk {
    /// Reads what a question names. With a full house nothing of it is in a cache, so all lines
    /// are asked for here, those at the same distance together, instead of one after the other
    /// where they are needed (`benches/decision.rs`).
    pub(super) fn named<'a>(&self, query: &'a RouteQuery) -> Named<'a> {
        let ruri = Spelled::read(&query.ruri);
        let call = self.table.hash(&query.call_id);
        let emergency = self.emergency(ruri).is_some();
        let (number, owner, account) = (None, None, None);
        let nothing = Named { query, ruri, call, emergency, number, owner, account };
        if emergency {
            return nothing;
        }
        let number = ruri.number(&self.settings.numbering);
        let name = query.account.as_ref().map(|name| (self.registry.hash(name.as_str()), name));
        black_box(self.table.touch_hashed(call));
        let likely = self.registry.likely_ends(name.map(|(hash, _)| hash), number);
        black_box((self.registry.touch_ahead(likely), self.rights.touch_ahead(likely)));
        black_box((self.table.touch_ahead(likely), self.registry.touch_behind(likely)));
        black_box(self.registry.touch_last(likely));
        let account = name.and_then(|(hash, name)| self.registry.find_hashed(hash, name.as_str()));
        let [_, owner] = likely;
        Named { number, owner, account, ..nothing }
    }

    /// The emergency number that a URI dials, if it does. Needs no look-up.
    pub(super) fn emergency(&self, ruri: Spelled<'_>) -> Option<&str> {
        let dialled = ruri.dialled();
        let numbers = &self.settings.emergency_numbers;
        numbers.iter().map(String::as_str).find(|number| *number == dialled)
    }

    /// What is dialled and the account it leads to.
    pub(super) fn callee(&self, ruri: Spelled<'_>) -> (Option<Identifier>, Option<AccountKey>) {
        let number = ruri.number(&self.settings.numbering);
        let owner = number.and_then(|number| self.registry.owner_of_number(number));
        self.called(ruri, number, owner)
    }

    /// The same, of a question that was read.
    pub(super) fn callee_named(
        &self,
        named: &Named<'_>,
    ) -> (Option<Identifier>, Option<AccountKey>) {
        self.called(named.ruri, named.number, named.owner)
    }

    fn called(
        &self,
        ruri: Spelled<'_>,
        number: Option<Number>,
        owner: Option<AccountKey>,
    ) -> (Option<Identifier>, Option<AccountKey>) {
        let number = number.map(Identifier::Number);
        if owner.is_some() {
            return (number, owner);
        }
        let address = ruri.address();
        let owner = address.as_ref().and_then(|address| self.registry.owner(address));
        if owner.is_some() { (address, owner) } else { (number.or(address), None) }
    }
}
