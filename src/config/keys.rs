//! The table of all keys: what there is, what it means, what it is when it is not written.
//!
//! One table for the checks, the file that `init` writes and `docs/config.md`, so that none of
//! them can say something else than the others.

mod cluster;
mod messages;
mod push;
mod s3;
mod star_codes;

use std::time::Duration;

/// One `[section]` of the file.
pub(super) struct Section {
    /// Its name as it stands between the brackets.
    pub(super) name: &'static str,
    /// How often it may be written, as `[[section]]`; `None`: once, as `[section]`.
    pub(super) many: Option<Many>,
    /// What it is about.
    pub(super) doc: &'static str,
    /// What may stand in it.
    pub(super) keys: &'static [Key],
}

/// A section that may be written several times.
pub(super) struct Many {
    /// How often at most.
    pub(super) max: usize,
    /// What several of them are called.
    pub(super) called: &'static str,
}

/// One key of a section.
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What its value may be.
    pub(super) kind: Kind,
    /// What it is when it is not written.
    pub(super) default: Preset,
    /// What it means, with units, and what to consider.
    pub(super) doc: &'static str,
}

/// What a key is when it is not written, as it would be written in the file.
#[derive(Clone, Copy)]
pub(super) enum Preset {
    /// This value.
    Is(&'static str),
    /// Nothing; with an example.
    Nothing(&'static str),
    /// It has to be written; with an example.
    Required(&'static str),
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Text; what it may say is checked where its meaning is known.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Count { min: u64, max: u64 },
    /// A duration within bounds, as text with a unit.
    Duration { min: Duration, max: Duration },
    /// A list of texts, with the most it may hold.
    List { max: usize },
}

const fn key(name: &'static str, kind: Kind, default: Preset, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

const fn seconds(min: u64, max: u64) -> Kind {
    Kind::Duration { min: Duration::from_secs(min), max: Duration::from_secs(max) }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

const DAY_S: u64 = 86_400;

use self::Preset::{Is, Nothing, Required};
use self::cluster::CLUSTER;
use self::messages::{FREESWITCH, MESSAGES};
use self::push::PUSH;
use self::s3::S3;
use self::star_codes::STAR_CODES;

/// Every section, in the order in which people read them.
pub(super) const SECTIONS: &[Section] = &[
    NODE, HTTP, CLUSTER, LOG, EMERGENCY, NUMBERS, ROUTING, STAR_CODES, KAMAILIO, PROXY, CALLS,
    PUSH, MESSAGES, FREESWITCH, S3,
];

const NODE: Section = Section {
    name: "node",
    many: None,
    doc: "This daemon.",
    keys: &[
        key(
            "name",
            Kind::Text,
            Is("\"node1\""),
            "What it is called: 1 to 64 letters, digits, '.', '_', '-'.",
        ),
        key(
            "region",
            Kind::Text,
            Is("\"default\""),
            "The region in which it stands; written like a name.",
        ),
        key(
            "zone",
            Kind::Text,
            Is("\"UTC\""),
            "The IANA time zone of accounts that have none of their own.",
        ),
        key(
            "data_dir",
            Kind::Text,
            Is("\"data\""),
            "Where its databases lie; relative to this file. One daemon for each directory.",
        ),
    ],
};

const HTTP: Section = Section {
    name: "http",
    many: None,
    doc: "The door for proxies, operators and the command line.",
    keys: &[
        key(
            "listen",
            Kind::Text,
            Is("\"127.0.0.1:8170\""),
            "Address and port. It speaks plain HTTP: elsewhere than on loopback, put a tunnel or a\nreverse proxy with TLS before it.",
        ),
        key(
            "route_token_file",
            Kind::Text,
            Is("\"route.token\""),
            "The file with the token of the proxies (scope \"route\"); relative to this file, mode 0600.",
        ),
        key(
            "admin_token_file",
            Kind::Text,
            Is("\"admin.token\""),
            "The file with the token of the operators (scope \"admin\"); relative to this file, mode 0600.",
        ),
        key(
            "drain",
            seconds(0, 600),
            Is("\"5s\""),
            "How long a stopping daemon says \"not ready\" and still answers, so that the proxies turn\nto another one first.",
        ),
    ],
};

const LOG: Section = Section {
    name: "log",
    many: None,
    doc: "The log, on standard error. Callers' numbers appear at \"debug\" and below only.",
    keys: &[
        key(
            "format",
            Kind::Choice(&["text", "json"]),
            Is("\"text\""),
            "\"text\" for people, \"json\" for programs (one object a line).",
        ),
        key(
            "level",
            Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
            Is("\"info\""),
            "The least important lines that are still written: error, warn, info, debug, trace.",
        ),
    ],
};

const EMERGENCY: Section = Section {
    name: "emergency",
    many: None,
    doc: "Calls that nothing refuses.",
    keys: &[
        key(
            "numbers",
            Kind::List { max: 64 },
            Is("[\"112\", \"911\", \"110\", \"999\", \"000\", \"sos\"]"),
            "What is dialled: digits, or \"sos\" for the service URN (RFC 5031). Replaces the default list.",
        ),
        key(
            "grace",
            seconds(0, 7 * DAY_S),
            Is("\"60m\""),
            "For this long after an emergency call, calls to the account that made it aren't refused either.",
        ),
    ],
};

const NUMBERS: Section = Section {
    name: "numbers",
    many: None,
    doc: "How telephone numbers are written where the proxies stand, so that 030…, 0049… and +49…\nare one number.",
    keys: &[
        key(
            "country",
            Kind::Text,
            Is("\"\""),
            "The country code, digits only, such as \"49\"; empty: national numbers aren't recognised.",
        ),
        key(
            "international_prefix",
            Kind::Text,
            Is("\"00\""),
            "What is dialled before a country code.",
        ),
        key("national_prefix", Kind::Text, Is("\"0\""), "What is dialled before an area code."),
        key(
            "bare_is_e164",
            Kind::Flag,
            Is("false"),
            "Whether 7 to 15 digits without + are an international number that lost it, as many trunks\nsend them.",
        ),
    ],
};

const ROUTING: Section = Section {
    name: "routing",
    many: None,
    doc: "Fork orders.",
    keys: &[
        key(
            "pstn_gateway",
            Kind::Text,
            Nothing("\"10.0.0.1:5060\""),
            "Where devices that are telephone numbers are reached: host or host:port. Without one they\ndon't ring.",
        ),
        key(
            "branches_max",
            count(1, 256),
            Is("24"),
            "The most branches in one fork order, over all its stages; further devices are left out,\nand `why` says so. Kamailio 5.6 with the shipped configuration sends 28 at most.",
        ),
        key(
            "stage_branches_max",
            count(1, 256),
            Is("12"),
            "The most branches that ring together; the others of a stage are left out.",
        ),
    ],
};

const KAMAILIO: Section = Section {
    name: "kamailio",
    many: None,
    doc: "The proxies.",
    keys: &[
        key(
            "trust_from",
            Kind::Flag,
            Is("false"),
            "Whether an unauthenticated caller is who the From says. Only for closed networks: anybody\nelse could use up an account's cap.",
        ),
        key(
            "look_every",
            seconds(1, 600),
            Is("\"5s\""),
            "How often each proxy is asked for its own list of calls, which is the truth.",
        ),
    ],
};

const PROXY: Section = Section {
    name: "kamailio.proxy",
    many: Some(Many { max: 64, called: "proxies" }),
    doc: "One section for each proxy. Without any, the end of a call that a proxy did not report is\nseen only when calls.max_duration has passed.",
    keys: &[
        key(
            "name",
            Kind::Text,
            Required("\"k1\""),
            "What it is called in logs and lists; written like a name.",
        ),
        key(
            "rpc",
            Kind::Text,
            Required("\"http://127.0.0.1:8090/RPC\""),
            "The URL of its JSON-RPC (modules xhttp and jsonrpcs).",
        ),
        key(
            "lookup_aor",
            Kind::Flag,
            Is("true"),
            "Whether it knows the registrations of devices with an address of record.",
        ),
        key(
            "use_domain",
            Kind::Flag,
            Is("false"),
            "Whether its registrar keeps the domain (usrloc parameter use_domain).",
        ),
    ],
};

const CALLS: Section = Section {
    name: "calls",
    many: None,
    doc: "The table of calls.",
    keys: &[
        key(
            "reserve_slack",
            seconds(5, 3600),
            Is("\"60s\""),
            "How long, beyond the ring times of its fork order, a call may stay unanswered and unreported\nbefore its slot is free again.",
        ),
        key(
            "max_duration",
            seconds(60, 30 * DAY_S),
            Is("\"12h\""),
            "The switches' own longest duration of a call (default_timeout of Kamailio's dialog module:\n43200 s). Longer calls are taken for lost, so never set it below the switches' value.",
        ),
        key(
            "table_max",
            count(1, 20_000_000),
            Is("2000000"),
            "The most calls at one time; above it calls are refused with cause \"table_full\", emergency\ncalls excepted.",
        ),
        key(
            "why_keep",
            count(0, 10_000_000),
            Is("200000"),
            "How many decisions and ends are kept for `hallporter why`, and up to 250 more; the oldest go first.",
        ),
        key(
            "why_keep_for",
            seconds(60, 366 * DAY_S),
            Is("\"7d\""),
            "How long they are kept at most.",
        ),
    ],
};
