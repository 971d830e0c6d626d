//! The keys about taking messages.

use super::Preset::{Is, Nothing, Required};
use super::{DAY_S, Kind, Many, Section, count, key, seconds};

/// `[messages]`
pub(super) const MESSAGES: Section = Section {
    name: "messages",
    many: None,
    doc: "Taking messages. Without a spool none are taken.",
    keys: &[
        key(
            "spool",
            Kind::Text,
            Nothing("\"spool\""),
            "The directory where messages are recorded and kept; relative to this file. FreeSWITCH writes\nthere too, under the same path and on the same disk; letters, digits, '/', '.', '_', '-' only.",
        ),
        key(
            "prompts",
            Kind::Text,
            Nothing("\"prompts\""),
            "The directory of what is played to callers, with one directory for each language (en, de, …);\nrelative to this file, read by FreeSWITCH too. Must be written where there is a spool.",
        ),
        key(
            "language",
            Kind::Text,
            Is("\"en\""),
            "The language of mailboxes that have none of their own, and of what devices are told by a text (German, else English): the name of a directory in prompts.",
        ),
        key(
            "min_length",
            seconds(0, 60),
            Is("\"2s\""),
            "A message that is shorter is not kept; the call is told of as missed.",
        ),
        key(
            "silence",
            seconds(0, 60),
            Is("\"5s\""),
            "So much silence ends a recording; \"0s\": none does. Whole seconds.",
        ),
        key(
            "disk_free_min_mib",
            count(0, 100_000_000),
            Is("500"),
            "So much of the spool's disk is kept free, in MiB: with less, callers hear that no message can\nbe left.",
        ),
        key(
            "video",
            Kind::List { max: 4 },
            Is("[\"inline\", \"reinvite\", \"callback\", \"link\"]"),
            "The ways to a video message, tried in this order: \"inline\", the call has video already;\n\"reinvite\", video is offered in the call; \"callback\", the caller is called back with video;\n\"link\", he gets a link to upload one (needs link_base). An empty list: audio only.",
        ),
        key(
            "switch_key",
            Kind::Text,
            Is("\"*\""),
            "The key that switches between audio and video while a message is left: * or a digit.",
        ),
        key(
            "ffmpeg",
            Kind::Text,
            Is("\"ffmpeg\""),
            "The program that joins and converts recordings: a name that is looked for on PATH, or a path;\nempty: none. Without it a message of several parts is served as parts, and video as Matroska.",
        ),
        key(
            "ring",
            seconds(5, 120),
            Is("\"25s\""),
            "How long a caller's device may ring when it is called back for video. Whole seconds.",
        ),
        key(
            "link_base",
            Kind::Text,
            Nothing("\"https://messages.example.com\""),
            "The URL under which callers' devices reach /u/ of this daemon, usually a reverse proxy with TLS.\nWithout it no links are sent.",
        ),
        key(
            "link_valid",
            seconds(60, 30 * DAY_S),
            Is("\"24h\""),
            "How long a link can be used after it was made.",
        ),
        key(
            "link_key_file",
            Kind::Text,
            Is("\"link.key\""),
            "The file with the key that links are signed with; relative to this file, mode 0600. With another\nkey all older links are void.",
        ),
        key(
            "upload_max_mib",
            count(1, 100_000),
            Is("200"),
            "The largest video that is taken through a link, in MiB.",
        ),
        key(
            "webhook",
            Kind::Text,
            Nothing("\"https://crm.example.com/hallporter\""),
            "The URL that is told of messages left, calls missed and links made, at least once each.",
        ),
        key(
            "webhook_token_file",
            Kind::Text,
            Nothing("\"webhook.token\""),
            "The file with a token that is sent to it (Authorization: Bearer); relative to this file, mode 0600.",
        ),
    ],
};

/// `[[freeswitch]]`
pub(super) const FREESWITCH: Section = Section {
    name: "freeswitch",
    many: Some(Many { max: 16, called: "switches" }),
    doc: "One section for each FreeSWITCH that takes messages. It runs on this machine and shares the spool.",
    keys: &[
        key(
            "name",
            Kind::Text,
            Required("\"fs1\""),
            "What it is called in logs and lists; written like a name.",
        ),
        key(
            "event_socket",
            Kind::Text,
            Is("\"127.0.0.1:8021\""),
            "Where its Event Socket (mod_event_socket) listens: host:port. It is not encrypted: loopback only.",
        ),
        key(
            "password_file",
            Kind::Text,
            Is("\"freeswitch.password\""),
            "The file with the password of its Event Socket; relative to this file, mode 0600.",
        ),
        key(
            "sip",
            Kind::Text,
            Is("\"127.0.0.1:5080\""),
            "Where the proxies send calls that go to a mailbox: host:port of its SIP profile.",
        ),
        key(
            "profile",
            Kind::Text,
            Is("\"hallporter\""),
            "The name of that SIP profile; callers are called back through it.",
        ),
        key(
            "routes",
            Kind::Flag,
            Is("false"),
            "Calls come to this switch without a Kamailio, and it asks who rings: by mod_xml_curl, at\n/v1/freeswitch/NAME/dialplan (docs/freeswitch.md).",
        ),
    ],
};
