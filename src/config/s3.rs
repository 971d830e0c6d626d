//! `[s3]`

use std::fmt;
use std::time::Duration;

use crate::text::shorten;

use super::access::Check;
use super::address::check_url;
use super::token::Secret;

const SECTION: &str = "s3";
/// The longest prefix; whole names of objects may have 1,024 bytes.
const PREFIX_BYTES_MAX: usize = 200;

/// `[s3]`, where there is a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// The name of the bucket: lower-case letters, digits, dots and hyphens.
    pub bucket: String,
    /// `http(s)://HOST[:PORT]`; `None`: Amazon's own.
    pub endpoint: Option<String>,
    /// What requests are signed for.
    pub region: String,
    /// Parts between slashes, of letters, digits, `.`, `_` and `-`, none of them dots alone; no
    /// slash at either end. May be empty.
    pub prefix: String,
    /// The name of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: Secret,
    /// Whether `endpoint` may be, and is, without TLS.
    pub allow_http: bool,
    /// How long a caller waits, in whole milliseconds.
    pub save_within: Duration,
    /// How long one file may be on its way when nobody waits.
    pub transfer_within: Duration,
}

/// Where it is, for people.
impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.endpoint.as_deref().unwrap_or("Amazon");
        write!(f, "bucket {} at {at}, region {}", self.bucket, self.region)
    }
}

impl Check<'_> {
    /// All of `[s3]`; `None` where there is no bucket, or when something is wrong.
    pub(super) fn s3(&mut self) -> Option<S3> {
        let bucket = self.text(SECTION, "bucket");
        if bucket.is_empty() {
            self.s3_unused();
            return None;
        }
        if self.text("messages", "spool").is_empty() {
            let what = "is not used without messages.spool: nothing is recorded";
            self.doubt(SECTION, "bucket", what.to_owned());
        }
        let bucket = self.bucket(bucket);
        let allow_http = self.flag(SECTION, 0, "allow_http");
        let endpoint = self.endpoint(allow_http);
        let region = self.region();
        let prefix = self.prefix();
        let keys = self.secret(SECTION, 0, "credentials_file", "credentials", Secret::two_lines);
        let keys = keys.as_ref().and_then(|keys| keys.expose().split_once('\n'));
        let keys = keys.map(|(name, key)| (name.to_owned(), Secret::password(key).ok()));
        let (access_key, secret_key) = keys?;
        Some(S3 {
            bucket: bucket?,
            endpoint: endpoint?,
            region: region?,
            prefix: prefix?,
            access_key,
            secret_key: secret_key?,
            allow_http,
            save_within: self.duration(SECTION, "save_within"),
            transfer_within: self.duration(SECTION, "transfer_within"),
        })
    }

    fn s3_unused(&mut self) {
        for key in [
            "endpoint",
            "region",
            "prefix",
            "credentials_file",
            "allow_http",
            "save_within",
            "transfer_within",
        ] {
            if self.typed.line(SECTION, 0, key).is_some() {
                self.doubt(SECTION, key, "is not used without s3.bucket".to_owned());
            }
        }
    }

    fn bucket(&mut self, bucket: String) -> Option<String> {
        let inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let ends = !bucket.starts_with(['.', '-']) && !bucket.ends_with(['.', '-']);
        if (3..=63).contains(&bucket.len()) && bucket.bytes().all(inner) && ends {
            return Some(bucket);
        }
        let what = format!("{:?} is no name of a bucket", shorten(&bucket));
        let hint = "take 3 to 63 lower-case letters, digits, '.' and '-', with a letter or digit at \
                    both ends";
        self.wrong(SECTION, 0, "bucket", what, Some(hint));
        None
    }

    /// The inner `None`: Amazon's own.
    fn endpoint(&mut self, allow_http: bool) -> Option<Option<String>> {
        const KEY: &str = "endpoint";
        let url = self.text(SECTION, KEY);
        if url.is_empty() {
            return Some(None);
        }
        if let Err(what) = check_url(&url) {
            self.wrong(SECTION, 0, KEY, what, Some("write https://HOST[:PORT]"));
            return None;
        }
        let url = url.trim_end_matches('/').to_owned();
        let host = url.split_once("://").map_or("", |(_, host)| host);
        if host.contains(['/', '?', '#']) {
            let hint = "write https://HOST[:PORT]; the bucket has a key of its own";
            self.wrong(SECTION, 0, KEY, "holds more than an address", Some(hint));
            return None;
        }
        if url.starts_with("http://") && !is_loopback(host) && !allow_http {
            let what = "recordings would cross the network unencrypted";
            let hint = "write https://, or allow_http = true if that network is yours alone";
            self.wrong(SECTION, 0, KEY, what, Some(hint));
            return None;
        }
        Some(Some(url))
    }

    fn region(&mut self) -> Option<String> {
        let region = self.text(SECTION, "region");
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if (1..=64).contains(&region.len()) && region.bytes().all(fits) {
            return Some(region);
        }
        let what = format!("{:?} is no region", shorten(&region));
        let hint = "write it as the bucket's owner does, such as \"eu-central-1\"";
        self.wrong(SECTION, 0, "region", what, Some(hint));
        None
    }

    fn prefix(&mut self) -> Option<String> {
        let prefix = self.text(SECTION, "prefix");
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(fits) && !part.bytes().all(|byte| byte == b'.')
        };
        if prefix.is_empty() || (prefix.len() <= PREFIX_BYTES_MAX && prefix.split('/').all(part)) {
            return Some(prefix);
        }
        let what = format!("{:?} can't begin the name of an object", shorten(&prefix));
        let hint = "take letters, digits, '.', '_' and '-', with single slashes between, and none at \
                    either end";
        self.wrong(SECTION, 0, "prefix", what, Some(hint));
        None
    }
}

/// Whether `HOST[:PORT]` is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    match name.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name == "localhost",
    }
}
