//! ffmpeg and ffprobe, as programs: no shell, no questions, nice to everybody else, with an end.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, pidfd_open, prlimit, setpriority_process,
};

/// How much of what a program says is read, in bytes; the rest is thrown away.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// The largest file that a program may write, in bytes.
const WRITES_BYTES_MAX: u64 = 8 << 30;
/// Its niceness: calls go first.
const NICENESS: i32 = 10;
/// How long the pipes of a program that has ended may stay open.
const PIPES_WITHIN: Duration = Duration::from_secs(1);

/// The foreign programs. Everything works without them, some of it less well: video is kept as it
/// was recorded, and several parts are not joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// Debian: package `ffmpeg`.
    pub ffmpeg: Option<PathBuf>,
    /// The same package.
    pub ffprobe: Option<PathBuf>,
}

impl Tools {
    /// Looks in directories that are separated by `:`, as `PATH` is written.
    #[must_use]
    pub fn find(directories: &str) -> Self {
        let find = |name: &str| {
            let places = directories.split(':').filter(|place| place.starts_with('/'));
            places.map(|place| Path::new(place).join(name)).find(|path| is_program(path))
        };
        Self { ffmpeg: find("ffmpeg"), ffprobe: find("ffprobe") }
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("it is not installed")]
    Missing,
    #[error("it could not be started ({0})")]
    Start(io::Error),
    #[error("it took longer than {0:?} and was killed")]
    Late(Duration),
    #[error("{0}: {1}")]
    Failed(ExitStatus, String),
}

/// A path as ffmpeg takes it for nothing but a path: a colon in one would name a protocol.
pub(super) fn file_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(path);
    argument
}

/// Runs a program to its end and gives what it wrote to its standard output.
pub(super) fn run(
    program: Option<&Path>,
    arguments: &[OsString],
    within: Duration,
) -> Result<Vec<u8>, Trouble> {
    let program = program.ok_or(Trouble::Missing)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Trouble::Start)?;
    restrain(&child, within);
    let output = collect(child.stdout.take());
    let errors = collect(child.stderr.take());
    let status = wait(&mut child, within)?;
    let told = |pipe: Receiver<Vec<u8>>| pipe.recv_timeout(PIPES_WITHIN).unwrap_or_default();
    let (output, errors) = (told(output), told(errors));
    if status.success() { Ok(output) } else { Err(Trouble::Failed(status, last_line(&errors))) }
}

/// What it can't do is of no consequence: the deadline holds anyway.
fn restrain(child: &Child, within: Duration) {
    let pid = Some(Pid::from_child(child));
    let _ = setpriority_process(pid, NICENESS);
    let at_most = |most| Rlimit { current: Some(most), maximum: Some(most) };
    let _ = prlimit(pid, Resource::Fsize, at_most(WRITES_BYTES_MAX));
    let _ = prlimit(pid, Resource::Cpu, at_most(within.as_secs().saturating_mul(4).max(4)));
}

/// Waits for the end, kills the program if it is late, and leaves none behind.
fn wait(child: &mut Child, within: Duration) -> Result<ExitStatus, Trouble> {
    match ends(child, within) {
        Ok(true) => child.wait().map_err(Trouble::Start),
        outcome => {
            let _ = child.kill();
            let _ = child.wait();
            Err(outcome.map_or_else(Trouble::Start, |_| Trouble::Late(within)))
        }
    }
}

fn ends(child: &Child, within: Duration) -> io::Result<bool> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let timeout = Timespec::try_from(within).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads a pipe to its end on a thread of its own, so that a program never waits to be heard.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    if let Some(mut pipe) = pipe {
        std::thread::spawn(move || {
            let mut heard = Vec::new();
            let _ = pipe.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut heard);
            let _ = io::copy(&mut pipe, &mut io::sink());
            // Nobody may be waiting any more.
            let _ = tell.send(heard);
        });
    }
    told
}

/// The last thing that was said, without anything that could upset a log.
fn last_line(errors: &[u8]) -> String {
    let errors = String::from_utf8_lossy(errors);
    let line = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word");
    line.trim().chars().filter(|character| !character.is_control()).take(300).collect()
}

/// Arguments from words and paths.
pub(super) fn arguments<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
    words.into_iter().map(|word| OsStr::new(word).to_owned()).collect()
}
