//! Every door, in one table: the router, the scopes, the limits and the test of `openapi.json`
//! are all made from it.

use super::auth::Scope;

/// What is behind a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    AccountAdd,
    AccountList,
    AccountRemove,
    AccountSet,
    AccountShow,
    AccountSelfCareSet,
    AccountSelfCareShow,
    CallEnd,
    CallList,
    CallRelease,
    CallShow,
    ClusterDoctor,
    ClusterFound,
    ClusterInvite,
    ClusterLeave,
    ClusterRemove,
    ClusterShow,
    ClusterVoters,
    DepositEnd,
    DepositList,
    DepositMedium,
    DeviceAdd,
    DeviceList,
    DeviceRemove,
    DeviceSet,
    DeviceShow,
    DeviceTokenRemove,
    DeviceTokenSet,
    Dialplan,
    Event,
    GreetingRemove,
    GreetingSet,
    Health,
    MailboxAdd,
    MailboxList,
    MailboxRemove,
    MailboxSet,
    MailboxShow,
    MessageFile,
    MessageList,
    MessagePart,
    MessageRemove,
    MessageSet,
    MessageShow,
    Metrics,
    NoticeList,
    NoticeRetry,
    NumberAdd,
    NumberList,
    NumberRemove,
    NumberSet,
    NumberShow,
    OpenApi,
    Ready,
    Rehearse,
    Route,
    RulesNext,
    RulesRemove,
    RulesSet,
    RulesShow,
    SelfCareSet,
    SelfCareShow,
    Status,
    UploadPut,
    UploadShow,
    Why,
}

/// One method on one path.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) scope: Scope,
    /// The longest body, in bytes. One that comes in pieces has limits of its own.
    pub(super) body_max: usize,
    pub(super) room: Room,
}

const fn way(method: &'static str, path: &'static str, scope: Scope, room: Room) -> Way {
    let body_max = if matches!(room, Room::Dialplan | Room::Event) {
        256 << 10
    } else if matches!(room, Room::GreetingSet) {
        GREETING_BYTES_MAX
    } else {
        64 << 10
    };
    Way { method, path, scope, body_max, room }
}

/// The longest greeting, in bytes: some three minutes as a CD has them.
const GREETING_BYTES_MAX: usize = 32 << 20;

const ACCOUNTS: &str = "/v1/accounts";
const ACCOUNT: &str = "/v1/accounts/{name}";
const DEVICES: &str = "/v1/accounts/{name}/devices";
const DEVICE: &str = "/v1/accounts/{name}/devices/{device}";
const TOKEN: &str = "/v1/accounts/{name}/devices/{device}/token";
const CARE: &str = "/v1/accounts/{name}/self-care";
const OWN_CARE: &str = "/v1/self-care";
const RULES: &str = "/v1/accounts/{name}/rules";
const NUMBERS: &str = "/v1/numbers";
const NUMBER: &str = "/v1/numbers/{identifier}";
const MAILBOXES: &str = "/v1/mailboxes";
const MAILBOX: &str = "/v1/mailboxes/{name}";
const GREETING: &str = "/v1/mailboxes/{name}/greeting";
const NAMED_GREETING: &str = "/v1/mailboxes/{name}/greetings/{greeting}";
const MESSAGE: &str = "/v1/messages/{id}";
const CLUSTER: &str = "/v1/cluster";
const UPLOAD: &str = "/u/{link}";

/// All of them, those of one path beside each other.
pub(super) const WAYS: [Way; 68] = [
    way("POST", "/v1/route", Scope::Route, Room::Route),
    way("POST", "/v1/event", Scope::Route, Room::Event),
    way("POST", "/v1/freeswitch/{name}/dialplan", Scope::Route, Room::Dialplan),
    way("GET", ACCOUNTS, Scope::Admin, Room::AccountList),
    way("POST", ACCOUNTS, Scope::Admin, Room::AccountAdd),
    way("GET", ACCOUNT, Scope::Admin, Room::AccountShow),
    way("PATCH", ACCOUNT, Scope::Admin, Room::AccountSet),
    way("DELETE", ACCOUNT, Scope::Admin, Room::AccountRemove),
    way("GET", DEVICES, Scope::Admin, Room::DeviceList),
    way("POST", DEVICES, Scope::Admin, Room::DeviceAdd),
    way("GET", DEVICE, Scope::Admin, Room::DeviceShow),
    way("PATCH", DEVICE, Scope::Admin, Room::DeviceSet),
    way("DELETE", DEVICE, Scope::Admin, Room::DeviceRemove),
    way("PUT", TOKEN, Scope::Admin, Room::DeviceTokenSet),
    way("DELETE", TOKEN, Scope::Admin, Room::DeviceTokenRemove),
    way("GET", CARE, Scope::Admin, Room::AccountSelfCareShow),
    way("PATCH", CARE, Scope::Admin, Room::AccountSelfCareSet),
    way("GET", OWN_CARE, Scope::Device, Room::SelfCareShow),
    way("PATCH", OWN_CARE, Scope::Device, Room::SelfCareSet),
    way("GET", RULES, Scope::Admin, Room::RulesShow),
    way("PUT", RULES, Scope::Admin, Room::RulesSet),
    way("DELETE", RULES, Scope::Admin, Room::RulesRemove),
    way("GET", "/v1/accounts/{name}/rules/next", Scope::Admin, Room::RulesNext),
    way("GET", NUMBERS, Scope::Admin, Room::NumberList),
    way("POST", NUMBERS, Scope::Admin, Room::NumberAdd),
    way("GET", NUMBER, Scope::Admin, Room::NumberShow),
    way("PATCH", NUMBER, Scope::Admin, Room::NumberSet),
    way("DELETE", NUMBER, Scope::Admin, Room::NumberRemove),
    way("GET", "/v1/calls", Scope::Admin, Room::CallList),
    way("GET", "/v1/calls/{call}", Scope::Admin, Room::CallShow),
    way("POST", "/v1/calls/{call}/end", Scope::Admin, Room::CallEnd),
    way("POST", "/v1/calls/{call}/release", Scope::Admin, Room::CallRelease),
    way("GET", MAILBOXES, Scope::Admin, Room::MailboxList),
    way("POST", MAILBOXES, Scope::Admin, Room::MailboxAdd),
    way("GET", MAILBOX, Scope::Admin, Room::MailboxShow),
    way("PATCH", MAILBOX, Scope::Admin, Room::MailboxSet),
    way("DELETE", MAILBOX, Scope::Admin, Room::MailboxRemove),
    way("PUT", GREETING, Scope::Admin, Room::GreetingSet),
    way("DELETE", GREETING, Scope::Admin, Room::GreetingRemove),
    way("PUT", NAMED_GREETING, Scope::Admin, Room::GreetingSet),
    way("DELETE", NAMED_GREETING, Scope::Admin, Room::GreetingRemove),
    way("GET", "/v1/messages", Scope::Admin, Room::MessageList),
    way("GET", MESSAGE, Scope::Admin, Room::MessageShow),
    way("PATCH", MESSAGE, Scope::Admin, Room::MessageSet),
    way("DELETE", MESSAGE, Scope::Admin, Room::MessageRemove),
    way("GET", "/v1/messages/{id}/file", Scope::Admin, Room::MessageFile),
    way("GET", "/v1/messages/{id}/parts/{number}", Scope::Admin, Room::MessagePart),
    way("GET", "/v1/deposits", Scope::Admin, Room::DepositList),
    way("POST", "/v1/deposits/{id}/medium", Scope::Admin, Room::DepositMedium),
    way("POST", "/v1/deposits/{id}/end", Scope::Admin, Room::DepositEnd),
    way("GET", "/v1/notices", Scope::Admin, Room::NoticeList),
    way("POST", "/v1/notices/{id}/retry", Scope::Admin, Room::NoticeRetry),
    way("GET", UPLOAD, Scope::Link, Room::UploadShow),
    way("PUT", UPLOAD, Scope::Link, Room::UploadPut),
    way("POST", "/v1/rehearse", Scope::Admin, Room::Rehearse),
    way("GET", "/v1/why/{call_id}", Scope::Admin, Room::Why),
    way("GET", CLUSTER, Scope::Admin, Room::ClusterShow),
    way("POST", CLUSTER, Scope::Admin, Room::ClusterFound),
    way("GET", "/v1/cluster/doctor", Scope::Admin, Room::ClusterDoctor),
    way("POST", "/v1/cluster/leave", Scope::Admin, Room::ClusterLeave),
    way("DELETE", "/v1/cluster/nodes/{name}", Scope::Admin, Room::ClusterRemove),
    way("POST", "/v1/cluster/tokens", Scope::Admin, Room::ClusterInvite),
    way("PUT", "/v1/cluster/voters", Scope::Admin, Room::ClusterVoters),
    way("GET", "/v1/status", Scope::Admin, Room::Status),
    way("GET", "/healthz", Scope::Open, Room::Health),
    way("GET", "/readyz", Scope::Open, Room::Ready),
    way("GET", "/metrics", Scope::Open, Room::Metrics),
    way("GET", "/openapi.json", Scope::Open, Room::OpenApi),
];

/// The ways of each path.
pub(super) fn paths() -> impl Iterator<Item = &'static [Way]> {
    WAYS.chunk_by(|one, other| one.path == other.path)
}
