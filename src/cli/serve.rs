//! `hallporter serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Config;
use crate::serve::Joining;

use super::failure::Failure;
use super::find::{config_path, unusable};
use super::screen::Screen;
use super::typed::ConfigFile;

/// `serve …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Come into a cluster, over the node at this address; not needed at later starts
    #[arg(long, value_name = "IP:PORT", requires = "token_file")]
    join: Option<SocketAddr>,
    /// The file with the token that `hallporter cluster token` has made
    #[arg(long, value_name = "FILE", requires = "join")]
    token_file: Option<PathBuf>,
    /// Only have a vote, and answer no calls
    #[arg(long, requires = "join")]
    witness: bool,
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
    let joining = args.join.zip(args.token_file).map(|(address, token_file)| Joining {
        address,
        token_file,
        witness: args.witness,
    });
    crate::serve::run(config, &path, joining)
        .map_err(|error| Failure::refused(format!("{error:#}")))
}
