//! Processes that end with the test, whatever becomes of it.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{eventually, shell};

/// A process in a group of its own; the whole group is killed when this is dropped, and by a
/// watchman if the test itself is killed.
pub(crate) struct Process {
    child: Child,
    watchman: Child,
    line: Option<ChildStdin>,
}

impl Process {
    /// Starts it, with everything that it says going into `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
        // Its line is cut when the test process dies, for whatever reason.
        let orders = format!("read x; [ \"$x\" = over ] || kill -s KILL -- -{}", child.id());
        let mut watchman = Command::new("sh")
            .args(["-c", &orders])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = watchman.stdin.take();
        Self { child, watchman, line }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal (`TERM`, `STOP`, ...) to the process alone.
    pub(crate) fn signal(&self, name: &str) {
        shell(&format!("kill -s {name} -- {}", self.pid()));
    }

    /// Sends a signal to the whole group; nobody left is as good.
    pub(crate) fn signal_all(&self, name: &str) {
        shell(&format!("kill -s {name} -- -{} 2>/dev/null || :", self.pid()));
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        eventually(within, || self.ended().is_some());
        self.ended()
    }

    /// Kills the group and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal_all("KILL");
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if let Some(mut line) = self.line.take() {
            let _ = line.write_all(b"over\n");
        }
        let _ = self.watchman.wait();
    }
}
