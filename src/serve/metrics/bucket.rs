//! The figures of the bucket for recordings.

use super::super::mail::bucket::Shared;
use super::Page;

/// Where there is a bucket.
pub(super) fn bucket(page: &mut Page, shared: &Shared) {
    let counts = shared.bucket.figures().counts();
    let failing = u8::from(shared.bucket.figures().trouble().is_some());
    page.gauge("hallporter_bucket_failing", "The last request to the bucket failed.", failing);
    page.gauge(
        "hallporter_bucket_messages_waiting",
        "Messages that are not in the bucket.",
        shared.waiting(),
    );
    for (name, help, count) in [
        (
            "hallporter_bucket_messages_late",
            "Messages left that did not reach the bucket in time.",
            shared.late(),
        ),
        ("hallporter_bucket_uploads", "Files brought to the bucket.", counts.uploads),
        ("hallporter_bucket_uploads_failed", "The same, not arrived.", counts.uploads_failed),
        ("hallporter_bucket_upload_bytes", "Bytes brought to the bucket.", counts.bytes_uploaded),
        ("hallporter_bucket_downloads", "Files had from the bucket.", counts.downloads),
        (
            "hallporter_bucket_downloads_failed",
            "The same, not there, broken off or spoiled.",
            counts.downloads_failed,
        ),
        ("hallporter_bucket_deletes", "Objects deleted in the bucket.", counts.deletes),
        ("hallporter_bucket_deletes_failed", "The same, not possible.", counts.deletes_failed),
    ] {
        page.counter(name, help, count);
    }
}
