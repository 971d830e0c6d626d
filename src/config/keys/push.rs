//! The keys about pushes.

use super::Preset::{Is, Nothing};
use super::{Kind, Section, key, seconds};

/// `[push]`
pub(super) const PUSH: Section = Section {
    name: "push",
    many: None,
    doc: "Waking devices whose app sleeps (`device set --push on`). hallporter sends no push itself: it\ntells somebody who has the keys for it. Without a webhook none is woken. docs/push.md tells more.",
    keys: &[
        key(
            "webhook",
            Kind::Text,
            Nothing("\"https://push.example.com/hallporter\""),
            "The URL that is told which devices are to be woken, and which need not be any more; at once, and\nthree times at most.",
        ),
        key(
            "webhook_token_file",
            Kind::Text,
            Nothing("\"push.token\""),
            "The file with a token that is sent to it (Authorization: Bearer); relative to this file, mode 0600.",
        ),
        key(
            "wait",
            seconds(1, 60),
            Is("\"15s\""),
            "For how long a call is held for them, from the beginning of their stage, when nobody else rings;\nwhole seconds.",
        ),
    ],
};
