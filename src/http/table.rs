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
    CallEnd,
    CallList,
    CallRelease,
    CallShow,
    DeviceAdd,
    DeviceList,
    DeviceRemove,
    DeviceSet,
    DeviceShow,
    Event,
    Health,
    Metrics,
    NumberAdd,
    NumberList,
    NumberRemove,
    NumberSet,
    NumberShow,
    OpenApi,
    Ready,
    Rehearse,
    Route,
    Status,
    Why,
}

/// One method on one path.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) scope: Scope,
    /// The longest body, in bytes.
    pub(super) body_max: usize,
    pub(super) room: Room,
}

const fn way(method: &'static str, path: &'static str, scope: Scope, room: Room) -> Way {
    let body_max = if matches!(room, Room::Event) { 256 << 10 } else { 64 << 10 };
    Way { method, path, scope, body_max, room }
}

const ACCOUNTS: &str = "/v1/accounts";
const ACCOUNT: &str = "/v1/accounts/{name}";
const DEVICES: &str = "/v1/accounts/{name}/devices";
const DEVICE: &str = "/v1/accounts/{name}/devices/{device}";
const NUMBERS: &str = "/v1/numbers";
const NUMBER: &str = "/v1/numbers/{identifier}";

/// All of them, those of one path beside each other.
pub(super) const WAYS: [Way; 28] = [
    way("POST", "/v1/route", Scope::Route, Room::Route),
    way("POST", "/v1/event", Scope::Route, Room::Event),
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
    way("GET", NUMBERS, Scope::Admin, Room::NumberList),
    way("POST", NUMBERS, Scope::Admin, Room::NumberAdd),
    way("GET", NUMBER, Scope::Admin, Room::NumberShow),
    way("PATCH", NUMBER, Scope::Admin, Room::NumberSet),
    way("DELETE", NUMBER, Scope::Admin, Room::NumberRemove),
    way("GET", "/v1/calls", Scope::Admin, Room::CallList),
    way("GET", "/v1/calls/{call}", Scope::Admin, Room::CallShow),
    way("POST", "/v1/calls/{call}/end", Scope::Admin, Room::CallEnd),
    way("POST", "/v1/calls/{call}/release", Scope::Admin, Room::CallRelease),
    way("POST", "/v1/rehearse", Scope::Admin, Room::Rehearse),
    way("GET", "/v1/why/{call_id}", Scope::Admin, Room::Why),
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
