//! A little keeper of the files, and the laws that it watches over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hallporter::domain::{
    CardPart, DepositCard, DiscardReason, FileFacts, Medium, MessageId, Missed, NoRoom,
    SpoolCommand, SpoolEvent,
};

/// A recording.
#[derive(Clone, Debug)]
struct File {
    began: u64,
    /// `None`: it is being written.
    length_ms: Option<u64>,
    silent: bool,
}

/// The directories of deposits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) cards: BTreeMap<MessageId, DepositCard>,
    files: BTreeMap<Arc<str>, File>,
}

pub(crate) fn path(message: MessageId, number: u16, medium: Medium) -> Arc<str> {
    format!("/spool/deposits/{message}/{number}.{}", medium.extension()).into()
}

fn message_in(path: &str) -> Option<MessageId> {
    path.split('/').nth(3).and_then(MessageId::parse)
}

impl Files {
    /// A recording begins; says whether its directory is there.
    pub(crate) fn start(&mut self, path: &Arc<str>, now: u64, silent: bool) -> bool {
        let there = message_in(path).is_some_and(|message| self.cards.contains_key(&message));
        if there {
            let file = File { began: now, length_ms: None, silent };
            self.files.insert(Arc::clone(path), file);
        }
        there
    }

    pub(crate) fn stop(&mut self, path: &str, now: u64) {
        if let Some(file) = self.files.get_mut(path)
            && file.length_ms.is_none()
        {
            file.length_ms = Some(if file.silent { 0 } else { now - file.began });
        }
    }

    /// The switch is killed: the last seconds of what it wrote are lost.
    pub(crate) fn cut(&mut self, now: u64) {
        for file in self.files.values_mut().filter(|file| file.length_ms.is_none()) {
            let written = (now - file.began).saturating_sub(4_000);
            file.length_ms = Some(if file.silent { 0 } else { written });
        }
    }

    /// The cards that lie there at a start, with the files that are in no card yet.
    pub(crate) fn found(&mut self) -> Vec<DepositCard> {
        let mut cards: Vec<DepositCard> = self.cards.values().cloned().collect();
        for card in &mut cards {
            loop {
                let number = card.parts.last().map_or(1, |part| part.number + 1);
                let media = [Medium::Audio, Medium::Video];
                let mut media = media.into_iter();
                let there = media
                    .find(|medium| self.files.contains_key(&path(card.message, number, *medium)));
                let Some(medium) = there else { break };
                card.parts.push(CardPart { number, medium, dropped: false });
                if card.leg.is_none() {
                    card.link_until_s = None;
                }
            }
        }
        cards
    }

    /// An upload that broke off is no file of its deposit.
    pub(crate) fn uploaded_in_part(&mut self, message: MessageId, part: CardPart) {
        self.files.remove(&path(message, part.number, part.medium));
    }

    /// How much was recorded or uploaded.
    fn length_ms(&self, message: MessageId) -> u64 {
        let own = self.files.iter().filter(|(path, _)| message_in(path) == Some(message));
        own.filter_map(|(_, file)| file.length_ms).sum()
    }

    fn remove(&mut self, message: MessageId) {
        self.cards.remove(&message);
        self.files.retain(|path, _| message_in(path) != Some(message));
    }

    pub(crate) fn upload(&mut self, message: MessageId, part: u16, length_ms: u64) -> CardPart {
        let path = path(message, part, Medium::Video);
        self.files.insert(path, File { began: 0, length_ms: Some(length_ms), silent: false });
        CardPart { number: part, medium: Medium::Video, dropped: false }
    }
}

/// Faults of the keeper that the laws must notice, so that a walk that finds nothing says
/// something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Planted {
    #[default]
    None,
    /// Cards are not written.
    ForgottenCards,
    /// Files are seen as empty.
    BlindChecks,
    /// It says that a message is safe, and has thrown it away.
    LostMessages,
    /// It does not answer deliveries.
    SilentDeliveries,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Spool {
    pub(crate) planted: Planted,
    pub(crate) files: Files,
    pub(crate) commands: VecDeque<SpoolCommand>,
    pub(crate) events: VecDeque<SpoolEvent>,
    pub(crate) disk_full: bool,
    pub(crate) stored: BTreeMap<MessageId, Vec<u16>>,
    pub(crate) missed: BTreeMap<MessageId, DiscardReason>,
    /// Those whose caller, or whose mailbox, has chosen to throw something away.
    pub(crate) chosen: BTreeSet<MessageId>,
    /// Those that the machine knows to be safe.
    pub(crate) known_safe: BTreeSet<MessageId>,
    pub(crate) min_ms: u64,
    pub(crate) broken: Option<String>,
}

impl Spool {
    pub(crate) fn law(&mut self, holds: bool, what: &str, message: MessageId) {
        if !holds && self.broken.is_none() {
            self.broken = Some(format!("{what}: {message}"));
        }
    }

    /// Does the next thing.
    pub(crate) fn carry_out(&mut self) {
        let Some(command) = self.commands.pop_front() else { return };
        match command {
            SpoolCommand::Open(card) => {
                let message = card.message;
                self.events.push_back(if self.disk_full {
                    SpoolEvent::NoRoom(message, NoRoom::DiskFull)
                } else {
                    self.files.cards.insert(message, *card);
                    SpoolEvent::Opened(message)
                });
            }
            SpoolCommand::Note(card) => {
                let known = self.files.cards.contains_key(&card.message);
                if known && self.planted != Planted::ForgottenCards {
                    self.files.cards.insert(card.message, *card);
                }
            }
            SpoolCommand::Check { message, part } => {
                let blind = self.planted == Planted::BlindChecks;
                let file = self.files.files.get(&path(message, part.number, part.medium));
                let facts = file.map(|file| FileFacts {
                    length_ms: if blind { 0 } else { file.length_ms.unwrap_or(0) },
                    bytes: 0,
                    video: part.medium == Medium::Video,
                });
                let written = file.is_some_and(|file| file.length_ms.is_none());
                self.law(!written, "a file that is being written is looked at", message);
                self.events.push_back(SpoolEvent::Checked(message, part.number, facts));
            }
            SpoolCommand::Deliver(card) => self.deliver(&card),
            SpoolCommand::Discard(missed) => self.discard(&missed),
            SpoolCommand::Forget(message) => self.forget(message),
        }
    }

    /// No recording of a deposit goes on, and all of them stand in its card.
    fn watch(&mut self, card: &DepositCard) {
        let message = card.message;
        let own = self.files.files.iter().filter(|(path, _)| message_in(path) == Some(message));
        let own: Vec<(Arc<str>, bool)> =
            own.map(|(path, file)| (Arc::clone(path), file.length_ms.is_none())).collect();
        for (file, written) in own {
            let known =
                card.parts.iter().find(|part| path(message, part.number, part.medium) == file);
            self.law(known.is_some(), "a recording is in no card", message);
            let dropped = known.is_some_and(|part| part.dropped);
            self.law(!written || dropped, "it ends while it records", message);
            let chosen = self.chosen.contains(&message);
            self.law(!dropped || chosen, "thrown away, and nobody has chosen so", message);
        }
    }

    fn deliver(&mut self, card: &DepositCard) {
        let message = card.message;
        match self.planted {
            Planted::SilentDeliveries => return,
            Planted::LostMessages => {
                self.files.remove(message);
                self.events.push_back(SpoolEvent::Delivered(message));
                return;
            }
            Planted::None | Planted::ForgottenCards | Planted::BlindChecks => {}
        }
        if self.stored.contains_key(&message) {
            self.events.push_back(SpoolEvent::Delivered(message));
            return;
        }
        if self.disk_full {
            self.events.push_back(SpoolEvent::NotDelivered(message));
            return;
        }
        self.watch(card);
        let missed = self.missed.contains_key(&message);
        self.law(!missed, "delivered though it was discarded", message);
        let kept = card.parts.iter().filter(|part| !part.dropped).map(|part| part.number).collect();
        self.stored.insert(message, kept);
        self.files.remove(message);
        self.events.push_back(SpoolEvent::Delivered(message));
    }

    /// A video that never came, of a deposit that was told by itself.
    fn forget(&mut self, message: MessageId) {
        let card = self.files.cards.get(&message).cloned();
        let beside = card.as_ref().is_none_or(|card| card.beside.is_some());
        self.law(beside, "forgotten without a word", message);
        if let Some(card) = card {
            self.watch(&card);
        }
        let came = self.files.length_ms(message) >= self.min_ms;
        self.law(!came, "a video that came is thrown away", message);
        self.files.remove(message);
    }

    fn discard(&mut self, missed: &Missed) {
        let (message, reason) = (missed.message, missed.reason);
        let stored = self.stored.contains_key(&message);
        self.law(!stored, "discarded though it was delivered", message);
        if let Some(card) = self.files.cards.get(&message).cloned() {
            self.watch(&card);
            let kept = card.parts.iter().filter(|part| !part.dropped);
            let length = |part: &CardPart| {
                let file = self.files.files.get(&path(message, part.number, part.medium));
                file.and_then(|file| file.length_ms).unwrap_or(0)
            };
            let said: u64 = kept.map(length).sum();
            let by_choice = matches!(reason, DiscardReason::Cancelled | DiscardReason::CallBack);
            self.law(by_choice || said < self.min_ms, "something said is thrown away", message);
            let chosen = self.chosen.contains(&message);
            self.law(!by_choice || chosen, "discarded, and nobody has chosen so", message);
        }
        self.missed.insert(message, reason);
        self.files.remove(message);
    }
}
