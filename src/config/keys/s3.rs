//! The keys about the bucket.

use super::Preset::{Is, Nothing};
use super::{Kind, Section, key, seconds};

/// `[s3]`
pub(super) const S3: Section = Section {
    name: "s3",
    many: None,
    doc: "A bucket for recordings, in S3 or whatever speaks like it. A message is safe when its files are\nthere. Every node has the same section; two clusters never share bucket and prefix.\nSee docs/messages.md.",
    keys: &[
        key(
            "bucket",
            Kind::Text,
            Nothing("\"recordings\""),
            "The name of the bucket, which exists. Without it recordings are at nodes alone.",
        ),
        key(
            "endpoint",
            Kind::Text,
            Nothing("\"https://s3.example.com\""),
            "Where it is asked for, if that is not Amazon: http(s)://HOST[:PORT]. The bucket is named in the\npath.",
        ),
        key("region", Kind::Text, Is("\"us-east-1\""), "The region that requests are signed for."),
        key(
            "prefix",
            Kind::Text,
            Is("\"hallporter\""),
            "What the names of all objects begin with, before a slash; empty: nothing. Other objects there\nare left alone.",
        ),
        key(
            "credentials_file",
            Kind::Text,
            Is("\"s3.credentials\""),
            "The file with the access key on its first line and the secret key on its second; relative to\nthis file, mode 0600. The key has to put, get and delete objects.",
        ),
        key(
            "allow_http",
            Kind::Flag,
            Is("false"),
            "Whether the endpoint may be an http:// one that is not on loopback: recordings cross the network\nunencrypted then.",
        ),
        key(
            "save_within",
            seconds(1, 8),
            Is("\"4s\""),
            "How long a caller who has left a message waits for its files to be there; then a second node is\ntried, and the bucket again later.",
        ),
        key(
            "transfer_within",
            seconds(10, 3_600),
            Is("\"10m\""),
            "How long one file may be on its way there later, when nobody waits.",
        ),
    ],
};
