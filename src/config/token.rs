//! Tokens: who holds one may ask. They lie in files of their own, never in the config file, so
//! that a config file can be shown to others.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

/// The fewest characters of a token; `init` makes 64 (256 bits in hex).
pub const TOKEN_CHARACTERS_MIN: usize = 16;
/// The most characters of a token.
pub const TOKEN_CHARACTERS_MAX: usize = 512;

/// A token. Neither shown by `Debug` nor compared here: comparing needs constant time.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Reads a token from a file's text; white space around it is left out.
    ///
    /// # Errors
    /// A clause (to follow the file's name) unless 16 to 512 printable characters without
    /// spaces are left, which can stand in an HTTP header.
    pub fn parse(text: &str) -> Result<Self, String> {
        let token = text.trim();
        let length = token.len();
        if length < TOKEN_CHARACTERS_MIN {
            return Err(format!(
                "holds a token of {length} characters, and at least {TOKEN_CHARACTERS_MIN} are needed"
            ));
        }
        if length > TOKEN_CHARACTERS_MAX {
            return Err(format!(
                "holds more than the {TOKEN_CHARACTERS_MAX} characters that a token may have"
            ));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must hold one token of printable ASCII characters without spaces, and \
                        nothing else"
                .to_owned());
        }
        Ok(Self(token.to_owned()))
    }

    /// Reads a password, which somebody else may have chosen; white space around it is left out.
    ///
    /// # Errors
    /// A clause (to follow the file's name) unless 1 to 512 printable characters without spaces
    /// are left: it is the rest of a line of the Event Socket.
    pub fn password(text: &str) -> Result<Self, String> {
        let password = text.trim();
        if password.is_empty() {
            return Err("is empty".to_owned());
        }
        if password.len() > TOKEN_CHARACTERS_MAX {
            return Err(format!("holds more than {TOKEN_CHARACTERS_MAX} characters"));
        }
        if !password.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "must hold one password of printable ASCII characters without spaces, and \
                        nothing else"
                    .to_owned(),
            );
        }
        Ok(Self(password.to_owned()))
    }

    /// Reads two lines, a name and a key, both chosen by somebody else; white space around each is
    /// left out. [`Secret::expose`] gives them with a line feed between.
    ///
    /// # Errors
    /// A clause (to follow the file's name) unless each is what [`Secret::password`] takes.
    pub fn two_lines(text: &str) -> Result<Self, String> {
        let mut lines = text.trim().lines();
        let (Some(name), Some(key), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err("must hold two lines: the access key, and the secret key".to_owned());
        };
        let line = |called: &str, line: &str| {
            Self::password(line).map_err(|_| {
                format!(
                    "must hold its {called} of 1 to {TOKEN_CHARACTERS_MAX} printable ASCII \
                     characters without spaces on a line of its own"
                )
            })
        };
        let (name, key) = (line("access key", name)?, line("secret key", key)?);
        Ok(Self(format!("{}\n{}", name.0, key.0)))
    }

    /// The token itself, for the one place that puts it into a header or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same in bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What lies in a token file.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenFile {
    /// Its bytes as text, at most a few kilobytes.
    pub text: String,
    /// Whether others than its owner may read it.
    pub open_to_others: bool,
}

impl TokenFile {
    /// Reads a file; of a long one only the beginning, which is then too long for a token.
    ///
    /// # Errors
    /// What the system says; `InvalidData` when it is not text.
    pub fn read(path: &Path) -> io::Result<Self> {
        const BYTES_MAX: u64 = 4096;
        if std::fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let file = std::fs::File::open(path)?;
        let open_to_others = is_open_to_others(&file.metadata()?);
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Self { text, open_to_others })
    }
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

/// What an operator has to know of a token file that could not be read.
#[expect(clippy::wildcard_enum_match_arm, reason = "what else the system says is shown as it is")]
pub(super) fn read_failed(path: &Path, called: &str, error: &io::Error) -> (String, String) {
    let path = path.display();
    let (what, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            "does not exist".to_owned(),
            match called {
                "credentials" => {
                    "write the access key on its first line and the secret key on its \
                                  second (mode 0600)"
                        .to_owned()
                }
                "password" => "write the Event Socket's password into it (mode 0600)".to_owned(),
                _ => format!(
                    "`hallporter init` makes a fresh one in a new directory, or write a random \
                     {called} of 16 characters or more into it (mode 0600)"
                ),
            },
        ),
        io::ErrorKind::PermissionDenied => (
            "may not be read by this user".to_owned(),
            "run hallporter as the user that owns it, or change its owner".to_owned(),
        ),
        io::ErrorKind::IsADirectory => {
            ("is a directory".to_owned(), format!("name the file that holds the {called}"))
        }
        io::ErrorKind::InvalidData => {
            ("is not text".to_owned(), format!("write the {called} itself into it"))
        }
        _ => (format!("could not be read ({error})"), "look after the disk".to_owned()),
    };
    (format!("{called} file {path} {what}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_into_a_header() {
        assert_eq!(Secret::parse(" 0123456789abcdef\n").unwrap().expose(), "0123456789abcdef");
        let long = "x".repeat(TOKEN_CHARACTERS_MAX + 1);
        for bad in ["", "short", "0123456789abcde", "0123456789 abcdef", "0123456789äabcdef", &long]
        {
            assert!(Secret::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_fits_into_a_line() {
        assert_eq!(Secret::password("ClueCon\n").unwrap().expose(), "ClueCon");
        let long = "x".repeat(TOKEN_CHARACTERS_MAX + 1);
        for bad in ["", " \n", "a b", "a\n\nexit", "ä", &long] {
            assert!(Secret::password(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_are_two_lines() {
        let keys = Secret::two_lines(" AKIA:x \r\n  sec/ret+=  \n\n").unwrap();
        assert_eq!(keys.expose(), "AKIA:x\nsec/ret+=");
        for bad in ["", "a", "a\n", "a\n\nb", "a\nb\nc", "a b\nc", "a\nb c", "a\nä"] {
            assert!(Secret::two_lines(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn it_is_not_shown() {
        let secret = Secret::parse("0123456789abcdef").unwrap();
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
