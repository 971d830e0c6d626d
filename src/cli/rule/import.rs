//! `hallporter rule import`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::domain::{AccountName, Day, SipUri};
use crate::import::{
    Export, Imported, Imports, NotCarried, SOURCE_BYTES_MAX, Unreadable, Wanted, read_cpl,
    read_fusionpbx,
};

/// `rule import …`
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["cpl", "fusionpbx"]))]
pub(super) struct Args {
    /// A CPL script (RFC 3880); `-` reads the standard input
    #[arg(long, value_name = "FILE")]
    cpl: Option<PathBuf>,
    /// Tables of a FusionPBX, as CSV with a header or as rows in JSON: ring groups, extensions,
    /// follow-me, and their destinations
    #[arg(long, value_name = "FILE", num_args = 1..)]
    fusionpbx: Vec<PathBuf>,
    /// The account that the rules are for [default: ACCOUNT, to be put in; with FusionPBX the
    /// number of the group or extension]
    #[arg(long, value_name = "NAME", value_parser = AccountName::parse)]
    account: Option<AccountName>,
    /// CPL: where the account's phones register
    #[arg(long, value_name = "URI", value_parser = SipUri::parse)]
    aor: Option<SipUri>,
    /// CPL: an address that takes messages; may be given several times
    #[arg(long, value_name = "URI", value_parser = SipUri::parse)]
    voicemail: Vec<SipUri>,
    /// CPL: periods that began before this day are not asked since when [default: all are asked]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    today: Option<Day>,
    /// FusionPBX: the host of the extensions, where no column says it
    #[arg(long, value_name = "HOST", value_parser = host)]
    domain: Option<String>,
    /// FusionPBX: this group or extension alone
    #[arg(long, value_name = "NUMBER")]
    extension: Option<String>,
    /// FusionPBX: write a file for each account into this directory, NAME.toml; none that is there
    /// already is written over
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Imports, without asking a daemon.
pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let wanted = Wanted {
        account: args.account.clone(),
        aor: args.aor.clone(),
        domain: args.domain.clone(),
        today: args.today,
        voicemail: args.voicemail.clone(),
    };
    let mut imports = match &args.cpl {
        Some(path) => {
            let imported =
                read_cpl(&read(path)?, &wanted).map_err(|error| told(path, &error, screen))?;
            Imports { imports: vec![imported], not_carried: Vec::new() }
        }
        None => {
            let file =
                |path: &PathBuf| Ok(Export { name: path.display().to_string(), text: read(path)? });
            let files = args.fusionpbx.iter().map(file).collect::<Result<Vec<_>, Failure>>()?;
            let first = args.fusionpbx.first().map_or_else(|| Path::new("-"), PathBuf::as_path);
            read_fusionpbx(&files, &wanted).map_err(|error| told(first, &error, screen))?
        }
    };
    if let Some(number) = &args.extension {
        imports.imports.retain(|imported| imported.number.as_ref() == Some(number));
        if imports.imports.is_empty() {
            return Err(Failure::refused(format!(
                "no group and no extension {number} that does more than ring is in it"
            )));
        }
    }
    let prefix = args.cpl.as_ref().map(|path| format!("{}, ", path.display()));
    list(&imports.not_carried, prefix.as_deref(), screen);
    if screen.json {
        return screen.object(&imports);
    }
    if let Some(into) = &args.into {
        return imports
            .imports
            .iter()
            .try_for_each(|imported| write(into, imported, prefix.as_deref(), screen));
    }
    match imports.imports.as_slice() {
        [] => Err(Failure::refused("nothing came out: the list says why")),
        [imported] => {
            list(&imported.not_carried, prefix.as_deref(), screen);
            screen.raw(imported.text.as_bytes())
        }
        several => {
            let names: Vec<&str> =
                several.iter().filter_map(|one| one.number.as_deref()).take(20).collect();
            Err(Failure::refused(format!(
                "it has the rules of {} accounts: choose one with --extension ({}), or write all with --into DIR",
                several.len(),
                names.join(", ")
            )))
        }
    }
}

fn write(
    into: &Path,
    imported: &Imported,
    prefix: Option<&str>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let path = into.join(format!("{}.toml", imported.account));
    let open = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written =
        open.and_then(|mut file| std::io::Write::write_all(&mut file, imported.text.as_bytes()));
    written.map_err(|error| {
        Failure::refused(format!("{} can't be written: {error}", path.display()))
    })?;
    list(&imported.not_carried, prefix, screen);
    let (path, source) = (path.display(), &imported.source);
    screen.line(format_args!("{path}: {source}, not carried over: {}", imported.not_carried.len()))
}

/// What was not carried over, on standard error.
fn list(entries: &[NotCarried], prefix: Option<&str>, screen: &mut Screen<'_>) {
    if screen.json {
        return;
    }
    for entry in entries {
        screen.note(format_args!("not carried over: {}{entry}", prefix.unwrap_or_default()));
    }
}

/// Every mistake with its place.
fn told(path: &Path, error: &Unreadable, screen: &mut Screen<'_>) -> Failure {
    let path = path.display();
    let Unreadable::Source(faults) = error else {
        return Failure::refused(format!("{path}: {error}"));
    };
    for fault in faults {
        match fault.file {
            Some(_) => screen.note(fault),
            None => screen.note(format_args!("{path}, {fault}")),
        }
    }
    Failure::refused(format!("{path} can't be read: nothing came out"))
}

/// A file, or the standard input. One that is too long is not read to its end.
fn read(path: &Path) -> Result<String, Failure> {
    let told = |what: &str| Failure::refused(format!("{} {what}", path.display()));
    let most = SOURCE_BYTES_MAX as u64 + 1;
    let mut text = Vec::new();
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut text))
    };
    done.map_err(|error| told(&format!("can't be read: {error}")))?;
    String::from_utf8(text)
        .map_err(|_| told("has bytes in it that are not UTF-8: convert it first"))
}

fn day(text: &str) -> Result<Day, String> {
    let wrong = || format!("{text:?} is no day: write it as 2026-12-24");
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return Err(wrong()) };
    let made = year.parse().ok().zip(month.parse().ok()).zip(day.parse().ok());
    made.and_then(|((year, month), day)| Day::new(year, month, day)).ok_or_else(wrong)
}

fn host(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if plain && !text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no host"))
    }
}
