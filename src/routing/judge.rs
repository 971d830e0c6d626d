//! Whether a rule matches, and if not, by which figure.

use crate::domain::{
    AccountName, Communication, Condition, Dates, Day, Few, Found, Identifier, Local, Miss, Number,
    Numbering, Party, RULE_ZONES_MAX, Rule, Rules, Step, Who, Window, Yearly, Zone,
};

use super::List;
use super::forwarded::Forwarded;
use super::members::Members;

/// What rules are asked about.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The moment, milliseconds since 1970.
    pub at_ms: i64,
    /// The account's zone, or the installation's: for files that name none.
    pub zone: &'a Zone,
    /// What is routed.
    pub kind: Communication,
    /// Who calls.
    pub from: Caller<'a>,
    /// What was dialled, and where the call has been.
    pub forwarded: Forwarded<'a>,
    /// How many calls of the account are up, this one not counted.
    pub calls: u32,
    /// What the caller wishes ([`crate::domain::Wish`]).
    pub wishes: Few,
}

/// Who calls, in every form in which a rule may know him. The From of a stranger is what he says
/// he is.
#[derive(Clone, Debug, Default)]
pub struct Caller<'a> {
    /// The number that his URI spells.
    pub number: Option<Number>,
    /// His address `user@host`.
    pub address: Option<Identifier>,
    /// His account, if the call counts for one.
    pub account: Option<&'a AccountName>,
}

impl<'a> Caller<'a> {
    /// The caller behind a From URI.
    #[must_use]
    pub fn of(uri: &str, numbering: &Numbering, account: Option<&'a AccountName>) -> Self {
        let address = Numbering::address_in(uri);
        Self { number: numbering.number_in(uri), address, account }
    }

    fn user_and_host(&self) -> (&str, &str) {
        match &self.address {
            Some(Identifier::Address(address)) => address.rsplit_once('@').unwrap_or_default(),
            Some(Identifier::Number(_)) | None => ("", ""),
        }
    }

    fn is_anonymous(&self) -> bool {
        let (user, host) = self.user_and_host();
        let nobody = self.number.is_none() && self.address.is_none();
        nobody || user.eq_ignore_ascii_case("anonymous") || host == "anonymous.invalid"
    }

    fn is(&self, party: &Party) -> bool {
        let (user, host) = self.user_and_host();
        match party {
            Party::Prefix { digits, length } => {
                self.number.is_some_and(|number| number.begins_with(*digits, *length))
            }
            Party::Address(address) => {
                address.rsplit_once('@').is_some_and(|known| known == (user, host))
            }
            Party::Host(known) => **known == *host,
            Party::Anonymous => self.is_anonymous(),
            Party::Account(name) => self.account == Some(name),
        }
    }
}

/// One question and the rules that are asked about it.
pub(super) struct Judge<'a> {
    pub(super) rules: &'a Rules,
    pub(super) question: &'a Question<'a>,
    pub(super) list: &'a List<'a>,
    /// Of the file's own zone, then of those of single rules.
    locals: [Option<Local>; RULE_ZONES_MAX + 1],
    /// What is known of the devices that rules name.
    pub(super) members: Members<'a>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(rules: &'a Rules, question: &'a Question<'a>, list: &'a List<'a>) -> Self {
        let locals = [None; RULE_ZONES_MAX + 1];
        Self { rules, question, list, locals, members: Members::default() }
    }

    /// Why a rule does not match; `None`: it does.
    pub(super) fn missed(&mut self, rule: &Rule, steps: &mut Vec<Step>) -> Option<Miss> {
        let rules = self.rules;
        let (when, unless) = (rule.when.of(&rules.conditions), rule.unless.of(&rules.conditions));
        let timed = |all: &[Condition]| {
            all.first()
                .is_some_and(|first| first.is_of_day() || matches!(first, Condition::Hours(_)))
        };
        if timed(when) || timed(unless) {
            let local = self.local(rule.zone, steps);
            if let Some(miss) = self.missed_by_time(when, unless, local) {
                return Some(miss);
            }
        }
        let others = |all: &'a [Condition]| {
            all.iter().filter(|one| !one.is_of_day() && !matches!(one, Condition::Hours(_)))
        };
        for condition in others(when) {
            if let (false, found) = self.holds(condition) {
                return Some(Miss { found, unless: false });
            }
        }
        for condition in others(unless) {
            if let (true, found) = self.holds(condition) {
                return Some(Miss { found, unless: true });
            }
        }
        None
    }

    /// What the wall shows for a rule; tells it once for each zone.
    fn local(&mut self, zone: Option<u8>, steps: &mut Vec<Step>) -> Local {
        let place = zone.map_or(0, |zone| usize::from(zone) + 1);
        if let Some(local) = self.locals.get(place).copied().flatten() {
            return local;
        }
        let own = zone.and_then(|zone| self.rules.zones.get(usize::from(zone)));
        let zone = own.or(self.rules.zone.as_ref()).unwrap_or(self.question.zone);
        let local = zone.local(self.question.at_ms);
        if let Some(kept) = self.locals.get_mut(place) {
            *kept = Some(local);
        }
        steps.push(Step::Moment { zone: zone.clone(), local });
        local
    }

    /// A window that runs over midnight belongs to the day on which it began: behind midnight, the
    /// calendar is asked about the day before.
    fn missed_by_time(
        &self,
        when: &[Condition],
        unless: &[Condition],
        local: Local,
    ) -> Option<Miss> {
        let Local { day, weekday, day_before, minute, .. } = local;
        let (mut now, mut since_yesterday) = (true, false);
        if let Some(Condition::Hours(run)) = when.first() {
            let windows = run.of(&self.rules.windows);
            now = windows.iter().any(|window| begun(window, minute));
            since_yesterday = windows.iter().any(|window| over_midnight(window, minute));
            if !now && !since_yesterday {
                return Some(Miss { found: Found::Hours { minute }, unless: false });
            }
        }
        if let Some(Condition::Hours(run)) = unless.first() {
            let windows = run.of(&self.rules.windows);
            if windows.iter().any(|window| begun(window, minute) || over_midnight(window, minute)) {
                return Some(Miss { found: Found::Hours { minute }, unless: true });
            }
        }
        let today = now.then(|| self.missed_by_day(when, unless, day, weekday));
        match today {
            Some(None) => None,
            Some(Some(miss)) if !since_yesterday => Some(miss),
            Some(Some(_)) | None => self.missed_by_day(when, unless, day_before, (weekday + 6) % 7),
        }
    }

    fn missed_by_day(
        &self,
        when: &[Condition],
        unless: &[Condition],
        day: Day,
        weekday: u8,
    ) -> Option<Miss> {
        let found = |condition: &Condition| match condition {
            Condition::Days(_) => Found::Days { weekday },
            Condition::Holidays(_) => Found::Holidays { day },
            Condition::Dates(_)
            | Condition::Hours(_)
            | Condition::From(_)
            | Condition::To(_)
            | Condition::Kind(_)
            | Condition::Busy(_)
            | Condition::Registered(_)
            | Condition::InCall(_)
            | Condition::Dnd(_)
            | Condition::Wishes(_) => Found::Dates { day },
        };
        let holds = |condition: &Condition| match condition {
            Condition::Days(days) => days.has(weekday),
            Condition::Dates(dates) | Condition::Holidays(dates) => self.has_day(*dates, day),
            Condition::Hours(_)
            | Condition::From(_)
            | Condition::To(_)
            | Condition::Kind(_)
            | Condition::Busy(_)
            | Condition::Registered(_)
            | Condition::InCall(_)
            | Condition::Dnd(_)
            | Condition::Wishes(_) => false,
        };
        let failing = when.iter().filter(|one| one.is_of_day()).find(|one| !holds(one));
        if let Some(failing) = failing {
            return Some(Miss { found: found(failing), unless: false });
        }
        let except = unless.iter().filter(|one| one.is_of_day()).find(|one| holds(one));
        except.map(|except| Miss { found: found(except), unless: true })
    }

    fn has_day(&self, dates: Dates, day: Day) -> bool {
        let spans = dates.spans.of(&self.rules.spans);
        let before = spans.partition_point(|span| span.from <= day);
        let once = before.checked_sub(1).and_then(|last| spans.get(last));
        once.is_some_and(|span| day <= span.to)
            || dates.yearly.of(&self.rules.yearly).iter().any(|yearly| comes_back(yearly, day))
    }

    /// Whether a condition that is not about time holds, and what was found.
    fn holds(&mut self, condition: &Condition) -> (bool, Found) {
        let question = self.question;
        match condition {
            Condition::From(who) => (self.is_caller(*who), Found::From),
            Condition::To(who) => (self.is_dialled(*who), Found::To),
            Condition::Kind(kinds) => {
                let kind = question.kind;
                (kinds.has(kind as u8), Found::Kind { kind })
            }
            Condition::Busy(least) => {
                let calls = question.calls;
                (calls >= u32::from(*least), Found::Busy { calls })
            }
            Condition::Registered(run) => (self.is_registered(*run), Found::Registered),
            Condition::Wishes(wishes) => (wishes.0 & question.wishes.0 != 0, Found::Wishes),
            Condition::InCall(run) => (self.is_in_call(*run), Found::InCall),
            Condition::Dnd(run) => (self.is_dnd(*run), Found::Dnd),
            // Asked before, by the calendar.
            Condition::Hours(_)
            | Condition::Days(_)
            | Condition::Dates(_)
            | Condition::Holidays(_) => (true, Found::Dates { day: Day::default() }),
        }
    }

    fn is_caller(&self, who: Who) -> bool {
        let from = &self.question.from;
        let numbers = who.numbers.of(&self.rules.numbers);
        from.number.is_some_and(|number| numbers.binary_search(&number).is_ok())
            || who.parties.of(&self.rules.parties).iter().any(|party| from.is(party))
    }

    fn is_dialled(&self, who: Who) -> bool {
        let parties = who.parties.of(&self.rules.parties);
        match self.question.forwarded.dialled {
            None => false,
            Some(Identifier::Number(number)) => {
                who.numbers.of(&self.rules.numbers).binary_search(number).is_ok()
                    || parties.iter().any(|party| match party {
                        Party::Prefix { digits, length } => number.begins_with(*digits, *length),
                        Party::Address(_)
                        | Party::Host(_)
                        | Party::Anonymous
                        | Party::Account(_) => false,
                    })
            }
            Some(Identifier::Address(address)) => parties.iter().any(|party| match party {
                Party::Address(known) => known == address,
                Party::Host(known) => {
                    address.rsplit_once('@').is_some_and(|(_, host)| *host == **known)
                }
                Party::Prefix { .. } | Party::Anonymous | Party::Account(_) => false,
            }),
        }
    }
}

/// Whether a window began today and is not over.
fn begun(window: &Window, minute: u16) -> bool {
    minute >= window.from && (minute < window.to || window.to < window.from)
}

/// Whether a window began yesterday and is not over.
fn over_midnight(window: &Window, minute: u16) -> bool {
    window.to < window.from && minute < window.to
}

fn comes_back(yearly: &Yearly, day: Day) -> bool {
    let (year, in_year) = (day.year(), day.in_year());
    let begins = |year: u16| (yearly.first_year..=yearly.last_year).contains(&year);
    if yearly.from <= yearly.to {
        return begins(year) && (yearly.from..=yearly.to).contains(&in_year);
    }
    (in_year >= yearly.from && begins(year))
        || (in_year <= yearly.to && begins(year.saturating_sub(1)))
}
