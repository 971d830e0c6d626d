//! What happens to a deposit.

use crate::domain::{
    CardPart, FileFacts, LegEvent, LegFacts, LegId, LegSeen, Medium, NoRoom, StepId, VideoFacts,
};

use super::settings::CallBackKind;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Event<'a> {
    Opened,
    NoRoom(NoRoom),
    Claimed(bool),
    Done {
        step: StepId,
        key: Option<char>,
    },
    Key(char),
    RecordStarted,
    RecordStopped {
        path: &'a str,
        key: Option<char>,
    },
    Checked(u16, Option<FileFacts>),
    Delivered,
    NotDelivered,
    NothingKept,
    UploadBegan,
    UploadEnded,
    Uploaded(CardPart, FileFacts),
    Video(VideoFacts),
    TextSent(bool),
    LinkReady(&'a str),
    Wish(Medium),
    /// The device that was called has answered.
    CalledLeg(&'a LegFacts),
    HungUp,
    Joined,
    Parted,
    Refused(&'static str),
    /// The deadline of the state has passed.
    Timeout,
    Lost,
    /// The switch's list shows the leg, or not.
    Seen(Option<&'a LegSeen>),
    CallBack(CallBackKind),
    GuestParked(&'a LegId),
    GuestClaimed(bool),
    GuestGone,
    GuestTimeout,
    /// An operator ends it.
    End,
}

impl Event<'_> {
    /// The word for it in the picture.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opened => "room",
            Self::NoRoom(_) => "no room",
            Self::Claimed(true) => "ours",
            Self::Claimed(false) => "not ours",
            Self::Done { key: None, .. } => "end",
            Self::Done { key: Some(_), .. } => "key",
            Self::Key(_) => "key",
            Self::RecordStarted => "recording",
            Self::RecordStopped { .. } => "stopped",
            Self::Checked(..) => "checked",
            Self::Delivered => "safe",
            Self::NotDelivered => "not safe",
            Self::NothingKept => "nothing kept",
            Self::UploadBegan => "upload begins",
            Self::UploadEnded => "upload ends",
            Self::Uploaded(..) => "uploaded",
            Self::Video(_) => "video?",
            Self::TextSent(_) => "text sent?",
            Self::LinkReady(_) => "link",
            Self::Wish(_) => "wish",
            Self::CalledLeg(_) => "answered",
            Self::HungUp => "hang-up",
            Self::Joined => "connected",
            Self::Parted => "parted",
            Self::Refused(_) => "refused",
            Self::Timeout => "time",
            Self::Lost => "switch lost",
            Self::Seen(_) => "switch's list",
            Self::CallBack(_) => "call-back",
            Self::GuestParked(_) | Self::GuestClaimed(_) => "call-back comes",
            Self::GuestGone | Self::GuestTimeout => "call-back gone",
            Self::End => "operator",
        }
    }
}

/// What happens to the leg of the depositing caller.
pub(super) fn own_event(event: &LegEvent) -> Option<Event<'_>> {
    Some(match event {
        LegEvent::Parked(facts) => Event::CalledLeg(facts),
        LegEvent::Claimed(ours) => Event::Claimed(*ours),
        LegEvent::Answered => return None,
        LegEvent::Done { step, key, .. } => Event::Done { step: *step, key: *key },
        LegEvent::Key(key) => Event::Key(*key),
        LegEvent::RecordStarted { .. } => Event::RecordStarted,
        LegEvent::RecordStopped { path, key, .. } => Event::RecordStopped { path, key: *key },
        LegEvent::Bridged { .. } => Event::Joined,
        LegEvent::Unbridged => Event::Parted,
        LegEvent::Refused { command } => Event::Refused(command),
        LegEvent::Video(facts) => Event::Video(*facts),
        LegEvent::Wish(medium) => Event::Wish(*medium),
        LegEvent::HungUp { .. } => Event::HungUp,
        LegEvent::TextSent(sent) => Event::TextSent(*sent),
    })
}

/// What happens to the leg of who calls back.
pub(super) fn guest_event(event: &LegEvent) -> Option<Event<'_>> {
    match event {
        LegEvent::Claimed(ours) => Some(Event::GuestClaimed(*ours)),
        LegEvent::HungUp { .. } => Some(Event::GuestGone),
        _ => None,
    }
}
