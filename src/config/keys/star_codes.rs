//! `[star_codes]`

use super::Preset::Nothing;
use super::{Kind, Section, key};

pub(super) const STAR_CODES: Section = Section {
    name: "star_codes",
    many: None,
    doc: "What people dial to change something instead of calling somebody. Only accounts that the\nproxy has authenticated are heard, and each only as far as it allows (`care set`). A key that\nis not written has no code. None may begin another. docs/self-care.md tells more.",
    keys: &[
        key(
            "forward_all",
            Kind::Text,
            Nothing("\"*21*\""),
            "All calls go to the number that is dialled behind it, before anything rings.",
        ),
        key("no_forward_all", Kind::Text, Nothing("\"#21#\""), "They do not any more."),
        key(
            "forward_busy",
            Kind::Text,
            Nothing("\"*67*\""),
            "Calls that meet a busy device go to the number behind it.",
        ),
        key("no_forward_busy", Kind::Text, Nothing("\"#67#\""), "They do not any more."),
        key(
            "forward_no_answer",
            Kind::Text,
            Nothing("\"*61*\""),
            "Calls that nobody answers go to the number behind it.",
        ),
        key("no_forward_no_answer", Kind::Text, Nothing("\"#61#\""), "They do not any more."),
        key(
            "forward_unreachable",
            Kind::Text,
            Nothing("\"*62*\""),
            "Calls for which nothing can ring go to the number behind it.",
        ),
        key("no_forward_unreachable", Kind::Text, Nothing("\"#62#\""), "They do not any more."),
        key(
            "dnd",
            Kind::Text,
            Nothing("\"*26#\""),
            "The device that dials it is not to be disturbed.",
        ),
        key("no_dnd", Kind::Text, Nothing("\"#26#\""), "It may be disturbed again."),
        key(
            "here",
            Kind::Text,
            Nothing("\"*20#\""),
            "Calls ring at the device that dials it, and at no other.",
        ),
        key("not_here", Kind::Text, Nothing("\"#20#\""), "They ring everywhere again."),
    ],
};
