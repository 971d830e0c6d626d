//! Looking whether what the settings speak of is really there. What is missing is a warning: a
//! daemon without it still decides calls.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::mistake::Warning;
use super::{Config, Messages};

/// How many missing sounds are named.
const NAMED_MAX: usize = 5;

/// What is missing around a daemon with these settings: a spool that can't be written, prompts,
/// programs. Reads directories and tries to write one file into the spool.
#[must_use]
pub fn look_around(config: &Config) -> Vec<Warning> {
    let Some(messages) = &config.messages else { return Vec::new() };
    let found = [
        spool(&messages.spool).map(|what| ("spool", what)),
        prompts(messages).map(|what| ("prompts", what)),
        ffmpeg(messages).map(|what| ("ffmpeg", what)),
    ];
    let warning = |(key, what)| Warning { line: None, key: format!("messages.{key}"), what };
    found.into_iter().flatten().map(warning).collect()
}

/// Finds a program: a path as it is, a bare name on `PATH`.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let is_program = |path: &Path| path.metadata().is_ok_and(|found| is_program(&found));
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_program(path));
    }
    let places = std::env::var_os("PATH")?;
    std::env::split_paths(&places).map(|place| place.join(name)).find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.is_file() && found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_program(found: &std::fs::Metadata) -> bool {
    found.is_file()
}

fn spool(spool: &Path) -> Option<String> {
    let shown = spool.display();
    match spool.metadata() {
        Ok(found) if !found.is_dir() => Some(format!("{shown} is no directory")),
        Ok(_) => {
            let trial = spool.join(format!(".hallporter-check-{}", std::process::id()));
            let made = std::fs::write(&trial, b"");
            let gone = std::fs::remove_file(&trial);
            let error = made.and(gone).err()?;
            Some(format!(
                "{shown} can't be written by this user ({error}): make it writable for hallporter \
                 and for FreeSWITCH"
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!(
            "{shown} does not exist: make it, writable for hallporter and for FreeSWITCH"
        )),
        Err(error) => Some(format!("{shown} can't be looked at ({error})")),
    }
}

/// English is complete as it is shipped: another language has to have what it has.
fn prompts(messages: &Messages) -> Option<String> {
    let place = messages.prompts.join(messages.language.as_str());
    let shown = place.display();
    let here = match sounds(&place) {
        Ok(here) => here,
        Err(error) => {
            return Some(format!(
                "{shown} can't be read ({error}): callers would hear nothing; put the prompts of \
                 this language there"
            ));
        }
    };
    if here.is_empty() {
        return Some(format!("{shown} holds no .wav file: callers would hear nothing"));
    }
    let english = sounds(&messages.prompts.join("en")).unwrap_or_default();
    let missing: Vec<_> = english.difference(&here).map(String::as_str).collect();
    let first = missing.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    let count = missing.len();
    (count > 0).then(|| format!("{shown} lacks {count} of the sounds that en has, such as {first}"))
}

fn sounds(place: &Path) -> io::Result<BTreeSet<String>> {
    let names = std::fs::read_dir(place)?.filter_map(Result::ok).map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    Ok(names.filter(|name| name.ends_with(".wav")).collect())
}

fn ffmpeg(messages: &Messages) -> Option<String> {
    let name = messages.ffmpeg.as_deref()?;
    find_program(name).is_none().then(|| {
        format!(
            "there is no program {name:?}: messages of several parts are served as parts, and video \
             as Matroska; install ffmpeg, or write ffmpeg = \"\""
        )
    })
}
