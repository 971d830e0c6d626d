//! Many who leave a message at once: what that costs hallporter, beside a loop that does no more
//! than the crate for the Event Socket must.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use esl::{EslClient, EslConnectOptions, EslEvent, EslEventType, EventFormat, HeaderLookup as _};

use crate::daemon::{Hallporter, Process, settle};
use crate::place::Place;
use crate::switch::{self, Switch};
use crate::{generator, read, wait_for};

/// How many come in a second.
const RATE: u32 = 10;
/// How long the last one speaks alone, at least.
const STEADY: Duration = Duration::from_secs(20);
/// From the answer to the tone.
const WORDS: Duration = Duration::from_secs(8);
/// What hallporter listens to.
const EVENTS: &str = "CHANNEL_PARK CHANNEL_ANSWER CHANNEL_EXECUTE_COMPLETE \
                      CHANNEL_HANGUP_COMPLETE CHANNEL_BRIDGE DTMF RECORD_START RECORD_STOP \
                      RECV_INFO MESSAGE";

/// How many callers.
pub(crate) struct Plan {
    callers: u32,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self { callers: read(&mut words, 200)? })
    }

    fn arrival(&self) -> Duration {
        Duration::from_secs((self.callers / RATE).into())
    }

    /// How long a caller stays: until the last one has spoken for a while.
    fn stays(&self) -> Duration {
        self.arrival() + WORDS + STEADY
    }
}

/// Prints what it costs.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let Some(program) = switch::program() else {
        println!("no FreeSWITCH found: deposits were not measured (set HALLPORTER_FREESWITCH)");
        return Ok(());
    };
    let place = Place::new("deposits")?;
    println!("{} callers, {RATE} a second, each for {} s", plan.callers, plan.stays().as_secs());
    ours(plan, &program, place.path())?;
    alone(plan, &program, &place.path().join("alone"))
}

/// Processor time in per cent of one core since then.
fn share(process: &Process, before_s: f64, since: Instant) -> anyhow::Result<f64> {
    Ok((process.cpu_s()? - before_s) / since.elapsed().as_secs_f64() * 100.0)
}

fn ours(plan: &Plan, program: &Path, place: &Path) -> anyhow::Result<()> {
    let fs = Switch::start(program, &place.join("freeswitch"))?;
    let dir = place.join("hallporter");
    Hallporter::init(&dir)?;
    std::fs::copy(dir.join("route.token"), dir.join("switch.password"))?;
    std::fs::write(dir.join("switch.password"), switch::PASSWORD)?;
    let daemon = Hallporter::start_with(&dir, &settings(place, &fs))?;
    for line in
        ["account add bob", "number add +493012345 --account bob", "mailbox add bob --account bob"]
    {
        cli(&dir, line)?;
    }
    wait_for("the switch", Duration::from_secs(20), || {
        Ok(daemon.metric("hallporter_switch_connected{switch=\"fs1\"}")? > 0.0)
    })?;
    // What is taken once, for threads and connections, is not a deposit's.
    let mut few = switch::callers(place, ("bob", fs.sip), (20, RATE, WORDS))?;
    wait_for("the end of the first callers", WORDS * 6, || few.is_over())?;
    settle(&daemon.process)?;
    let (idle_mib, began, before_s) =
        (daemon.process.memory_mib("VmRSS")?, Instant::now(), daemon.process.cpu_s()?);
    let mut callers = switch::callers(place, ("bob", fs.sip), (plan.callers, RATE, plan.stays()))?;
    wait_for("the last deposit", plan.stays(), || {
        Ok(daemon.metric("hallporter_deposits")? >= f64::from(plan.callers))
    })?;
    let arriving = share(&daemon.process, before_s, began)?;
    std::thread::sleep(WORDS);
    let full_mib = daemon.process.memory_mib("VmRSS")?;
    let (steady_began, steady_s) = (Instant::now(), daemon.process.cpu_s()?);
    let switch_s = fs.process.cpu_s()?;
    std::thread::sleep(STEADY / 2);
    let steady = share(&daemon.process, steady_s, steady_began)?;
    let switch_share = share(&fs.process, switch_s, steady_began)?;
    wait_for("the end of the callers", plan.stays() * 3, || callers.is_over())?;
    wait_for("the last message", Duration::from_secs(60), || {
        Ok(daemon.metric("hallporter_deposits")? == 0.0)
    })?;
    let whole = share(&daemon.process, before_s, began)?;
    let left = daemon.metric("hallporter_messages_left_total")?;
    println!(
        "hallporter: {left:.0} messages; processor time of one core: {arriving:.1} % while they come, \
         {steady:.1} % while all speak, {whole:.1} % over all (goal: below 15); FreeSWITCH {switch_share:.0} %"
    );
    println!(
        "  memory: {idle_mib:.1} MiB before, {full_mib:.1} MiB with all: {:.1} KB a deposit (goal: at most 20)",
        (full_mib - idle_mib) * 1024.0 / f64::from(plan.callers)
    );
    show_reactions(daemon.listen)
}

fn settings(place: &Path, fs: &Switch) -> String {
    format!(
        "[kamailio]\ntrust_from = true\n[messages]\nspool = {:?}\nprompts = {:?}\nmin_length = \"1s\"\n\
         [[freeswitch]]\nname = \"fs1\"\nevent_socket = \"{}\"\nsip = \"{}\"\n\
         password_file = \"switch.password\"\n",
        place.join("spool"),
        switch::shipped("prompts"),
        fs.esl,
        fs.sip
    )
}

fn cli(dir: &Path, line: &str) -> anyhow::Result<()> {
    let done = Command::new(env!("CARGO_BIN_EXE_hallporter"))
        .env("HALLPORTER_CONFIG", dir.join("load.toml"))
        .args(line.split(' '))
        .output()?;
    if !done.status.success() {
        bail!("{line}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

/// The bounds within which half and 99 % of the reactions were.
fn show_reactions(listen: SocketAddr) -> anyhow::Result<()> {
    let text = String::from_utf8(generator::get(listen, "/metrics")?.body)?;
    let name = "hallporter_switch_reaction_seconds_bucket{switch=\"fs1\",le=\"";
    let buckets: Vec<(String, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.split_once("\"} "))
        .filter_map(|(bound, count)| Some((bound.to_owned(), count.trim().parse().ok()?)))
        .collect();
    let all = buckets.last().context("no reactions")?.1;
    let within = |share: f64| {
        let found = buckets.iter().find(|(_, count)| *count >= all * share);
        found.map_or("+Inf", |(bound, _)| bound.as_str())
    };
    let goal = buckets.iter().find(|(bound, _)| bound == "0.002").map_or(0.0, |(_, count)| *count);
    println!(
        "  event to command: {all:.0} reactions, p50 within {} s, p99 within {} s (goal: 0.002); \
         {:.2} % within 2 ms",
        within(0.5),
        within(0.99),
        goal / all * 100.0
    );
    let each: Vec<String> =
        buckets.iter().map(|(bound, count)| format!("{count:.0} within {bound}")).collect();
    println!("  {}", each.join(", "));
    Ok(())
}

/// The rival: the crate, and the fewest commands with which a message can be recorded.
fn alone(plan: &Plan, program: &Path, dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    let fs = Switch::start(program, &dir.join("freeswitch"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut took_us, busy) = runtime.block_on(loop_alone(plan, &fs, dir))?;
    took_us.sort_unstable();
    println!(
        "the crate alone (claim, answer, record): processor time of one core {busy:.1} % over all; \
         event to the end of its first command: p50 {:.2} ms, p99 {:.2} ms",
        crate::figures::percentile_ms(&took_us, 0.5),
        crate::figures::percentile_ms(&took_us, 0.99)
    );
    Ok(())
}

async fn loop_alone(plan: &Plan, fs: &Switch, dir: &Path) -> anyhow::Result<(Vec<u32>, f64)> {
    let line = || async {
        let options = EslConnectOptions::new().with_event_queue_size(5_000);
        let host = fs.esl.ip().to_string();
        EslClient::connect_with_options(&host, fs.esl.port(), switch::PASSWORD, options).await
    };
    let (listening, mut events) = line().await?;
    let (client, _jobs) = line().await?;
    listening.subscribe_events_raw(EventFormat::Plain, EVENTS).await?;
    let _ = client.api("expand global_setvar hallporter_beat=${strepoch()}").await?;
    let (began, cpu) = (Instant::now(), own_cpu_s()?);
    let _callers = switch::callers(dir, ("bob", fs.sip), (plan.callers, RATE, plan.stays()))?;
    let (mut took_us, mut gone, mut beat) = (Vec::new(), 0, Instant::now());
    while gone < plan.callers {
        let next = tokio::time::timeout(Duration::from_secs(120), events.recv()).await?;
        let event = next.context("the switch is gone")??;
        let at = Instant::now();
        if beat.elapsed() > Duration::from_secs(4) {
            beat = at;
            let _ = client.api("expand global_setvar hallporter_beat=${strepoch()}").await?;
        }
        let leg = event.unique_id().unwrap_or_default().to_owned();
        match event.event_type() {
            Some(EslEventType::ChannelHangupComplete) => gone += 1,
            Some(EslEventType::ChannelPark) => {
                let _ = client.api(&format!("sched_del {leg}")).await?;
                took_us.push(u32::try_from(at.elapsed().as_micros()).unwrap_or(u32::MAX));
                let _ = client.api(&format!("uuid_answer {leg}")).await?;
                let mut record = EslEvent::new();
                record.set_header("call-command", "execute");
                record.set_header("execute-app-name", "record");
                record.set_header("execute-app-arg", format!("{}/{leg}.wav 180", dir.display()));
                let _ = client.sendmsg(Some(&leg), record).await?;
            }
            _ => {}
        }
    }
    Ok((took_us, (own_cpu_s()? - cpu) / began.elapsed().as_secs_f64() * 100.0))
}

/// Processor time of this process, in seconds.
fn own_cpu_s() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(text.split(' ').next().context("a figure")?.parse::<f64>()? / 1e9)
}
