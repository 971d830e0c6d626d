//! The log: lines with fields, for people or for programs.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Sets the log up, on standard error. `RUST_LOG` goes before the configuration, for the one
/// night when more is wanted. Does nothing the second time.
pub(crate) fn set_up(config: &Log) {
    let wanted = format!(
        "{level},hyper=warn,object_store=off,openraft=off,reqwest=warn,rustls=warn,freeswitch_esl_tokio=error",
        level = config.level
    );
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(wanted));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let done = match config.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
    };
    if done.is_err() {
        tracing::debug!("the log was set up before");
    }
}
