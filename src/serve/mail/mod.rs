//! Messages in the process: the switches, the keeper of the files, the outbox, links.
//!
//! Everything here carries out what the desk asks for and tells it what came of it. Where no spool
//! is configured there is none of it.

pub(crate) mod bucket;
pub(crate) mod carried;
mod copies;
mod doors;
mod keeper;
mod links;
mod outbox;
mod repair;
mod retention;
mod switches;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast};

use crate::config::{Config, Messages};
use crate::desk::{Input, SwitchPlace};
use crate::domain::{
    CallbackPolicy, MessageId, NodeId, RouteQuery, SpoolCommand, SwitchCommand, SwitchId,
};
use crate::freeswitch::{Switch, SwitchStatus};
use crate::http::wire::BucketView;
use crate::media::{Spool, Tools, UploadLimits};
use crate::messages::{self, Managed, VideoWay};
use crate::notify::{LinkKey, Webhook};

use super::house::House;

use keeper::Keeper;

/// How many recordings may be managed and not heard of yet; who misses one waits his time out.
const MANAGED_MAX: usize = 256;
const MIB: u64 = 1024 * 1024;

/// What the process has for messages.
pub(crate) struct Mail {
    pub(crate) config: Messages,
    pub(crate) spool: Arc<Spool>,
    keeper: Keeper,
    switches: Vec<Switch>,
    links: Option<LinkKey>,
    webhook: Option<Webhook>,
    /// Rung when there may be something to tell.
    pub(crate) bell: Arc<Notify>,
    /// Rung when messages may have to be brought to another node.
    repair: Notify,
    /// How many messages one node alone has, in a cluster, as it was last looked.
    alone: AtomicU64,
    /// The bucket for recordings, if there is one.
    pub(crate) shared: Option<bucket::Shared>,
    managed: broadcast::Sender<MessageId>,
    /// For what is begun by the threads that keep the files.
    tasks: Handle,
}

/// Furnishes the house for messages, if a spool is configured, and takes up what lies in it.
pub(crate) fn open(house: &Arc<House>) -> anyhow::Result<()> {
    let config = house.config();
    let Some(messages) = config.messages.clone() else { return Ok(()) };
    let tools = tools(&messages);
    if tools.ffmpeg.is_none() {
        tracing::warn!("without ffmpeg video is kept as it was recorded, and parts are not joined");
    }
    let spool = Arc::new(Spool::open(&messages.spool, tools)?);
    let links = messages.links.as_ref().map(|links| links::key(&links.key));
    let webhook = messages.webhook.as_ref().map(|webhook| {
        let token = webhook.token.as_ref().map(crate::config::Secret::expose);
        Webhook::new(&webhook.url, token)
    });
    let keeper = Keeper::start(house, &spool, &messages)?;
    let orphans = keeper::orphans(house, &spool).context("the spool can't be read")?;
    let (managed, _) = broadcast::channel(MANAGED_MAX);
    let mail = Mail {
        tasks: Handle::current(),
        spool,
        keeper,
        switches: switches::start(house, &config),
        links,
        webhook: webhook.transpose()?,
        bell: Arc::new(Notify::new()),
        repair: Notify::new(),
        alone: AtomicU64::new(0),
        shared: config.s3.as_ref().map(bucket::Shared::new).transpose()?,
        managed,
        config: messages,
    };
    house.furnish(mail);
    keep_files(house);
    for card in orphans {
        tracing::info!(message = %card.message, "a deposit was found in the spool");
        house.handle(Input::Resume(Box::new(card)));
    }
    tokio::spawn(outbox::run(Arc::clone(house)));
    tokio::spawn(retention::run(Arc::clone(house)));
    tokio::spawn(repair::run(Arc::clone(house)));
    tokio::spawn(bucket::run(Arc::clone(house)));
    Ok(())
}

/// Lets other nodes bring and have recordings, once there are both: a spool, and a way to them.
pub(crate) fn keep_files(house: &Arc<House>) {
    if let (Some(mail), Some(nodes)) = (house.mail(), house.nodes()) {
        nodes.endpoint.keep_files(Arc::new(copies::OnSpool::new(house, mail)));
        mail.repair.notify_one();
    }
}

/// Whether something would be lost if this node left its cluster now: what is being left here, and
/// messages that it alone has.
pub(crate) async fn is_needed(house: &Arc<House>) -> bool {
    house.mail().is_some()
        && (!house.desk().deposits().is_empty() || repair::has_some_alone(house).await)
}

fn tools(messages: &Messages) -> Tools {
    let path = std::env::var("PATH").unwrap_or_default();
    match messages.ffmpeg.as_deref() {
        None => Tools::default(),
        Some(named) if named.starts_with('/') => {
            let directory = Path::new(named).parent().unwrap_or_else(|| Path::new("/"));
            Tools::find(&directory.to_string_lossy())
        }
        Some(_) => Tools::find(&path),
    }
}

/// What the desk has to know about messages.
pub(super) fn settings(config: &Config, boot: u32) -> (messages::Settings, Vec<SwitchPlace>) {
    let Some(mail) = &config.messages else {
        return (messages::Settings { boot, ..messages::Settings::default() }, Vec::new());
    };
    let seconds = |duration: Duration| u16::try_from(duration.as_secs()).unwrap_or(u16::MAX);
    let ways = mail.video.iter().filter_map(|way| VideoWay::parse(way.as_str()));
    let link_valid = mail.links.as_ref().map_or(Duration::ZERO, |links| links.valid);
    let settings = messages::Settings {
        boot,
        spool: mail.spool.to_string_lossy().into(),
        prompts: mail.prompts.to_string_lossy().into(),
        language: mail.language.clone(),
        min_ms: u64::try_from(mail.min_length.as_millis()).unwrap_or(u64::MAX),
        silence_s: seconds(mail.silence),
        ways: ways.collect(),
        switch_key: mail.switch_key,
        ring_s: seconds(mail.ring),
        link_valid_s: u32::try_from(link_valid.as_secs()).unwrap_or(u32::MAX),
        webhook: mail.webhook.is_some(),
        ..messages::Settings::default()
    };
    let places = config.switches.iter().zip(0u8..).map(|(switch, id)| SwitchPlace {
        id: SwitchId(id),
        name: switch.name.as_str().into(),
        sip: switch.sip.as_str().into(),
        routes: switch.routes,
    });
    (settings, places.collect())
}

impl Mail {
    /// Asks a switch for something.
    pub(crate) fn command(&self, switch: SwitchId, command: SwitchCommand) {
        if let Some(switch) = self.switches.get(usize::from(switch.0)) {
            switch.send(command);
        }
    }

    /// Asks the keeper of the files for something.
    pub(crate) fn keep(&self, house: &Arc<House>, command: SpoolCommand) {
        self.keeper.send(house, command);
    }

    /// A recording was managed.
    pub(crate) fn managed(&self, message: MessageId) {
        let _ = self.managed.send(message);
    }

    /// A link is wanted.
    pub(crate) fn link(&self, house: &Arc<House>, message: MessageId, part: u16, expires_s: i64) {
        links::make(self, house, message, part, expires_s);
    }

    /// The limits of uploads.
    pub(crate) fn upload_limits(&self) -> UploadLimits {
        UploadLimits {
            bytes_max: self.config.upload_max_mib.saturating_mul(MIB),
            disk_free_min: self.config.disk_free_min_mib.saturating_mul(MIB),
        }
    }

    /// How this node gets on with the bucket, if there is one.
    pub(crate) fn bucket_view(&self) -> Option<BucketView> {
        let shared = self.shared.as_ref()?;
        let trouble = shared.bucket.figures().trouble();
        Some(BucketView { trouble, waiting: shared.waiting() })
    }

    /// How many messages the loss of one node would take; 0 where there is one.
    pub(crate) fn alone(&self) -> u64 {
        self.alone.load(Ordering::Relaxed)
    }

    /// How the switches are.
    pub(crate) fn switch_status(&self) -> Vec<SwitchStatus> {
        self.switches.iter().map(Switch::status).collect()
    }

    /// New callers are told at once that nobody takes messages; deposits that are up go on.
    pub(crate) fn drain(&self) {
        self.switches.iter().for_each(|switch| switch.beat(false));
    }

    /// Does what a call back to a depositing caller wants done first, with a deadline. `asked_at`:
    /// the node where the call will be asked about; `None`: here. Gives the deposit, and whether
    /// that was done in time.
    pub(crate) async fn meet(
        &self,
        house: &House,
        query: &RouteQuery,
        asked_at: Option<NodeId>,
        within: Duration,
    ) -> Option<((MessageId, CallbackPolicy), bool)> {
        if house.desk().deposits().is_empty() {
            return None;
        }
        let mut heard = self.managed.subscribe();
        let query = Box::new(query.clone());
        let call_id = Arc::clone(&query.call_id);
        let (met, managed) = house.handle(Input::CallBack { query, asked_at }).call_back?;
        let message = met?.0;
        match managed {
            Managed::Nothing => return None,
            Managed::Now => return met.map(|met| (met, true)),
            Managed::Soon => {}
        }
        let wait = async {
            while let Ok(managed) = heard.recv().await {
                if managed == message {
                    break;
                }
            }
        };
        let in_time = tokio::time::timeout(within, wait).await.is_ok();
        if !in_time {
            tracing::warn!(
                call_id = &*call_id, %message,
                "a recording was not stopped in time; the call that it meets goes on"
            );
        }
        met.map(|met| (met, in_time))
    }
}
