//! The rules of the protocol, as a model: every message that was ever sent may come at any time,
//! any number of times, or never. So loss, repetition, reordering, delay and partitions are all
//! covered.

use std::collections::BTreeSet;

use stateright::{Model, Property};

/// Models are small.
pub(crate) const NODES_MAX: usize = 3;

/// What is on its way. All figures are totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Message {
    Hello { node: u8, boot: u8 },
    HelloOk { node: u8, boot: u8, granted: u8, returned: u8 },
    Sync { node: u8, boot: u8, returned: u8, want: u8, beneficiary: u8 },
    Grant { node: u8, boot: u8, granted: u8 },
    Stale { node: u8, boot: u8 },
}

/// A node and its switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) up: bool,
    /// Welcomed by the ledger.
    pub(crate) ready: bool,
    pub(crate) boot: u8,
    pub(crate) granted: u8,
    pub(crate) returned: u8,
    /// Calls that the daemon knows.
    pub(crate) used: u8,
    /// Rights that a start found held, until the switch's list was seen.
    pub(crate) frozen: u8,
    /// Calls that are really up, at the switch.
    pub(crate) live: u8,
    /// How often a boot number was used again (a planted fault).
    pub(crate) reused: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) boots: [u8; NODES_MAX],
    pub(crate) granted: [u8; NODES_MAX],
    pub(crate) returned: [u8; NODES_MAX],
    pub(crate) nodes: [Node; NODES_MAX],
    pub(crate) network: BTreeSet<Message>,
    /// Rights that were taken from a node while it may have had calls.
    pub(crate) revoked: u8,
    pub(crate) revocations: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Deliver(Message),
    Admit(u8),
    End(u8),
    Return(u8),
    Want(u8),
    /// Returned for the good of another node, in one commit.
    Transfer(u8, u8),
    Crash(u8),
    Restart(u8),
    Reconcile(u8),
    Revoke(u8),
}

/// Faults that must be caught, so that a check that finds nothing says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    None,
    NoBootCheckAtLedger,
    NoQuarantine,
    ToldBeforeSubtracted,
    RelativeGrants,
    LocalTotalsWithoutHello,
    ReconciledWithoutSwitch,
    BootReused,
    /// A live node's rights are revoked, and its start is not fenced off.
    RevokedWithoutFence,
}

/// Whether the ledger may take a node's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoke {
    Never,
    /// Only when it is known that the node is down and its calls are over.
    Attested,
    /// Of a node that may be alive: the bound grows by what was taken.
    Anytime,
}

/// The size of the world, and what is allowed in it.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) nodes: usize,
    pub(crate) cap: u8,
    pub(crate) boots_max: u8,
    /// The most that is ever granted to one node; keeps the world finite.
    pub(crate) granted_max: u8,
    pub(crate) transfers: bool,
    pub(crate) revoke: Revoke,
    pub(crate) planted: Planted,
}

impl Protocol {
    fn live(&self, world: &World) -> u8 {
        world.nodes[..self.nodes].iter().map(|node| node.live).sum()
    }

    fn has(&self, planted: Planted) -> bool {
        self.planted == planted
    }

    fn of_node(&self, world: &World, place: u8, steps: &mut Vec<Step>) {
        let node = &world.nodes[usize::from(place)];
        // A planted fault may make it return what it uses.
        let spare =
            node.granted > node.returned && node.used + node.frozen < node.granted - node.returned;
        if node.up && node.ready {
            if spare {
                steps.extend([Step::Admit(place), Step::Return(place)]);
            }
            steps.push(Step::Want(place));
            if node.frozen > 0 || node.reused > 0 {
                steps.push(Step::Reconcile(place));
            }
            if self.transfers && spare {
                let others = (0..self.nodes).filter_map(|other| u8::try_from(other).ok());
                steps.extend(
                    others.filter(|other| *other != place).map(|to| Step::Transfer(place, to)),
                );
            }
        }
        let revocable = match self.revoke {
            Revoke::Never => false,
            Revoke::Attested => !node.up && node.live == 0,
            Revoke::Anytime => true,
        };
        if revocable && world.revocations == 0 {
            steps.push(Step::Revoke(place));
        }
        if node.live > 0 {
            steps.push(Step::End(place));
        }
        if !node.up {
            steps.push(Step::Restart(place));
        } else if node.boot < self.boots_max {
            steps.push(Step::Crash(place));
        }
    }

    fn restart(&self, world: &mut World, place: u8) -> bool {
        let node = &mut world.nodes[usize::from(place)];
        node.up = true;
        if self.has(Planted::LocalTotalsWithoutHello) {
            // What it had returned is read from a disk that is older than that.
            (node.ready, node.returned, node.frozen) = (true, 0, node.granted);
            return true;
        }
        if self.has(Planted::BootReused) {
            node.reused += 1;
            if node.reused > 1 {
                return false;
            }
        } else {
            node.boot += 1;
        }
        world.network.insert(Message::Hello { node: place, boot: node.boot });
        true
    }

    fn sync(&self, world: &mut World, (from, boot): (u8, u8), returned: u8, (want, to): (u8, u8)) {
        let (giver, taker) = (usize::from(from), usize::from(to));
        if boot != world.boots[giver] && !self.has(Planted::NoBootCheckAtLedger) {
            if boot < world.boots[giver] {
                world.network.insert(Message::Stale { node: from, boot: world.boots[giver] });
            }
            return;
        }
        world.returned[giver] = world.returned[giver].max(returned);
        let given = want.min(self.cap.saturating_sub(self.out(world)));
        if world.granted[taker] + given > self.granted_max {
            return;
        }
        world.granted[taker] += given;
        let relative = self.has(Planted::RelativeGrants);
        let granted = if relative { given } else { world.granted[taker] };
        world.network.insert(Message::Grant { node: to, boot: world.boots[taker], granted });
    }

    /// What the ledger has given out and not got back; by a planted fault a node may return more
    /// than it got.
    fn out(&self, world: &World) -> u8 {
        let out: i16 = (0..self.nodes)
            .map(|place| i16::from(world.granted[place]) - i16::from(world.returned[place]))
            .sum();
        u8::try_from(out.max(0)).unwrap()
    }

    fn deliver(&self, world: &mut World, message: Message) {
        match message {
            Message::Hello { node, boot } => {
                let place = usize::from(node);
                if boot > world.boots[place] || self.has(Planted::NoBootCheckAtLedger) {
                    world.boots[place] = boot;
                }
                if boot == world.boots[place] {
                    let (granted, returned) = (world.granted[place], world.returned[place]);
                    world.network.insert(Message::HelloOk { node, boot, granted, returned });
                }
            }
            Message::HelloOk { node, boot, granted, returned } => {
                let node = &mut world.nodes[usize::from(node)];
                if node.up && !node.ready && node.boot == boot {
                    (node.ready, node.granted, node.returned) = (true, granted, returned);
                    // A process that was fenced off never forgot its calls.
                    if node.used == 0 {
                        let quarantine = !self.has(Planted::NoQuarantine);
                        node.frozen = if quarantine { granted - returned } else { 0 };
                    }
                }
            }
            Message::Sync { node, boot, returned, want, beneficiary } => {
                self.sync(world, (node, boot), returned, (want, beneficiary));
            }
            Message::Stale { node, boot } => {
                let known = &mut world.nodes[usize::from(node)];
                let fenced = known.up && known.ready && known.boot < boot;
                if fenced && self.revoke != Revoke::Never {
                    (known.ready, known.boot, known.frozen) = (false, boot, 0);
                    world.network.insert(Message::Hello { node, boot });
                }
            }
            Message::Grant { node, boot, granted } => {
                let node = &mut world.nodes[usize::from(node)];
                if node.up && node.ready && node.boot == boot {
                    if !self.has(Planted::RelativeGrants) {
                        node.granted = node.granted.max(granted);
                    } else if node.granted < self.granted_max {
                        node.granted += granted;
                    }
                }
            }
        }
    }

    fn own(&self, world: &mut World, step: Step) {
        let (Step::Return(place) | Step::Want(place) | Step::Transfer(place, _)) = step else {
            return;
        };
        let node = &mut world.nodes[usize::from(place)];
        let told = node.returned + u8::from(!matches!(step, Step::Want(_)));
        if !matches!(step, Step::Return(_)) || !self.has(Planted::ToldBeforeSubtracted) {
            node.returned = told;
        }
        let (want, beneficiary) = match step {
            Step::Transfer(_, other) => (1, other),
            Step::Want(_) => (1, place),
            _ => (0, place),
        };
        let boot = node.boot;
        let sync = Message::Sync { node: place, boot, returned: told, want, beneficiary };
        world.network.insert(sync);
    }

    fn crash(&self, node: &mut Node) {
        (node.up, node.ready, node.used, node.frozen) = (false, false, 0, 0);
        if !self.has(Planted::LocalTotalsWithoutHello) {
            (node.granted, node.returned) = (0, 0);
        }
    }

    fn revoke(&self, world: &mut World, place: usize) {
        world.revoked += world.granted[place] - world.returned[place];
        world.revocations += 1;
        world.returned[place] = world.granted[place];
        if !self.has(Planted::RevokedWithoutFence) {
            world.boots[place] += 1;
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut nodes = [Node::default(); NODES_MAX];
        for node in &mut nodes[..self.nodes] {
            (node.up, node.ready, node.boot) = (true, true, 1);
        }
        let none = [0; NODES_MAX];
        vec![World {
            boots: [1; NODES_MAX],
            granted: none,
            returned: none,
            nodes,
            network: BTreeSet::new(),
            revoked: 0,
            revocations: 0,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(world.network.iter().copied().map(Step::Deliver));
        for place in (0..self.nodes).filter_map(|place| u8::try_from(place).ok()) {
            self.of_node(world, place, steps);
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Deliver(message) => self.deliver(&mut world, message),
            Step::Admit(place) => {
                let node = &mut world.nodes[usize::from(place)];
                (node.used, node.live) = (node.used + 1, node.live + 1);
            }
            Step::End(place) => {
                let node = &mut world.nodes[usize::from(place)];
                node.live -= 1;
                // Nobody sees the end of a call that was not found yet.
                node.used = node.used.saturating_sub(u8::from(node.up));
            }
            Step::Return(_) | Step::Want(_) | Step::Transfer(..) => self.own(&mut world, step),
            Step::Crash(place) => self.crash(&mut world.nodes[usize::from(place)]),
            Step::Restart(place) => {
                if !self.restart(&mut world, place) {
                    return None;
                }
            }
            Step::Reconcile(place) => {
                let looks = !self.has(Planted::ReconciledWithoutSwitch);
                let node = &mut world.nodes[usize::from(place)];
                node.used = if looks { node.live } else { node.used };
                node.frozen = 0;
            }
            Step::Revoke(place) => self.revoke(&mut world, usize::from(place)),
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no more calls than the cap", |model: &Self, world: &World| {
                model.live(world) <= model.cap + world.revoked
            }),
            Property::always(
                "I1: no more rights out than the cap",
                |model: &Self, world: &World| model.out(world) <= model.cap,
            ),
            Property::always(
                "I2: a node sees no more than the ledger",
                |model: &Self, world: &World| {
                    (0..model.nodes).all(|place| {
                        let node = &world.nodes[place];
                        !(node.up && node.ready && node.boot == world.boots[place])
                            || (node.granted <= world.granted[place]
                                && node.returned >= world.returned[place])
                    })
                },
            ),
            Property::always(
                "I3: no more calls than rights held",
                |model: &Self, world: &World| {
                    model.revoke == Revoke::Anytime
                        || world.nodes[..model.nodes].iter().all(|node| {
                            !(node.up && node.ready) || node.live + node.returned <= node.granted
                        })
                },
            ),
            Property::sometimes("a right moves to another node", |model: &Self, world: &World| {
                world.nodes[model.nodes - 1].live == model.cap && world.returned[0] > 0
            }),
        ]
    }
}
