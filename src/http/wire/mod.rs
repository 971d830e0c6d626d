//! What the admin API says in JSON, shared by the server ([`super::serve`]) and the client
//! ([`super::Client`]). Units are the last part of a key (`ring_s`, `at_ms`).

mod account;
mod call;
mod cluster;
mod device;
mod doctor;
mod mailbox;
mod message;
mod rules;
mod self_care;
mod status;

pub use account::{
    AccountFilter, AccountView, NodeShareView, PoolView, SpreadView, UsageView, WorstView,
};
pub use call::{
    CallFilter, CallView, EndView, EndedView, Rehearsal, ReleaseBody, Why, WhyEntry, WhyKind,
};
pub use cluster::{
    BucketView, ClusterBrief, ClusterView, Finding, Findings, FoundBody, InviteBody, InviteView,
    LeaveBody, LeaveView, NodeView, RefusedView, ReservedView, Role, ShareView, SharingView,
    VotersBody, WaitingView,
};
pub use device::{DeviceEdit, DeviceView, NumberEdit, NumberFilter, NumberView, TargetError};
pub use doctor::{CLOCK_OFF_MS_MAX, findings};
pub use mailbox::{Held, MailboxFilter, MailboxSpec, MailboxView};
pub use message::{
    DepositView, MediumBody, MessageEdit, MessageFilter, MessageView, NoticeFilter, NoticeView,
    OutboxStatus, UploadView,
};
pub use rules::{NextFilter, NextView, RulesView, TurnView};
pub use self_care::{CareEdit, CareView, ForwardEdits, OwnEdit, TokenView};
pub use status::{ProxyStatus, Status, SwitchStatus};

use serde::{Deserialize, Serialize};

use crate::rules::Mistake;

/// How many items a page has when nothing was asked for.
pub const PAGE_DEFAULT: usize = 100;
/// How many items a page has at most; more are cut to this, and `next` leads on.
pub const PAGE_MAX: usize = 1000;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageQuery {
    /// How many items, 1 to [`PAGE_MAX`]; `None` for [`PAGE_DEFAULT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Why a request was refused: every answer of 400 and above has this form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One sentence for people.
    pub error: String,
    /// Which field of the request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Every mistake in a text of rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
}
