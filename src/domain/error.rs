//! What may be wrong with a word.

/// A word that could not be read. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name of an account or device with wrong characters or length.
    #[error(
        "{what} name {text:?} is not usable: take 1 to 64 letters, digits, '.', '_' or '-', \
         starting with a letter or digit"
    )]
    Name {
        /// "account", "device", "mailbox", "tag" or "language".
        what: &'static str,
        /// What was given, shortened.
        text: String,
    },
    /// Neither an E.164 number nor a SIP address.
    #[error(
        "{text:?} is neither a telephone number in international form (+ and 3 to 15 digits) \
         nor a SIP address (user@host)"
    )]
    Identifier {
        /// What was given, shortened.
        text: String,
    },
    /// Not a SIP URI that can be put on the wire.
    #[error(
        "{text:?} is not a usable SIP URI: write sip:user@host or sips:user@host:port in \
         printable characters without spaces, quotes or angle brackets, at most 512 bytes"
    )]
    Uri {
        /// What was given, shortened.
        text: String,
    },
    /// A ring time out of bounds.
    #[error("a ring time of {given_s} s is not possible: take 1 to 300 s")]
    Ring {
        /// What was given, in seconds.
        given_s: u64,
    },
    /// A stage out of bounds.
    #[error("stage {given} does not exist: stages go from 1 to 32")]
    Stage {
        /// What was given.
        given: u64,
    },
    /// A refusal code that must not be sent.
    #[error("SIP code {given} cannot refuse a call: take 400 to 699")]
    Code {
        /// What was given.
        given: u32,
    },
    /// A bound of a mailbox that makes no sense.
    #[error("{what} cannot be {given}: take {min} to {max}")]
    Bound {
        /// What was given, with its unit.
        what: &'static str,
        /// What was given.
        given: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A push for a device that does not register.
    #[error(
        "a push wakes devices that register then: give it an address of record (--aor), or no push"
    )]
    Push,
    /// More tags than a device may have.
    #[error("{given} tags are too many: a device has at most {max}")]
    Tags {
        /// How many were given.
        given: usize,
        /// The most.
        max: usize,
    },
    /// A place to forward to that is none.
    #[error(
        "{text:?} is no place to forward to: write the beginning of numbers (+49), a host \
         (@example.com), or * for anywhere"
    )]
    ForwardPlace {
        /// What was given, shortened.
        text: String,
    },
    /// More places to forward to than an account may have.
    #[error("{given} places to forward to are too many: an account has at most {max}")]
    ForwardPlaces {
        /// How many were given.
        given: usize,
        /// The most.
        max: usize,
    },
    /// A time zone that nobody knows.
    #[error("{text:?} is no time zone: write an IANA name such as Europe/Berlin or UTC")]
    Zone {
        /// What was given, shortened.
        text: String,
    },
}

/// The first characters of `text`, so that an error never carries a page of somebody's bytes.
pub(super) fn shorten(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
