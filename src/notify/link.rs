//! One-time links: who holds one may upload one part of one deposit, until it expires.
//!
//! A link says what it is for and is signed (HMAC-SHA-256, of which 128 bits are written down), so
//! nothing has to be remembered for it. That it is used once is decided by whoever stores the
//! part: it is there already then.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::domain::MessageId;

use super::Error;

/// What else the key may sign one day is not mistaken for a link.
const PURPOSE: &[u8] = b"hallporter upload link v1";
const SAID_BYTES: usize = 8 + 2 + 5;
const SIGNATURE_BYTES: usize = 16;
/// What fits in five bytes: some 35,000 years.
const EXPIRES_S_MAX: u64 = (1 << 40) - 1;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which deposit.
    pub message: MessageId,
    /// Which part the upload becomes.
    pub part: u16,
    /// Until when, seconds since 1970.
    pub expires_s: i64,
}

/// Why a link is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is not as it was signed, or was signed with another key.
    #[error("this link is not complete, or was altered: take it as it was sent")]
    Altered,
    /// Its time is over.
    #[error("this link has expired: call again to leave a message")]
    Expired,
}

/// The key that signs links. All nodes of an installation need the same.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

impl LinkKey {
    /// From 32 bytes that nobody can guess.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// From a text that nobody can guess, such as a token.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads the key from a file (64 hexadecimal digits); if there is none, one is made of
    /// `fresh`, 32 bytes that nobody can guess, with mode 0600.
    ///
    /// # Errors
    /// [`Error::Key`] if it can't be read or made, holds something else, or others may read it.
    pub fn open(path: &Path, fresh: [u8; 32]) -> Result<Self, Error> {
        let wrong = |cause: String| Error::Key { path: path.to_owned(), cause };
        match make(path, fresh) {
            Ok(()) => return Ok(Self(fresh)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(wrong(format!("can't be made ({error})"))),
        }
        let unreadable = |error: io::Error| wrong(format!("can't be read ({error})"));
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
            return Err(wrong("may be read by others (chmod 600)".to_owned()));
        }
        let mut text = String::new();
        file.take(200).read_to_string(&mut text).map_err(unreadable)?;
        let key = digits(text.trim());
        key.map(Self).ok_or_else(|| wrong("does not hold 64 hexadecimal digits".to_owned()))
    }

    /// A link: 42 letters, digits, `-` and `_`, safe in a URL and in a text message.
    #[must_use]
    pub fn sign(&self, message: MessageId, part: u16, expires_s: i64) -> String {
        let expires = u64::try_from(expires_s).unwrap_or(0).min(EXPIRES_S_MAX);
        let mut bytes = Vec::with_capacity(SAID_BYTES + SIGNATURE_BYTES);
        bytes.extend_from_slice(&message.0.to_be_bytes());
        bytes.extend_from_slice(&part.to_be_bytes());
        bytes.extend_from_slice(&expires.to_be_bytes()[3..]);
        if let Some(mac) = self.mac(&bytes) {
            bytes.extend_from_slice(&mac.finalize().into_bytes()[..SIGNATURE_BYTES]);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a link at `now_s` (seconds since 1970); the signature is compared in constant time.
    ///
    /// # Errors
    /// [`LinkError::Altered`] or, only for one that we have signed, [`LinkError::Expired`].
    pub fn verify(&self, link: &str, now_s: i64) -> Result<Link, LinkError> {
        let bytes = URL_SAFE_NO_PAD.decode(link).map_err(|_| LinkError::Altered)?;
        if bytes.len() != SAID_BYTES + SIGNATURE_BYTES {
            return Err(LinkError::Altered);
        }
        let (said, signature) = bytes.split_at(SAID_BYTES);
        let mac = self.mac(said).ok_or(LinkError::Altered)?;
        mac.verify_truncated_left(signature).map_err(|_| LinkError::Altered)?;
        let number =
            |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let link = Link {
            message: MessageId(number(&said[..8])),
            part: u16::try_from(number(&said[8..10])).map_err(|_| LinkError::Altered)?,
            expires_s: i64::try_from(number(&said[10..])).map_err(|_| LinkError::Altered)?,
        };
        if link.expires_s <= now_s { Err(LinkError::Expired) } else { Ok(link) }
    }

    /// `None` never comes: HMAC takes keys of every length.
    fn mac(&self, said: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(PURPOSE);
        mac.update(said);
        Some(mac)
    }
}

/// The file appears whole or not at all: one that a crash left empty would stop every start.
fn make(path: &Path, key: [u8; 32]) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let draft = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(file, "{text}")?;
    file.sync_all()?;
    let made = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    made?;
    path.parent().map_or(Ok(()), |directory| match directory.as_os_str().is_empty() {
        true => Ok(()),
        false => File::open(directory)?.sync_all(),
    })
}

fn digits(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, place) in key.iter_mut().enumerate() {
        *place = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::NodeId;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn a_link_is_what_was_signed_until_it_expires() {
        let key = LinkKey::new(KEY);
        let text = key.sign(MessageId::new(NodeId(1), 7, 300), 2, 1_800_000_000);
        assert_eq!(text.len(), 42, "{text}");
        let link =
            Link { message: MessageId::new(NodeId(1), 7, 300), part: 2, expires_s: 1_800_000_000 };
        assert_eq!(key.verify(&text, 1_799_999_999), Ok(link));
        assert_eq!(key.verify(&text, 1_800_000_000), Err(LinkError::Expired));
        assert_eq!(LinkKey::new([8; 32]).verify(&text, 0), Err(LinkError::Altered));
        // A link that expired before 1970 is one that expired.
        assert_eq!(key.verify(&key.sign(MessageId(1), 1, -5), 1), Err(LinkError::Expired));
        assert!(key.verify(&key.sign(MessageId(1), 1, i64::MAX), i64::MAX >> 24).is_ok());
    }

    #[test]
    fn the_key_lasts_and_is_nobody_elses() {
        let directory = std::env::temp_dir().join(format!("hallporter-key-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("link.key");
        let _ = std::fs::remove_file(&path);
        assert_eq!(LinkKey::open(&path, KEY).unwrap().0, KEY);
        assert_eq!(LinkKey::open(&path, [9; 32]).unwrap().0, KEY, "the first one stays");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = LinkKey::open(&path, KEY).unwrap_err().to_string();
        assert!(error.contains("others") && !error.contains("0707"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for bad in ["", "07", &"zz".repeat(32), &"07".repeat(33)] {
            std::fs::write(&path, bad).unwrap();
            assert!(LinkKey::open(&path, KEY).is_err(), "{bad:?}");
        }
        assert!(LinkKey::open(&directory.join("none/link.key"), KEY).is_err());
        assert!(!format!("{:?}", LinkKey::new(KEY)).contains('7'));
        std::fs::remove_dir_all(&directory).unwrap();
    }

    proptest! {
        #[test]
        fn whatever_is_signed_comes_back(id: u64, part: u16, expires_s in 1..1_i64 << 40) {
            let key = LinkKey::new(KEY);
            let text = key.sign(MessageId(id), part, expires_s);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(key.verify(&text, 0), Ok(Link { message: MessageId(id), part, expires_s }));
        }

        /// No character can be changed, added or left out.
        #[test]
        fn an_altered_link_is_refused(id: u64, place in 0_usize..42, to in "[A-Za-z0-9_=.-]") {
            let key = LinkKey::new(KEY);
            let text = key.sign(MessageId(id), 1, 1 << 35);
            let mut other = text.clone();
            other.replace_range(place..=place, &to);
            if other != text {
                prop_assert_eq!(key.verify(&other, 0), Err(LinkError::Altered));
            }
            prop_assert_eq!(key.verify(&text[..place], 0), Err(LinkError::Altered));
            prop_assert_eq!(key.verify(&format!("{text}{to}"), 0), Err(LinkError::Altered));
        }

        #[test]
        fn nothing_else_is_a_link(text in ".*") {
            prop_assert_eq!(LinkKey::new(KEY).verify(&text, 0), Err(LinkError::Altered));
        }
    }
}
