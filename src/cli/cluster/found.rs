//! `hallporter cluster init`

use crate::config::Config;

use super::super::failure::Failure;
use super::super::find::{Door, config_path, unusable};
use super::super::screen::Screen;
use super::super::typed::Daemon;

/// Over the running daemon, which becomes the first node at once; else only the papers are made.
pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let door = Door::find(daemon)?;
    match door.client.cluster_found(Some(name.clone())).await.map_err(|error| door.explain(error)) {
        Ok(view) => {
            let sentence = format!(
                "{} is the first node of the cluster {} now; next: hallporter cluster token > FILE, \
                 and at the newcomer: hallporter serve -c FILE --join IP:PORT --token-file FILE",
                view.node, view.cluster
            );
            screen.done(&view, sentence)
        }
        // Somebody who names a daemon means that one.
        Err(Failure::Unreachable(_)) if daemon.url.is_none() => stopped(daemon, &name, screen),
        Err(failure) => Err(failure),
    }
}

fn stopped(daemon: &Daemon, name: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let path = config_path(&daemon.config)?;
    let (config, _) = Config::load(&path).map_err(|found| unusable(&path, &found))?;
    crate::serve::found_cluster(&config, name)
        .map_err(|error| Failure::refused(format!("{error:#}")))?;
    let node = &config.node.name;
    let view = serde_json::json!({ "cluster": name, "node": node, "running": false });
    let sentence = format!(
        "{node} will be the first node of the cluster {name}: the daemon does not run; next: \
         hallporter serve -c {}",
        path.display()
    );
    screen.done(&view, sentence)
}
