//! Reading the file, and what an operator is told when that fails.

use std::io::{self, Read};
use std::path::Path;

use super::file::FILE_BYTES_MAX;
use super::mistake::Mistake;

/// Reads a config file's text; of a file that is too long, as much as shows that it is.
pub(super) fn read_text(path: &Path) -> Result<String, Mistake> {
    let bytes = read_bounded(path).map_err(|error| {
        let (what, hint) = reason(&error);
        mistake(None, &what, hint)
    })?;
    if bytes.len() > FILE_BYTES_MAX {
        let what = format!("the file is longer than {} KiB", FILE_BYTES_MAX / 1024);
        return Err(mistake(None, &what, Some("is it the right file?")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        mistake(Some(line), "holds bytes that are not UTF-8", Some("save the file as UTF-8"))
    })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what else the system says is shown as it is")]
fn reason(error: &io::Error) -> (String, Option<&'static str>) {
    let (what, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            "there is no such file",
            "name another one with -c, or make one with `hallporter init --dir DIR`",
        ),
        io::ErrorKind::PermissionDenied => {
            ("this user may not read the file", "run hallporter as the user that owns it")
        }
        io::ErrorKind::IsADirectory => {
            ("this is a directory", "name the file, usually hallporter.toml in it")
        }
        _ => return (format!("the file could not be read ({error})"), None),
    };
    (what.to_owned(), Some(hint))
}

fn mistake(line: Option<usize>, what: &str, hint: Option<&str>) -> Mistake {
    Mistake { line, key: String::new(), what: what.to_owned(), hint: hint.map(str::to_owned) }
}
