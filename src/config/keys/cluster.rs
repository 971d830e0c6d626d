//! The keys of `[cluster]`.

use std::time::Duration;

use super::Preset::{Is, Nothing};
use super::{Kind, Section, count, key};

pub(super) const CLUSTER: Section = Section {
    name: "cluster",
    many: None,
    doc: "The way between the nodes of a cluster: one UDP port, QUIC with certificates of the cluster.\nSee docs/cluster.md; `hallporter cluster init` makes the first node.",
    keys: &[
        key(
            "listen",
            Kind::Text,
            Nothing("\"10.0.0.7:8171\""),
            "Address and UDP port for the other nodes. Without it this node stays alone.",
        ),
        key(
            "reach",
            Kind::Text,
            Nothing("\"203.0.113.7:8171\""),
            "Where the other nodes reach this one, if that is not where it listens.",
        ),
        key(
            "ask_within",
            Kind::Duration { min: Duration::from_millis(20), max: Duration::from_millis(250) },
            Is("\"170ms\""),
            "How long a call waits for rights of other nodes. The proxies wait 400 ms in all, of which\nlooking up registrations may take 120 ms.",
        ),
        key(
            "overdraft",
            count(0, 1_000),
            Is("1"),
            "How many calls this node lets through beyond its rights, of each cap of an account with\npolicy \"available\", when those who have rights can't be reached. The same at all nodes:\n`account show` adds it up.",
        ),
        key(
            "release_after",
            Kind::Text,
            Is("\"2m\""),
            "After how long the rights of a node that can't be reached are free again, 10s to 7d, or\n\"never\": then only `hallporter cluster remove` frees them. Those of accounts with policy\n\"strict\" never are by themselves. The same at all nodes: the one that leads sees to it.",
        ),
        key(
            "waiting_max",
            count(1, 1_000_000),
            Is("10000"),
            "How many calls may wait for rights of other nodes at once; beyond it they are decided as if\ntheir time was up.",
        ),
    ],
};
