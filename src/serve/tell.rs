//! Telling devices: what the desk wants told is written down, and told out of the outbox until
//! somebody has heard it.

mod reach;

use std::sync::Arc;
use std::time::Duration;

use crate::desk::{Tidings, lamps_lit_next};
use crate::domain::{
    CallRef, Message, MessageId, Notice, NoticeKind, NoticeState, Telling, Tells, Told,
};
use crate::notify;

use super::house::House;
use super::mail::carried;
use super::proxy::{Waiting, join_all};

/// How many notices are told at the same time: a phone that is silent takes five seconds.
const AT_ONCE: u32 = 16;
/// How long at most until the outbox is looked into without a bell.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long to wait after the disk said no.
const AGAIN: Duration = Duration::from_secs(5);
/// How often what was told is forgotten, and after how long.
const FORGET_EVERY_MS: u64 = 60 * 60 * 1000;
const TOLD_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What a notice is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About {
    /// A deposit.
    Deposit(MessageId),
    /// A call that came to no mailbox.
    Call(CallRef),
}

impl About {
    pub(crate) fn notice(self, kind: NoticeKind, body: Arc<str>, at_ms: i64) -> Notice {
        match self {
            Self::Deposit(message) => Notice::new(kind, message, body, at_ms),
            Self::Call(call) => Notice::about(kind, &call, body, at_ms),
        }
    }
}

/// The notices that tell somebody of something: the webhook's own, if its turn comes first and
/// there is one, and one for all devices, which has the rest of the stages.
pub(crate) fn notices(
    telling: Telling,
    about: About,
    (kind, body): (NoticeKind, String),
    webhook: bool,
    now_ms: i64,
) -> Vec<Notice> {
    let mut stages: Vec<Vec<Told>> = telling.stages.clone();
    if !webhook {
        stages.iter_mut().for_each(|stage| stage.retain(|who| *who != Told::Webhook));
        stages.retain(|stage| !stage.is_empty());
    }
    let mut notices = Vec::new();
    let first_has_it = stages.first().is_some_and(|first| first.contains(&Told::Webhook));
    if first_has_it {
        // Its outbox brings it there: nobody behind is needed.
        stages.truncate(1);
        stages.iter_mut().for_each(|stage| stage.retain(|who| *who != Told::Webhook));
        stages.retain(|stage| !stage.is_empty());
        notices.push(about.notice(kind, body.as_str().into(), now_ms));
    }
    if !stages.is_empty() {
        let later = stages.iter().flatten().any(|who| *who == Told::Webhook);
        let webhook = later.then(|| Arc::from(body));
        let telling = Telling { stages, webhook, ..telling };
        // Nothing in it can fail: no map with odd keys, no number that JSON does not have.
        let body = serde_json::to_string(&telling).unwrap_or_default();
        notices.push(about.notice(NoticeKind::Devices, body.into(), now_ms));
    }
    notices
}

/// Writes down what the desk wants told of a call.
pub(super) fn write(house: &House, call: CallRef, tidings: Tidings) {
    let Tidings { telling, lines } = tidings;
    house.history.told(Some(call), &telling, &lines);
    let what = notify::not_taken(&telling, call);
    let webhook = house.mail().is_some_and(|mail| mail.config.webhook.is_some());
    let call_id = Arc::clone(&telling.call_id);
    let notices = notices(telling, About::Call(call), what, webhook, house.now().wall_ms);
    match house.store.announce(&notices) {
        Ok(()) => house.ring_outbox(),
        Err(error) => tracing::error!(%call_id, %error, "what is to be told can't be written down"),
    }
}

/// What tells lamps that a message's mailbox has changed, to be written down with the change.
pub(super) fn lamps(house: &House, message: &Message) -> Vec<Notice> {
    lamps_at(house, message, house.now().wall_ms).into_iter().collect()
}

/// What tells the lamps of a message that the rules keep dark now, once they would light them. One
/// for all messages of a night: it has the whole count.
pub(super) fn lamps_later(house: &House, message: &Message) -> Option<Notice> {
    let (rules, around) = {
        let desk = house.desk();
        let rules = Arc::clone(desk.registry().rules(message.account)?);
        (rules, desk.around(message.account)?)
    };
    // Without the lock: days are looked through.
    let at_ms = lamps_lit_next(&rules, &around, message.left_ms)?;
    lamps_at(house, message, at_ms)
}

fn lamps_at(house: &House, message: &Message, at_ms: i64) -> Option<Notice> {
    let telling = house.desk().lamp_telling(message.account, &message.mailbox, at_ms)?;
    let body = serde_json::to_string(&telling).unwrap_or_default();
    let what = format!("{}-{at_ms}", message.mailbox);
    Some(Notice::about(NoticeKind::Lamps, &what, body.into(), at_ms))
}

/// Those of the lamps that show the count now.
async fn lit(house: &Arc<House>, telling: &Telling) -> Result<Tells, String> {
    let mailbox = telling.mailbox.clone().ok_or("there is no mailbox")?;
    let (new, _) = house.in_store(move |store| store.messages_waiting(&mailbox)).await?;
    let now_ms = house.now().wall_ms;
    let lamps = house.desk().lamps(telling.account.as_str(), new == 0, now_ms);
    Ok(if lamps.is_empty() { Tells::new() } else { vec![lamps] })
}

/// For ever; ends with the process.
pub(super) async fn run(house: Arc<House>) {
    let mut forgotten_ms = house.now().mono_ms;
    loop {
        let bell = house.tell_bell.notified();
        let wait = match turn(&house).await {
            Ok(next_ms) => {
                let left_ms = next_ms.map(|at_ms| (at_ms - house.now().wall_ms).max(0));
                let left = left_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
                left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
            }
            Err(error) => {
                tracing::error!(error, "what devices are told can't be read or written");
                AGAIN
            }
        };
        let now = house.now();
        if now.mono_ms.saturating_sub(forgotten_ms) >= FORGET_EVERY_MS {
            forgotten_ms = now.mono_ms;
            let before_ms = now.wall_ms - TOLD_MS;
            if let Err(error) = house.in_store(move |store| store.forget_notices(before_ms)).await {
                tracing::error!(error, "old notices can't be taken away");
            }
        }
        tokio::select! {
            () = bell => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Tells what is due; says when the next one is, milliseconds since 1970.
async fn turn(house: &Arc<House>) -> Result<Option<i64>, String> {
    let now_ms = house.now().wall_ms;
    let due = house.in_store(move |store| store.notices_due(true, now_ms, AT_ONCE)).await?;
    let telling = due.into_iter().map(|notice| -> Waiting<'_, Result<Option<Arc<str>>, String>> {
        Box::pin(tell(house, notice))
    });
    let mut over = Vec::new();
    for told in join_all(telling.collect()).await {
        over.extend(told?);
    }
    carried::told(house, over);
    house.in_store(|store| store.next_notice_ms(true)).await
}

/// Tells one notice, stage by stage, and writes down what has come of it; its id, if nobody has to
/// take it over any more.
async fn tell(house: &Arc<House>, notice: Notice) -> Result<Option<Arc<str>>, String> {
    let Ok(telling) = serde_json::from_str::<Telling>(&notice.body) else {
        let trouble = Some("its body makes no sense");
        let (id, at_ms) = (Arc::clone(&notice.id), notice.next_ms);
        let set = move |store: &crate::store::Store| {
            store.set_notice(&id, NoticeState::GivenUp, at_ms, trouble)
        };
        let over = carried::over(&notice, NoticeState::GivenUp);
        return house.in_store(set).await.map(|_| over);
    };
    let mut lines = Vec::new();
    let outcome = stages(house, &notice, &telling, &mut lines).await;
    let tried = notify::told(&notice, &telling, &outcome, house.now().wall_ms);
    if tried.state != NoticeState::Waiting && !telling.call_id.is_empty() {
        house.history.told(None, &telling, &lines);
    }
    if let Some(trouble) = &tried.trouble {
        tracing::warn!(
            notice = &*tried.id, attempts = tried.attempts, state = ?tried.state,
            trouble = &**trouble, "nobody has heard what was told"
        );
    }
    let over = carried::over(&notice, tried.state);
    let set = move |store: &crate::store::Store| {
        store.set_notice(&tried.id, tried.state, tried.next_ms, tried.trouble.as_deref())
    };
    house.in_store(set).await.map(|_| over)
}

/// Whether somebody of one stage after the other has heard it; else what went wrong.
async fn stages(
    house: &Arc<House>,
    notice: &Notice,
    telling: &Telling,
    lines: &mut Vec<String>,
) -> Result<(), String> {
    let now;
    let mut stages = &telling.stages;
    if notice.kind == NoticeKind::Lamps {
        now = lit(house, telling).await?;
        stages = &now;
    }
    if stages.is_empty() {
        return Ok(());
    }
    for stage in stages {
        let all = stage.iter().map(|who| -> Waiting<'_, (String, bool)> {
            Box::pin(async move {
                let (heard, how) = match one(house, notice, telling, who).await {
                    Ok(how) => (true, how),
                    Err(how) => (false, how),
                };
                (format!("{who}: {how}"), heard)
            })
        });
        let mut heard = false;
        for (line, one) in join_all(all.collect()).await {
            heard |= one;
            lines.push(line);
        }
        if heard {
            return Ok(());
        }
    }
    Err(lines.join("; "))
}

async fn one(
    house: &Arc<House>,
    notice: &Notice,
    telling: &Telling,
    who: &Told,
) -> Result<String, String> {
    match who {
        Told::Webhook => webhook(house, notice, telling).await,
        Told::Text(_) | Told::Lamp(_) => reach::tell(house, notice, telling, who).await,
    }
}

/// Leaves it to the webhook's own outbox, from now on.
async fn webhook(house: &Arc<House>, notice: &Notice, telling: &Telling) -> Result<String, String> {
    let body = telling.webhook.clone().ok_or("there is no webhook")?;
    #[derive(serde::Deserialize)]
    struct Event {
        event: NoticeKind,
    }
    let read = serde_json::from_str::<Event>(&body).map_err(|error| error.to_string())?;
    let kind = read.event;
    let (_, about) = notice.id.split_once(':').unwrap_or_default();
    let now_ms = house.now().wall_ms;
    let message = notice.message;
    let left = Notice { message, ..Notice::about(kind, &about, body, now_ms) };
    house.in_store(move |store| store.announce(&[left])).await?;
    house.ring_outbox();
    Ok("left to its outbox".to_owned())
}
