//! What happens.

use hallporter::desk::{Input, Ticket};
use hallporter::domain::{AccountName, CallEvent, CallState, EventKind, RouteQuery, SeenDialog};

use super::book::{ACCOUNTS, name, number};
use super::world::{Due, Entry, Planted, World};

/// A switch has every call in its list that is older than this.
const LISTED_AFTER_MS: u64 = 3_900;

fn call_id(call: u32) -> std::sync::Arc<str> {
    format!("c{call}").into()
}

fn ruri(to: Option<usize>) -> std::sync::Arc<str> {
    let dialled = to.map_or_else(|| "+4411".to_owned(), number);
    format!("sip:{dialled}@h").into()
}

pub(crate) fn query(call: u32, from: Option<usize>, to: Option<usize>) -> RouteQuery {
    RouteQuery {
        call_id: call_id(call),
        from_tag: "t".into(),
        from_uri: "sip:x@h".into(),
        ruri: ruri(to),
        account: from.map(|from| AccountName::parse(&name(from)).unwrap()),
        dialog: Some((1, call)),
        ..RouteQuery::default()
    }
}

fn dialog(call: u32, from: Option<usize>, to: Option<usize>) -> SeenDialog {
    SeenDialog {
        call_id: call_id(call),
        from_tag: "t".into(),
        dialog: (1, call),
        state: CallState::Up,
        started_s: 0,
        account: from.map(|from| AccountName::parse(&name(from)).unwrap()),
        ruri: Some(ruri(to)),
        from_uri: "sip:x@h".into(),
        emergency: false,
    }
}

impl World {
    pub(crate) fn happen(&mut self, due: Due) {
        match due {
            Due::Ask if !self.healed => {
                let node = self.dice.below(self.sites.len());
                let (from, to) = self.ends();
                self.ask(node, from, to);
                let in_ms = 5 + self.dice.below(400);
                self.later(in_ms, Due::Ask);
            }
            // Its connection has ended with it: what it asked for last comes no more.
            Due::Put { from, .. } if self.sites[from.0].left => {}
            Due::Put { from, command } => {
                if self.sites[from.0].mute && self.dice.chance(50) {
                    self.later(300, Due::Failed { at: from, command });
                } else {
                    self.append(Entry::Ledger(command));
                }
            }
            Due::Failed { at, command } => {
                self.to(at, |world, at| world.handle(at, Input::AskFailed(command)));
            }
            Due::Wake { at } => self.to(at, |world, at| {
                // Else there was reason to wake earlier, and it was done.
                if world.processes[at].wakes_at.take_if(|at_ms| *at_ms <= world.now_ms).is_some() {
                    world.handle(at, Input::Wakeup);
                }
            }),
            Due::Beat { at } => self.to(at, |world, at| world.beat(at)),
            Due::Apply { process, upto } => self.apply(process, upto),
            Due::Arrive { from, to, parcel } => self.arrive(from, to, parcel),
            Due::Recall { beneficiary, .. } if self.sites[Self::node_of(beneficiary)].left => {}
            Due::Recall { to, pool, beneficiary, want } => {
                self.handle(to, Input::Recalled { pool, beneficiary, want });
            }
            Due::End { node, call } => self.end(node, call),
            Due::Look { node } => self.look(node),
            Due::Gossip => self.gossip(),
            Due::Fate => {
                self.later(1_000, Due::Fate);
                if !self.healed {
                    self.fate();
                }
            }
            Due::Ask => {}
        }
    }

    /// Does something to a process, wherever it is by now, if it still is.
    fn to(&mut self, (_, life): (usize, u64), deed: impl FnOnce(&mut Self, usize)) {
        if let Some(at) = self.processes.iter().position(|process| process.life == life) {
            deed(self, at);
        }
    }

    /// Who calls whom: somebody of the accounts is at one end at least.
    fn ends(&mut self) -> (Option<usize>, Option<usize>) {
        let (one, other) = (self.dice.below(ACCOUNTS), self.dice.below(ACCOUNTS));
        match self.dice.below(5) {
            0 | 1 => (Some(one), None),
            2 => (None, Some(one)),
            _ => (Some(one), Some(other)),
        }
    }

    fn apply(&mut self, process: usize, upto: usize) {
        if self.processes[process].desk.is_none() {
            return;
        }
        let behind = upto.saturating_sub(self.processes[process].applied);
        if behind > 30
            && !self.deaf(process)
            && self.mix.opened == self.mix.founding
            && self.dice.chance(self.mix.installs)
        {
            self.install(process);
        }
        while !self.deaf(process)
            && self.processes[process].desk.is_some()
            && self.processes[process].applied < upto
        {
            let place = self.processes[process].applied;
            self.processes[process].applied += 1;
            match self.log[place].clone() {
                Entry::Ledger(command) => self.handle(process, Input::Agreed(command)),
                Entry::Registry(command) => {
                    let before = self.log[..=place].iter();
                    let index = before.filter(|it| matches!(it, Entry::Registry(_))).count() as u64;
                    let command = self.as_read(&command);
                    self.handle(process, Input::Committed { ticket: Ticket(0), index, command });
                }
            }
        }
    }

    pub(crate) fn end(&mut self, node: usize, call: u32) {
        if self.sites[node].switch.remove(&call).is_some() && !self.lost() {
            let event = CallEvent {
                from_tag: "t".into(),
                dialog: Some((1, call)),
                ..CallEvent::of(EventKind::End, call_id(call))
            };
            self.handle(node, Input::Event(event));
        }
    }

    /// A node asks its switch for the list; and so does a second process that is the same node.
    fn look(&mut self, node: usize) {
        self.later(4_000, Due::Look { node });
        let Some(dialogs) = self.listed(node) else { return };
        let second = self.processes.len() - 1;
        self.show(node, dialogs.clone());
        if self.processes[second].node == node {
            self.show(second, dialogs);
        }
    }

    fn show(&mut self, process: usize, dialogs: Vec<SeenDialog>) {
        let proxy = Self::proxy();
        self.handle(process, Input::LookBegin { proxy, restarted: false });
        let fails = !self.healed && self.dice.chance(5);
        let part = if fails { dialogs.len() / 2 } else { dialogs.len() };
        self.handle(process, Input::LookSeen { proxy, dialogs: dialogs[..part].to_vec() });
        if fails {
            // Nobody can count on having seen a part of it: the next list has all.
            let node = self.processes[process].node;
            self.sites[node].switch.values_mut().for_each(|up| up.shown = false);
            return self.handle(process, Input::LookFailed { proxy });
        }
        self.handle(process, Input::LookEnd { proxy });
        self.handle(process, Input::Wakeup);
    }

    /// What a switch shows. It may be late with young calls, hide old ones once, and show some
    /// that are none of its.
    fn listed(&mut self, node: usize) -> Option<Vec<SeenDialog>> {
        let Self { processes, sites, dice, .. } = self;
        let desk = processes[node].desk.as_ref()?;
        // Nobody can do without a list that is right when it starts.
        let lies = std::mem::take(&mut sites[node].lies) && desk.figures().settled;
        let empty = self.planted == Planted::EmptyLists && !self.healed;
        // A node that is alone believes the first list that it sees.
        let late = dice.chance(50) && desk.is_together();
        let now_ms = self.now_ms;
        let mut dialogs = Vec::new();
        for (call, up) in &mut sites[node].switch {
            let hidden = lies && up.shown && dice.chance(70);
            up.shown = !empty && !hidden && (!late || up.since_ms + LISTED_AFTER_MS <= now_ms);
            if up.shown {
                dialogs.push(dialog(*call, up.from, up.to));
            }
        }
        if lies {
            self.calls += 1;
            let (account, until_ms) = (dice.below(ACCOUNTS), now_ms + 10_000);
            sites[node].phantoms.insert(self.calls, (account, until_ms));
        }
        let phantoms = &mut sites[node].phantoms;
        phantoms.retain(|_, (_, until_ms)| *until_ms > now_ms);
        dialogs.extend(
            phantoms.iter().map(|(call, (account, _))| dialog(*call, Some(*account), None)),
        );
        Some(dialogs)
    }
}
