//! The words: what every other room speaks of. Imports nothing of ours, decides nothing.

mod account;
mod call;
mod call_back;
mod cells;
mod decision;
mod device;
mod device_state;
mod error;
mod event;
mod few;
mod forward_places;
mod history;
mod identifier;
mod index;
mod ledger;
mod mailbox;
mod member;
mod message;
mod message_motion;
mod name;
mod names;
mod notice;
mod pool;
mod push;
mod put;
mod query;
mod refusal;
mod roll;
mod row;
mod rule;
mod rule_stage;
mod seats;
mod self_care;
mod spelled;
mod spool;
mod star_code;
mod switch;
mod tags;
mod telling;
mod time;
mod uri;
mod wish;
mod zone;

pub use account::{Account, AccountKey, Caps, MAX_PARENT_DEPTH, Policy, RefusalCodes};
pub use call::{BOOT_MAX, CallRef, CallState, EndCause, NodeId, ProxyId};
pub use call_back::{CallBackMet, CallBackQuery};
pub use cells::{Cell, Cells};
pub(crate) use decision::longest_s;
pub use decision::{Branch, Decision, DeviceSkip, ForkOrder, Outcome, Room, Side, Stage, Step};
pub use device::{Device, RING_S_MAX, STAGE_MAX, Target};
pub use device_state::{DeviceState, DeviceStates};
pub use error::Error;
pub use event::{BranchEnd, CallEvent, EventKind, SeenDialog};
pub use few::Few;
pub use forward_places::{FORWARD_PLACES_MAX, ForwardPlaces};
pub use history::History;
pub use identifier::{Identifier, Number, NumberText, Numbering};
pub use index::Index;
pub use ledger::{
    Grant, HeldShare, Holding, LEDGER_BATCH_MAX, LedgerCommand, LedgerReply, LedgerRow, SyncItem,
    UNLIMITED,
};
pub use mailbox::{CallbackPolicy, CallbackScope, GREETINGS_MAX, Greeting, Mailbox, MailboxLimits};
pub use member::Member;
pub use message::{
    Caller, ContentId, DepositCause, Medium, Message, MessageId, MessageState, Part, Stored,
};
pub use message_motion::{MessageMotion, MessageReply, Outgoing};
pub use name::{AccountName, DeviceName, GreetingName, Language, MailboxName, NAME_BYTES_MAX, Tag};
pub use names::{Names, Piece};
pub use notice::{Notice, NoticeKind, NoticeState};
pub use pool::{PoolId, PoolKind};
pub use push::{Push, PushContact, PushId, PushOver, Wake};
pub use put::{PutId, SeenRow};
pub use query::{Contact, Method, Registrations, RouteQuery, TRAIL_MAX, read_trail};
pub use refusal::{Cause, Refusal};
pub use roll::{Denied, InviteError, RollMotion, RollReply, TOKENS_MAX};
pub use row::{CallRow, DepositRow, DeviceRow, FarCall, ROW_CALL_ID_BYTES_MAX, Row, RowKey, Sight};
pub use rule::{
    Communication, Condition, Dates, DaySpan, Found, Miss, ORDER_RING_S_MAX, Party, RULE_ZONES_MAX,
    RULES_MAX, Rule, RuleEnd, Rules, Run, StageCause, Who, Window, Yearly,
};
pub use rule_stage::{After, RuleStage, Skips, StageWho, Turn};
pub use seats::{SEATS_MAX, Seat, Seats};
pub use self_care::{Care, CareSkip, Forward, SelfCare, TokenHash};
pub use spelled::Spelled;
pub use spool::{
    CardPart, DepositCard, DiscardReason, FileFacts, Missed, NoRoom, SpoolCommand, SpoolEvent,
};
pub use star_code::{StarCode, StarCodes, StarMistake};
pub use switch::{
    Keys, LegEvent, LegFacts, LegId, LegSeen, Sound, StepId, SwitchCommand, SwitchEvent, SwitchId,
    VideoFacts,
};
pub use tags::{TAGS_MAX, Tags};
pub use telling::{Teller, Telling, Tells, Told, ToldStep};
pub use time::Now;
pub use uri::{SipUri, URI_BYTES_MAX};
pub use wish::{Wish, read_wishes};
pub use zone::{Day, Local, Zone};
