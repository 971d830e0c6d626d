//! `hallporter check`

use serde_json::json;

use crate::config::{Checked, Config};

use super::failure::Failure;
use super::find::config_path;
use super::screen::Screen;
use super::typed::ConfigFile;

/// `check …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
}

/// Reads the config file and tells everything about it.
pub(super) fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let path = config_path(&args.config)?;
    let Checked { config, mistakes, warnings } = Config::examine(&path);
    let file = path.display();
    if screen.json {
        screen.object(&json!({
            "file": file.to_string(),
            "mistakes": mistakes,
            "warnings": warnings,
        }))?;
    } else {
        for mistake in &mistakes {
            screen.line(format_args!("{file}: {mistake}"))?;
        }
        for warning in &warnings {
            screen.line(format_args!("{file}: warning: {warning}"))?;
        }
    }
    if config.is_some() {
        return if screen.json { Ok(()) } else { screen.line(format_args!("{file}: no mistakes")) };
    }
    let count = match mistakes.len() {
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    Err(Failure::refused(format!(
        "{count} in {file}: the daemon does not start with it, correct the file and check again"
    )))
}
