//! What goes wrong, and how often: the mixture is drawn from the seed, so that each walk has faults
//! of its own.

use super::book::{ACCOUNTS, Book};
use super::dice::Dice;
use super::world::{Entry, Planted, World};

/// One thing that may go wrong, or be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stop,
    Start,
    Mend,
    /// A node is cut off from everybody.
    CutOff,
    /// Some nodes are, and reach each other.
    Split,
    /// What a node says to the log is lost; or what the log says to it.
    OneWay,
    /// What one node says to another is lost.
    CutWay,
    Cap,
    Clock,
    BackUp,
    OldDisk,
    Second,
    Remove,
    Add,
    Leave,
    Lie,
}

/// With those that mend last: they are in every mixture.
const FATES: [Fate; 16] = [
    Fate::Stop,
    Fate::CutOff,
    Fate::Split,
    Fate::OneWay,
    Fate::CutWay,
    Fate::Cap,
    Fate::Clock,
    Fate::BackUp,
    Fate::OldDisk,
    Fate::Second,
    Fate::Remove,
    Fate::Leave,
    Fate::Lie,
    Fate::Add,
    Fate::Start,
    Fate::Mend,
];
const MENDING: usize = 3;

pub(crate) struct Mix {
    /// Of a hundred messages, how many get lost, and how many come twice.
    pub(crate) lost: usize,
    pub(crate) repeated: usize,
    /// Of a thousand, how many take up to ten seconds.
    pub(crate) slow: usize,
    /// Who is there is told by `Membership`, not by three missed beats.
    pub(crate) foca: bool,
    /// Rows are told to the others.
    pub(crate) copies: bool,
    /// The first node was alone, and becomes the first of several.
    pub(crate) founding: bool,
    pub(crate) founded: bool,
    pub(crate) opened: bool,
    /// Of a hundred times that a node is far behind, how often it takes the whole state.
    pub(crate) installs: usize,
    /// A node's first process hears nothing from the log when there is a second.
    pub(crate) first_deaf: bool,
    weights: [usize; FATES.len()],
}

impl Mix {
    pub(crate) fn drawn(dice: &mut Dice, planted: Planted) -> Self {
        let mut weights = [0; FATES.len()];
        for (fate, weight) in weights.iter_mut().enumerate() {
            let mends = fate >= FATES.len() - MENDING;
            *weight = if mends { 3 + dice.below(3) } else { [0, 0, 1, 3][dice.below(4)] };
        }
        for (fate, asked) in [
            (Fate::Second, planted == Planted::TwoAsOne),
            (Fate::Leave, planted == Planted::LeftWithRights),
            (Fate::Stop, [Planted::NoFreeze, Planted::EmptyLists].contains(&planted)),
            (Fate::CutOff, planted.wants_available() || planted == Planted::CapsDropped),
        ] {
            if let (Some(at), true) = (FATES.iter().position(|it| *it == fate), asked) {
                weights[at] = 4;
            }
        }
        let plain = planted == Planted::None;
        Self {
            lost: dice.below(30),
            repeated: dice.below(15),
            slow: dice.below(15),
            foca: dice.chance(8) && plain,
            copies: dice.chance(40) || planted == Planted::NoMarks,
            founding: dice.chance(20) && plain || planted == Planted::LetInTooEarly,
            founded: false,
            opened: false,
            installs: match (planted, [0, 30, 100][dice.below(3)]) {
                (Planted::None, installs) => installs,
                (Planted::CapsDropped, _) => 100,
                _ => 0,
            },
            first_deaf: dice.chance(50),
            weights,
        }
    }
}

impl World {
    fn draw(&mut self) -> Option<Fate> {
        // About every other second nothing happens.
        let all: usize = self.mix.weights.iter().sum();
        let mut at = self.dice.below(2 * all);
        for (fate, weight) in FATES.into_iter().zip(self.mix.weights) {
            if at < weight {
                return Some(fate);
            }
            at -= weight;
        }
        None
    }

    pub(crate) fn fate(&mut self) {
        let alone = self.mix.founding && !self.mix.opened;
        if alone {
            return self.open();
        }
        let node = self.dice.below(self.sites.len());
        let Some(fate) = self.draw() else { return };
        match fate {
            Fate::Stop => self.stop(node),
            Fate::Start => self.start(node),
            Fate::Mend => self.mend(node),
            Fate::CutOff => self.split(&[node]),
            Fate::Split => {
                let other = self.dice.below(self.sites.len());
                self.split(&[node, other]);
            }
            Fate::OneWay => {
                let mute = self.dice.chance(50);
                let site = &mut self.sites[node];
                (site.mute, site.deaf) = (mute, !mute);
            }
            Fate::CutWay => {
                let other = self.dice.below(self.sites.len());
                self.cut.insert((node, other));
            }
            Fate::Clock => self.wall_ms += [-3_600_000, 3_600_000][self.dice.below(2)],
            Fate::BackUp => self.back_up(node),
            Fate::OldDisk => {
                if self.dice.chance(50) {
                    self.stop(node);
                }
                self.start_from_old_disk(node);
            }
            Fate::Second => self.start_second(node),
            Fate::Leave => self.leave(node),
            Fate::Lie => self.sites[node].lies = true,
            Fate::Cap | Fate::Remove | Fate::Add => self.change_account(fate),
        }
    }

    /// The first node is alone, for a while; then others may come.
    fn open(&mut self) {
        match self.dice.below(8) {
            0 => {
                self.stop(0);
                self.start(0);
            }
            1 | 2 if !self.mix.founded => self.found(),
            _ => {}
        }
        self.start(0);
        if self.lets_in() && self.mix.founded {
            self.mix.opened = true;
            (0..self.sites.len()).for_each(|node| self.start(node));
        }
    }

    fn change_account(&mut self, fate: Fate) {
        let account = self.dice.below(ACCOUNTS);
        let there = self.book.is_there(account);
        match fate {
            Fate::Remove if there && !self.book.has_children(account) => {
                self.append(Entry::Registry(Book::removing(account)));
            }
            Fate::Add if !there && self.book.has_parent(account) => self.add_account(account),
            Fate::Cap if there => {
                if let Some(command) = self.book.lowering(account, &mut self.dice) {
                    self.append(Entry::Registry(command));
                }
            }
            _ => {}
        }
    }

    /// These are cut off from the log and from all others.
    fn split(&mut self, off: &[usize]) {
        for node in off {
            let site = &mut self.sites[*node];
            (site.mute, site.deaf) = (true, true);
            for other in (0..self.sites.len()).filter(|other| !off.contains(other)) {
                self.cut.extend([(*node, other), (other, *node)]);
            }
        }
    }

    pub(crate) fn mend(&mut self, node: usize) {
        let site = &mut self.sites[node];
        (site.mute, site.deaf) = (false, false);
        self.cut.retain(|(from, to)| *from != node && *to != node);
    }

    fn leave(&mut self, node: usize) {
        let staying = self.sites.iter().filter(|site| !site.left && !site.leaving).count();
        if staying > 2 && self.processes[node].desk.is_some() {
            self.sites[node].leaving = true;
        }
    }
}
