//! `hallporter init`

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::{First, first_file};
use crate::domain::AccountName;

use super::failure::Failure;
use super::find::url_of;
use super::screen::Screen;

/// What Kamailio includes. `{{URL}}` and `{{ROUTE_TOKEN}}` are filled in.
const KAMAILIO_SETTINGS: &str = include_str!("hallporter-settings.cfg");

/// `init …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to; made if it is not there
    #[arg(long)]
    dir: PathBuf,
    /// What this daemon is called
    #[arg(long, default_value = "node1", value_parser = name)]
    name: String,
    /// The region in which it stands
    #[arg(long, default_value = "default", value_parser = name)]
    region: String,
    /// Where it listens for proxies, operators and the command line
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8170")]
    listen: SocketAddr,
    /// Where it listens for the other nodes of a cluster (UDP)
    #[arg(long, value_name = "IP:PORT")]
    cluster_listen: Option<SocketAddr>,
}

fn name(text: &str) -> Result<String, String> {
    // Nodes are named by the same rule as accounts.
    AccountName::parse(text).map(|name| name.to_string()).map_err(|_| {
        "take 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit".to_owned()
    })
}

/// Makes the directory. Either everything is there afterwards, or nothing that was not before.
pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (route_token, admin_token) = (random_hex::<32>()?, random_hex::<32>()?);
    let (link_key, password) = (random_hex::<32>()?, random_hex::<32>()?);
    let settings = KAMAILIO_SETTINGS
        .replace("{{URL}}", &url_of(args.listen))
        .replace("{{ROUTE_TOKEN}}", &route_token);
    let first = first_file(&First {
        name: &args.name,
        region: &args.region,
        listen: &args.listen.to_string(),
        cluster_listen: args.cluster_listen.map(|listen| listen.to_string()).as_deref(),
    });
    let files = [
        ("route.token", 0o600, route_token + "\n"),
        ("admin.token", 0o600, admin_token + "\n"),
        ("link.key", 0o600, link_key + "\n"),
        ("freeswitch.password", 0o600, password + "\n"),
        ("hallporter-settings.cfg", 0o600, settings),
        ("hallporter.toml", 0o644, first),
    ];
    let dir = &args.dir;
    refuse_existing(dir, files.iter().map(|(name, _, _)| *name))?;
    let mut made = Made::default();
    make_directory(dir, 0o755, &mut made)?;
    make_directory(&dir.join("data"), 0o700, &mut made)?;
    for (name, mode, text) in &files {
        make_file(&dir.join(name), *mode, text, &mut made)?;
    }
    made.keep();
    show(dir, screen)
}

/// Bytes from the system's source of randomness, in hex.
pub(super) fn random_hex<const N: usize>() -> Result<String, Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::refused(format!(
            "the system gives no random bytes ({error}): is /dev/urandom there?"
        ))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn refuse_existing<'a>(dir: &Path, names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let found = names.map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok());
    found.map_or(Ok(()), |path| Err(exists(&path)))
}

fn exists(path: &Path) -> Failure {
    Failure::refused(format!(
        "{} exists already and is not overwritten: name another directory with --dir, or move it away; nothing was changed",
        path.display()
    ))
}

/// What was made so far; taken away again when something fails.
#[derive(Default)]
struct Made {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Made {
    fn keep(mut self) {
        self.files.clear();
        self.directories.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        for directory in self.directories.iter().rev() {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

fn make_directory(path: &Path, mode: u32, made: &mut Made) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_directory(parent, 0o755, made)?;
    }
    DirBuilder::new().mode(mode).create(path).map_err(|error| not_made(path, &error))?;
    made.directories.push(path.to_path_buf());
    Ok(())
}

fn make_file(path: &Path, mode: u32, text: &str, made: &mut Made) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = opened.map_err(|error| match error.kind() == io::ErrorKind::AlreadyExists {
        true => exists(path),
        false => not_made(path, &error),
    })?;
    made.files.push(path.to_path_buf());
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| not_made(path, &error))
}

fn not_made(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!(
        "{} can't be made ({error}): see that the disk has room and that this user may write there; nothing was changed",
        path.display()
    ))
}

fn show(dir: &Path, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let parts = [
        ("hallporter.toml", "the settings, every key explained"),
        ("route.token", "the proxies' token"),
        ("admin.token", "the operators' token"),
        ("link.key", "what links for uploads are signed with"),
        ("freeswitch.password", "a password for FreeSWITCH's Event Socket"),
        ("hallporter-settings.cfg", "for Kamailio: the daemon's address and the proxies' token"),
        ("data", "where the databases will lie"),
    ];
    let path = |name: &str| dir.join(name).display().to_string();
    if screen.json {
        let paths: Vec<String> = parts.iter().map(|(name, _)| path(name)).collect();
        return screen.object(&json!({ "config": path("hallporter.toml"), "made": paths }));
    }
    for (name, meaning) in parts {
        screen.line(format_args!("{}  {meaning}", path(name)))?;
    }
    screen.line(format_args!("next: hallporter serve -c {}", path("hallporter.toml")))
}
