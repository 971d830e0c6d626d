//! Recordings saved and played.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::find::Door;
use crate::cli::init::random_hex;
use crate::cli::screen::Screen;
use crate::config::find_program;
use crate::domain::{MessageId, Stored};
use crate::http::ClientError;
use crate::http::wire::MessageView;

/// One file of a message: all of it (`None`) or a part.
struct Wanted {
    part: Option<u16>,
    media_type: String,
}

/// Saves a recording.
pub(super) async fn get(
    id: MessageId,
    part: Option<u16>,
    output: Option<PathBuf>,
    door: &Door,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let view = door.client.message(id).await.map_err(|error| door.explain(error))?;
    let files = wanted(&view, part)?;
    let [file] = &files[..] else {
        let parts = files.len();
        return Err(Failure::refused(format!(
            "the {parts} parts of message {id} could not be joined: get them one by one with --part 1, --part 2, …"
        )));
    };
    if output.as_deref() == Some(Path::new("-")) {
        let written = door.client.message_file(id, file.part, screen.bytes()).await;
        return written.map_err(|error| door.explain(error))?.map(|_| ()).map_err(Into::into);
    }
    let path = output.unwrap_or_else(|| {
        let part = file.part.map(|part| format!("-{part}")).unwrap_or_default();
        PathBuf::from(format!("{id}{part}.{}", ending(&file.media_type)))
    });
    let bytes = save(id, file, &path, 0o666, door).await?;
    let shown = path.display();
    screen.done(
        &json!({ "id": id, "file": shown.to_string(), "bytes": bytes }),
        format_args!("message {id} saved as {shown}, {bytes} bytes"),
    )
}

/// Plays a recording; parts that could not be joined one after the other.
pub(super) async fn play(
    id: MessageId,
    part: Option<u16>,
    door: &Door,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let view = door.client.message(id).await.map_err(|error| door.explain(error))?;
    let files = wanted(&view, part)?;
    let players = files.iter().map(|file| player(id, file)).collect::<Result<Vec<_>, _>>()?;
    for (file, (program, arguments)) in files.iter().zip(players) {
        let name = format!("hallporter-{}.{}", random_hex::<16>()?, ending(&file.media_type));
        let held = Held(std::env::temp_dir().join(name));
        save(id, file, &held.0, 0o600, door).await?;
        screen.flush()?;
        let status = Command::new(&program).args(arguments).arg(&held.0).status();
        let shown = program.display();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => {
                return Err(Failure::refused(format!(
                    "{shown} could not play it ({status}): save it with `message get {id}`"
                )));
            }
            Err(error) => {
                return Err(Failure::refused(format!("{shown} can't be started: {error}")));
            }
        }
    }
    screen.done(
        &json!({ "id": id, "files_played": files.len() }),
        format_args!("message {id} played"),
    )
}

/// A file for as long as it is played.
struct Held(PathBuf);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The files that make up what is wanted: one, or all parts where they could not be joined.
fn wanted(view: &MessageView, part: Option<u16>) -> Result<Vec<Wanted>, Failure> {
    let file = |part, stored: &Stored| Wanted { part, media_type: stored.media_type.to_string() };
    if let Some(number) = part {
        let found = view.parts.iter().find(|known| known.number == number);
        let numbers: Vec<_> = view.parts.iter().map(|part| part.number.to_string()).collect();
        let found = found.ok_or_else(|| {
            let numbers = numbers.join(", ");
            Failure::refused(format!("message {} has no part {number}: it has {numbers}", view.id))
        })?;
        return Ok(vec![file(part, &found.file)]);
    }
    match (&view.joined, &view.parts[..]) {
        (Some(joined), _) => Ok(vec![file(None, joined)]),
        (None, [only]) => Ok(vec![file(None, &only.file)]),
        (None, parts) => Ok(parts.iter().map(|part| file(Some(part.number), &part.file)).collect()),
    }
}

/// The program that plays a file, and what it is told before the file's name.
fn player(id: MessageId, file: &Wanted) -> Result<(PathBuf, Vec<&'static OsStr>), Failure> {
    let audio = file.media_type.starts_with("audio/");
    let told = |words: &[&'static str]| words.iter().copied().map(OsStr::new).collect();
    if let Some(program) = find_program("ffplay") {
        let quiet: &[_] = &["-autoexit", "-loglevel", "error"];
        let dark: &[_] = if audio { &["-nodisp"] } else { &[] };
        return Ok((program, told(&[quiet, dark].concat())));
    }
    match find_program("aplay").filter(|_| audio) {
        Some(program) => Ok((program, told(&["-q"]))),
        None => Err(Failure::refused(format!(
            "there is no program here that plays it: install ffmpeg (ffplay){}, or save it with `message get {id}`",
            if audio { " or alsa-utils (aplay)" } else { "" }
        ))),
    }
}

/// The ending of a file's name. Only ours: what the daemon says does not go into a path.
fn ending(media_type: &str) -> &'static str {
    match media_type {
        "audio/wav" => "wav",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "video/x-matroska" => "mkv",
        _ => "bin",
    }
}

/// Writes a recording into a new file. One that does not become whole is taken away again.
async fn save(
    id: MessageId,
    file: &Wanted,
    path: &Path,
    mode: u32,
    door: &Door,
) -> Result<u64, Failure> {
    let mut out = create(path, mode)?;
    let written: Result<io::Result<u64>, ClientError> =
        door.client.message_file(id, file.part, &mut out).await;
    let whole = match written {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(not_written(path, &error)),
        Err(error) => Err(door.explain(error)),
    };
    if whole.is_err() {
        let _ = std::fs::remove_file(path);
    }
    whole
}

fn create(path: &Path, mode: u32) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.map_err(|error| match error.kind() == io::ErrorKind::AlreadyExists {
        true => Failure::refused(format!(
            "{} exists already and is not overwritten: name another file with -o",
            path.display()
        )),
        false => not_written(path, &error),
    })
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::refused(format!("{path} can't be written ({error}): name another file with -o"))
}
