//! Messages in the process: the switches, the keeper of the files, the outbox, links.
//!
//! Everything here carries out what the desk asks for and tells it what came of it. Where no spool
//! is configured there is none of it.

mod doors;
mod keeper;
mod links;
mod outbox;
mod retention;
mod switches;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast};

use crate::config::{Config, Messages};
use crate::desk::{Input, SwitchPlace};
use crate::domain::{MessageId, RouteQuery, SpoolCommand, SwitchCommand, SwitchId};
use crate::freeswitch::{Switch, SwitchStatus};
use crate::media::{Spool, Tools, UploadLimits};
use crate::messages::{self, Managed, VideoWay};
use crate::notify::{LinkKey, Webhook};

use super::house::House;

use keeper::Keeper;

/// How long a call back waits until the recording that it meets is managed. The proxy waits
/// 400 ms for the whole answer.
const MANAGED_WITHIN: Duration = Duration::from_millis(300);
/// How many recordings may be managed and not heard of yet; who misses one waits his time out.
const MANAGED_MAX: usize = 256;

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
        managed,
        config: messages,
    };
    house.furnish(mail);
    for card in orphans {
        tracing::info!(message = %card.message, "a deposit was found in the spool");
        house.handle(Input::Resume(Box::new(card)));
    }
    tokio::spawn(outbox::run(Arc::clone(house)));
    tokio::spawn(retention::run(Arc::clone(house)));
    Ok(())
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
        const MIB: u64 = 1024 * 1024;
        UploadLimits {
            bytes_max: self.config.upload_max_mib.saturating_mul(MIB),
            disk_free_min: self.config.disk_free_min_mib.saturating_mul(MIB),
        }
    }

    /// How the switches are.
    pub(crate) fn switch_status(&self) -> Vec<SwitchStatus> {
        self.switches.iter().map(Switch::status).collect()
    }

    /// New callers are told at once that nobody takes messages; deposits that are up go on.
    pub(crate) fn drain(&self) {
        self.switches.iter().for_each(|switch| switch.beat(false));
    }

    /// Does what a call back to a depositing caller wants done first, with a deadline.
    pub(crate) async fn meet(&self, house: &House, query: &RouteQuery) {
        if house.desk().deposits().is_empty() {
            return;
        }
        let mut heard = self.managed.subscribe();
        let outcome = house.handle(Input::CallBack { query: Box::new(query.clone()) });
        let Some((Some(message), Managed::Soon)) = outcome.call_back else { return };
        let wait = async {
            while let Ok(managed) = heard.recv().await {
                if managed == message {
                    break;
                }
            }
        };
        if tokio::time::timeout(MANAGED_WITHIN, wait).await.is_err() {
            tracing::warn!(
                call_id = &*query.call_id, %message,
                "a recording was not stopped in time; the call that it meets goes on"
            );
        }
    }
}
