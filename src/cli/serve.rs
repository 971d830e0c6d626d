//! `hallporter serve`

use crate::config::Config;

use super::failure::Failure;
use super::find::{config_path, unusable};
use super::screen::Screen;
use super::typed::ConfigFile;

/// `serve …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
}

/// Reads the config file and runs the daemon until it is told to stop.
pub(super) fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let path = config_path(&args.config)?;
    let (config, warnings) = Config::load(&path).map_err(|found| {
        if let [_] = &found[..] {
            return unusable(&path, &found);
        }
        for mistake in &found {
            screen.note(format_args!("{}: {mistake}", path.display()));
        }
        Failure::refused(format!(
            "the daemon does not start with {} mistakes in {}: correct the file",
            found.len(),
            path.display()
        ))
    })?;
    for warning in warnings {
        screen.note(format_args!("{}: warning: {warning}", path.display()));
    }
    crate::serve::run(config, &path).map_err(|error| Failure::refused(format!("{error:#}")))
}
