//! What a proxy asks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{AccountName, DeviceName, Few, History, SipUri, SwitchId};

/// What kind of communication a query is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// A call: admitted, counted and routed.
    #[default]
    Invite,
    /// A text: routed, never counted.
    Message,
}

/// One question of a proxy about one initial request. Made by `kamailio::query`, which has
/// bounded every length and refused control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteQuery {
    /// The SIP Call-ID; the key of the session row.
    pub call_id: Arc<str>,
    /// The From tag. A second dialog under the same Call-ID does not ride on the first one's slot.
    pub from_tag: Arc<str>,
    /// The From URI as it came.
    pub from_uri: Arc<str>,
    /// The From display name, cleaned of control characters.
    pub from_display: Arc<str>,
    /// The request-URI as it came.
    pub ruri: Arc<str>,
    /// The account that the proxy authenticated, if it did.
    pub account: Option<AccountName>,
    /// The proxy authenticated somebody whose name no account can have (`+493012345`): `account`
    /// is `None`, and he is no stranger all the same.
    pub named_nobody: bool,
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// Whether the offer carries video.
    pub video: bool,
    /// Call or text.
    pub method: Method,
    /// Kamailio's transaction, `index:label`, for late joins.
    pub transaction: Option<(u32, u32)>,
    /// Kamailio's dialog, `h_entry:h_id`; tells one attempt from the next under one Call-ID.
    pub dialog: Option<(u32, u32)>,
    /// The accounts that this call has been forwarded through, as our own `X-Hallporter-Trail`
    /// header named them when it came back. Only ever makes a loop be seen; never believed for
    /// anything else, since anybody can write it.
    pub trail: Vec<u32>,
    /// Where the call has been, as its last History-Info says.
    pub history: History,
    /// What the caller wishes ([`super::Wish`]).
    pub wishes: Few,
    /// Where the callee's registering devices are, as far as somebody looked.
    pub registrations: Registrations,
    /// The device of the account that calls, where the proxy knows it.
    pub device: Option<DeviceName>,
    /// What a star code asked for could not be written down.
    pub unsaved: bool,
    /// The switch that asks, where calls come to a FreeSWITCH without a proxy before it. Then
    /// `call_id` is the switch's own id of the channel.
    pub switch: Option<SwitchId>,
}

impl RouteQuery {
    /// Whether the proxy says who calls.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.account.is_some() || self.named_nobody
    }
}

/// How many accounts a call may be forwarded through. Of a longer trail the rest is not read.
pub const TRAIL_MAX: usize = 16;

/// The account keys in a trail, lower-case hex with `;` between. What makes no sense is left out:
/// decoration must not decide a call.
#[must_use]
pub fn read_trail(text: &str) -> Vec<u32> {
    let lower = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.split(';')
        .map(str::trim)
        .filter(lower)
        .filter_map(|part| u32::from_str_radix(part, 16).ok())
        .take(TRAIL_MAX)
        .collect()
}

/// What the proxy's location table said, by address of record. An address that is missing was
/// not answered for (its device is rung at the address itself); an empty list is "not registered".
pub type Registrations = BTreeMap<SipUri, Vec<Contact>>;

/// One place where an address of record is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The contact's URI.
    pub uri: SipUri,
    /// Where to send it, if elsewhere (Kamailio's "Received").
    pub received: Option<SipUri>,
    /// The Path vector as registered (RFC 3327), if any.
    pub path: Option<Arc<str>>,
}
