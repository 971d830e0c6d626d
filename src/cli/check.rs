//! `hallporter check`

use std::time::Duration;

use serde_json::json;

use crate::config::{Checked, Config, Sharing, Warning};
use crate::serve::try_bucket;

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
    let Checked { config, mistakes, mut warnings } = Config::examine(&path);
    let s3 = config.as_ref().and_then(|config| config.s3.as_ref());
    if let Some(Err(error)) = s3.map(try_bucket) {
        let what = error.to_string();
        warnings.push(Warning { line: None, key: "s3.bucket".to_owned(), what });
    }
    let file = path.display();
    if screen.json {
        let cluster = config.as_ref().and_then(|config| config.cluster);
        screen.object(&json!({
            "file": file.to_string(),
            "mistakes": mistakes,
            "warnings": warnings,
            // As it is in force; null: this node stays alone.
            "s3": s3.map(ToString::to_string),
            "cluster": cluster.map(|cluster| sharing(&cluster.sharing)),
        }))?;
    } else {
        for mistake in &mistakes {
            screen.line(format_args!("{file}: {mistake}"))?;
        }
        for warning in &warnings {
            screen.line(format_args!("{file}: warning: {warning}"))?;
        }
    }
    if let Some(config) = config {
        if screen.json {
            return Ok(());
        }
        if let Some(cluster) = &config.cluster {
            screen.line(format_args!("{file}: cluster: {}", cluster.sharing))?;
        }
        if let Some(s3) = &config.s3 {
            screen.line(format_args!("{file}: s3: {s3}"))?;
        }
        return screen.line(format_args!("{file}: no mistakes"));
    }
    let count = match mistakes.len() {
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    Err(Failure::refused(format!(
        "{count} in {file}: the daemon does not start with it, correct the file and check again"
    )))
}

fn sharing(sharing: &Sharing) -> serde_json::Value {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "ask_within_ms": ms(sharing.ask_within),
        "overdraft": sharing.overdraft,
        "release_after_ms": sharing.release_after.map(ms),
        "waiting_max": sharing.waiting_max,
    })
}
