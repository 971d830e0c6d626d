//! Starting and stopping: what begins in which order, what ends in which order.

mod agree;
mod alarm;
mod call_back;
mod clock;
mod council;
mod filling;
mod hall;
mod history;
mod house;
mod log;
mod look;
mod mail;
mod metrics;
mod minutes;
mod nodes;
mod operator;
mod porter;
mod proxy;
mod push;
mod tell;
mod together;
mod watchdog;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Cluster, Config, S3, Sharing};
use crate::desk::{Desk, Settings, TogetherSettings};
use crate::domain::{NodeId, ProxyId};
use crate::http;
use crate::routing::Limits;
use crate::store::{Keep, Store, Wall};

pub use nodes::Joining;

use clock::Clock;
use house::House;
use minutes::Minutes;
use nodes::{Dir, Nodes, Papers, RollBook};
use porter::Front;
use proxy::Proxy;

/// How long a proxy may take to show its calls before the door opens without it.
const FIRST_LOOK_WITHIN: Duration = Duration::from_secs(2);

/// How long requests that have begun may take when the daemon stops.
const DOOR_WITHIN: Duration = Duration::from_secs(10);

/// How long the good-bye to other nodes may take.
const GOOD_BYE_WITHIN: Duration = Duration::from_secs(1);

/// How many connections may wait to be taken.
const LISTEN_BACKLOG: u32 = 1024;

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it can't start: the port or the data directory is in use, a database is damaged, the
/// system refuses something. The sentence says what to do.
pub fn run(config: Config, config_path: &Path, joining: Option<Joining>) -> anyhow::Result<()> {
    log::set_up(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads: raise the limit of processes (ulimit -u)")?;
    runtime.block_on(serve(Arc::new(config), config_path.to_owned(), joining))
}

/// Tries the bucket for recordings: writes something, reads it, deletes it. Takes seconds when
/// nobody answers.
///
/// # Errors
/// What is wrong with it and what to do, in a sentence.
pub fn try_bucket(s3: &S3) -> anyhow::Result<()> {
    mail::bucket::try_it(s3)
}

async fn serve(
    config: Arc<Config>,
    config_path: PathBuf,
    joining: Option<Joining>,
) -> anyhow::Result<()> {
    // Signals first: one that comes while the databases are read must not be lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;

    let listen = config.http.listen;
    // Bound now, so that a port in use is told before anything else; opened when there is
    // somebody to answer. Until then a proxy is refused at once and asks the second daemon.
    let socket = bind(listen)?;
    let (house, papers) = open_house(&config, joining.as_ref()).await?;
    // Before what lies in the spool is delivered, which is agreed on with the others; and before the
    // door opens: a node that is to answer no calls must not answer the first ones.
    if let Some(papers) = papers {
        let socket = nodes::bind_for(&config)?;
        Nodes::start(&house, Dir::new(&config.node.data_dir), papers, socket)?;
    }
    mail::open(&house)?;
    house.informed().await;
    look::first(&house, FIRST_LOOK_WITHIN).await;
    tokio::spawn(alarm::run(Arc::clone(&house)));
    house.welcomed().await;
    let listener = socket.listen(LISTEN_BACKLOG).with_context(|| in_use(listen))?;

    let (route, admin) = (&config.http.route_token, &config.http.admin_token);
    let tokens = http::Tokens::new(route.expose().as_bytes(), admin.expose().as_bytes());
    let front: Arc<dyn http::Porter> = Arc::new(Front(Arc::clone(&house)));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let door = tokio::spawn(http::serve(
        listener,
        front,
        http::Options::new(Arc::clone(&tokens)),
        async move {
            let _ = stopped.await;
        },
    ));
    for index in 0..house.proxies.len() {
        tokio::spawn(look::run(Arc::clone(&house), index));
    }
    tokio::spawn(tell::run(Arc::clone(&house)));
    tokio::spawn(watchdog::run(Arc::clone(&house)));
    let calls = house.desk().figures().calls;
    tracing::info!(%listen, calls, boot = house.boot, node = config.node.name, "ready");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = house.stop.notified() => break,
            _ = hang_up.recv() => reload(&house, &config_path, &tokens),
        }
    }
    house.drain();
    let drain = house.config().http.drain;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    tracing::info!(drain_s = drain.as_secs(), "stopping: not ready, still answering");
    tokio::select! {
        () = tokio::time::sleep(drain) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    close(&house, stop, door).await
}

/// Makes the papers of a cluster's first node while its daemon does not run.
///
/// # Errors
/// When there are papers already, or they can't be written. The sentence says what to do.
pub fn found_cluster(config: &Config, name: &str) -> anyhow::Result<()> {
    nodes::found_stopped(config, name, Clock::new().now())
}

fn bind(listen: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.with_context(|| in_use(listen))?;
    socket.set_reuseaddr(true).with_context(|| in_use(listen))?;
    socket.bind(listen).with_context(|| in_use(listen))?;
    Ok(socket)
}

fn in_use(listen: SocketAddr) -> String {
    format!("{listen} can't be listened on: is another daemon running there? (key http.listen)")
}

/// Opens the store, takes in what it has, and furnishes the house.
async fn open_house(
    config: &Arc<Config>,
    joining: Option<&Joining>,
) -> anyhow::Result<(Arc<House>, Option<Papers>)> {
    let clock = Clock::new();
    let seed = clock::dice().context("the system gives no randomness")?;
    let keep = Keep { entries: config.calls.why_keep, for_: config.calls.why_keep_for };
    let data_dir = config.node.data_dir.clone();
    let wall: Wall = Arc::new(move || clock.now().wall_ms);
    let (store, boot) = tokio::task::spawn_blocking(move || Store::open(&data_dir, keep, wall))
        .await
        .context("opening the databases was broken off")??;
    let store = Arc::new(store);
    let dir = Dir::new(&config.node.data_dir);
    dir.refuse_old_copy()?;
    let knows_others = store.knows_other_nodes()?;
    if joining.is_some() && !dir.has_papers() && !dir.has_left() && !knows_others {
        refuse_own_registry(&store, config)?;
    }
    let papers = nodes::papers(&dir, config, joining, knows_others, move || clock.now()).await?;
    let roll = RollBook::load(dir)?;
    let proxies = config
        .kamailio
        .proxies
        .iter()
        .zip(0u8..)
        .map(|(proxy, id)| Proxy::new(ProxyId(id), proxy.clone()));
    let proxies: Vec<Proxy> = proxies.collect::<Result<_, _>>()?;
    let node = papers.as_ref().map_or(NodeId(1), |papers| papers.credentials.identity().node);
    let desk = Desk::new(settings(config, node, boot, seed));
    let minutes = Minutes::new(boot, clock::dice().context("the system gives no randomness")?);
    let house = House::new(desk, clock, store, proxies, Arc::clone(config), minutes, roll)?;
    let filling_house = Arc::clone(&house);
    let cluster = papers.is_some().then_some((node, seed));
    tokio::task::spawn_blocking(move || filling::fill(&filling_house, cluster))
        .await
        .context("reading the databases was broken off")??;
    hall::open(&house, node).await.context("the log can't be taken up")?;
    let source = Arc::clone(&house);
    house.store.write_rows_from(Box::new(move |max| {
        source.desk().take_changes(max, source.clock.now())
    }))?;
    Ok((house, papers))
}

/// A newcomer takes over what the cluster has: what it has laid down itself would be lost.
fn refuse_own_registry(store: &Store, config: &Config) -> anyhow::Result<()> {
    let changes = store.load_registry(&mut |_| {})?;
    anyhow::ensure!(
        changes == 0,
        "this node has accounts of its own in {}, which a cluster that it joins would not know: \
         let it join with an empty node.data_dir, or let the others join this one",
        config.node.data_dir.display()
    );
    Ok(())
}

fn settings(config: &Config, node: NodeId, boot: u32, seed: u64) -> Settings {
    let (messages, switches) = mail::settings(config, boot);
    Settings {
        node,
        boot,
        seed,
        emergency_numbers: config.emergency.numbers.clone(),
        emergency_grace_ms: ms(config.emergency.grace),
        numbering: config.numbering.clone(),
        zone: config.node.zone.clone(),
        star_codes: config.star_codes.clone(),
        gateway: config.routing.pstn_gateway.clone(),
        push_wait_s: config
            .push
            .as_ref()
            .map(|push| u16::try_from(push.wait.as_secs()).unwrap_or(u16::MAX)),
        limits: Limits {
            branches_max: config.routing.branches_max,
            stage_branches_max: config.routing.stage_branches_max,
        },
        trust_from: config.kamailio.trust_from,
        reserve_slack_ms: ms(config.calls.reserve_slack),
        duration_max_ms: ms(config.calls.max_duration),
        calls_max: config.calls.table_max,
        proxies: u8::try_from(config.kamailio.proxies.len()).unwrap_or(u8::MAX),
        switches,
        messages,
        together: together(config),
    }
}

fn together(config: &Config) -> TogetherSettings {
    let Some(cluster) = &config.cluster else { return TogetherSettings::default() };
    let Sharing { ask_within, overdraft, release_after, waiting_max } = cluster.sharing;
    TogetherSettings {
        ask_within_ms: ms(ask_within),
        overdraft,
        release_after_ms: release_after.map(ms),
        waiting_max,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Takes the configuration anew, whole or not at all.
fn reload(house: &House, path: &Path, tokens: &http::Tokens) {
    let (new, warnings) = match Config::load(path) {
        Ok(read) => read,
        Err(mistakes) => {
            for mistake in &mistakes {
                tracing::error!(%mistake, "the configuration has a mistake");
            }
            tracing::error!(
                "nothing was changed: mend the file (`hallporter check`) and reload again"
            );
            return;
        }
    };
    for warning in &warnings {
        tracing::warn!(%warning, "the configuration");
    }
    let old = house.config();
    let ways = |config: &Config| {
        let way = |cluster: &Cluster| (cluster.listen, cluster.reach);
        config.cluster.as_ref().map(way)
    };
    let fixed = [
        ("node", old.node != new.node),
        ("http.listen", old.http.listen != new.http.listen),
        ("log", old.log != new.log),
        ("kamailio.proxy", old.kamailio.proxies != new.kamailio.proxies),
        ("cluster.listen", ways(&old) != ways(&new)),
        ("push", old.push != new.push),
        ("calls.table_max", old.calls.table_max != new.calls.table_max),
        ("s3", old.s3 != new.s3),
        ("messages", old.messages != new.messages),
        ("freeswitch", old.switches != new.switches),
        ("calls.why_keep", old.calls.why_keep != new.calls.why_keep),
        ("calls.why_keep_for", old.calls.why_keep_for != new.calls.why_keep_for),
    ];
    for (key, _) in fixed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "takes effect only after a restart");
    }
    let (route, admin) = (&new.http.route_token, &new.http.admin_token);
    tokens.replace(route.expose().as_bytes(), admin.expose().as_bytes());
    let wait_s = house.desk().push_wait_s();
    let node = house.nodes().map_or(NodeId(1), |nodes| nodes.own.node);
    house.desk().reload(Settings { push_wait_s: wait_s, ..settings(&new, node, house.boot, 0) });
    *house.config.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(new);
    if let Some(nodes) = house.nodes() {
        nodes.reloaded(house);
    }
    // What was waited for may be due at another time now.
    house.alarm.notify_one();
    tracing::info!("the configuration was taken anew");
}

/// Closes the door and writes everything down.
async fn close(
    house: &Arc<House>,
    stop: tokio::sync::oneshot::Sender<()>,
    door: tokio::task::JoinHandle<std::io::Result<()>>,
) -> anyhow::Result<()> {
    let _ = stop.send(());
    match tokio::time::timeout(DOOR_WITHIN, door).await {
        Ok(closed) => closed.context("the HTTP door was broken off")??,
        // Half a request, say: nobody's last word may keep the calls from being written down.
        Err(_) => tracing::warn!("connections that would not end were cut"),
    }
    if let Some(nodes) = house.nodes() {
        nodes.good_bye(house);
    }
    if let Some(agreement) = house.agreement() {
        agreement.close().await;
    }
    let closing = Arc::clone(house);
    let left = tokio::task::spawn_blocking(move || closing.store.flush_and_stop())
        .await
        .context("writing down the last calls was broken off")?;
    if let Some(nodes) = house.nodes() {
        // Whoever does not hear it finds out by himself.
        let _ = tokio::time::timeout(GOOD_BYE_WITHIN, nodes.endpoint.shut()).await;
    }
    if left > 0 {
        tracing::error!(
            rows = left,
            "some calls could not be written down: after the next start they are found at the proxies"
        );
    }
    tracing::info!("stopped");
    Ok(())
}
