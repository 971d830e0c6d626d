//! One cap over three regions: hallporter beside Kamailio's DMQ, on the same machine, with the
//! same callers, in the same run.

mod ours;
mod talk;
mod theirs;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::field::{Field, hindrance};
use crate::figures::{list, median, ratio};
use crate::place::Place;
use crate::{read, wait_for};

/// The cap of `+49301` and `+49303`.
const CAP: u32 = 5;
/// INVITEs of a burst, from all three regions.
const CALLS: u32 = 60;
/// One way between two regions.
const DELAYS_MS: [u64; 2] = [0, 40];
/// Complete calls, a second, while the processor time of a call is taken.
const PACES: [u32; 3] = [100, 400, 800];
const FLOW: Duration = Duration::from_secs(5);
const FLOWS: usize = 5;
/// Calls that are up when their machine loses its power.
const LOST: u32 = 4;
const CAPPED: &str = "+49301";
const FREE: &str = "+49302";
/// With the policy of hallporter that goes above a cap rather than refuse a call: by one call a
/// node at most while nodes do not hear each other in time; and gives free what a dead node holds.
const AVAILABLE: &str = "+49303";
/// How often it is tried to get the calls up that will be lost.
const TRIES: usize = 10;

/// How much of it.
pub(crate) struct Plan {
    bursts: u32,
    /// So long the calls of a dead node are watched.
    watch: Duration,
}

impl Plan {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let bursts = read(&mut words, 20)?;
        let watch = Duration::from_secs(read(&mut words, 180)?.into());
        Ok(Self { bursts, watch })
    }
}

/// Three nodes that share a cap somehow.
trait Side {
    /// Where each region takes calls.
    fn proxies(&self) -> Vec<SocketAddr>;
    /// Processor seconds of all that decides and carries a call.
    fn cpu_s(&self) -> anyhow::Result<f64>;
    /// Those of the daemons beside the proxies alone, where there are any.
    fn daemons_cpu_s(&self) -> anyhow::Result<f64> {
        Ok(0.0)
    }
    /// The calls of the capped numbers that count anywhere.
    fn counted(&self) -> anyhow::Result<u32>;
    /// The capped number that goes on when a node is dead, if it is another one.
    fn available(&self) -> Option<&'static str>;
    /// Which calls each node counts, for who wonders why there are too many.
    fn explain(&self) -> String;
    /// The machine of a region loses its power.
    fn kill(&mut self, region: usize);
}

/// What one side has shown at one delay.
#[derive(Default)]
struct Shown {
    admitted: Vec<f64>,
    /// The same of the number that [`Side::available`] names.
    available: Vec<f64>,
    unanswered: usize,
    /// What was counted where when there were too many.
    explained: Vec<String>,
    /// Of an INVITE of the bursts, those that are refused too.
    burst_cpu_us: Vec<f64>,
    cpu_us: [Vec<f64>; PACES.len()],
    /// What of it the daemons beside the proxies take.
    daemons_us: [Vec<f64>; PACES.len()],
    /// So long a dead node's calls were watched.
    watch: Option<Duration>,
    left: u32,
    left_for: Option<Duration>,
}

/// One side in its regions, with its callers and phones.
struct Stage {
    name: &'static str,
    side: Box<dyn Side>,
    talk: talk::Talk,
    shown: Shown,
    /// Goes last: all of it is in there.
    _field: Field,
}

/// Prints both sides.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if let Some(hindrance) = hindrance() {
        println!("left out: {hindrance}");
        return Ok(());
    }
    println!(
        "cap {CAP}, {} bursts of {CALLS} simultaneous INVITEs over three regions; {FLOWS} times {} s of {PACES:?} calls/s",
        plan.bursts,
        FLOW.as_secs()
    );
    for delay_ms in DELAYS_MS {
        println!("\n{delay_ms} ms one way");
        let place = Place::new("dmq")?;
        let theirs = |field: &Field| -> anyhow::Result<Box<dyn Side>> {
            Ok(Box::new(theirs::Dmq::start(&place, field.regions())?))
        };
        let ours = |field: &Field| -> anyhow::Result<Box<dyn Side>> {
            Ok(Box::new(ours::Hallporters::start(&place, field.regions(), delay_ms)?))
        };
        // Both are there all the time, and idle while it is the other one's turn: the machine is
        // not as fast at any time as it is at another.
        let stages =
            [Stage::new("DMQ", delay_ms, theirs), Stage::new("hallporter", delay_ms, ours)];
        let mut stages = stages.map(|stage| stage.inspect_err(missed).ok());
        take(&mut stages, |stage| stage.bursts(plan));
        for turn in 0..FLOWS * PACES.len() {
            take(&mut stages, |stage| stage.flow(turn % PACES.len()));
        }
        // How long a dead node's calls count is no matter of the way.
        if delay_ms == 0 {
            take(&mut stages, |stage| stage.death(plan.watch));
        }
        stages.iter().flatten().for_each(|stage| report(stage.name, &stage.shown));
        if let [Some(theirs), Some(ours)] = &stages {
            compare(&ours.shown, &theirs.shown);
        }
    }
    Ok(())
}

/// Both sides in turn; one with which something is wrong is not there any more.
fn take(stages: &mut [Option<Stage>; 2], deed: impl Fn(&mut Stage) -> anyhow::Result<()>) {
    for stage in stages {
        if let Some(there) = stage
            && let Err(error) = deed(there)
        {
            missed(&error.context(there.name));
            *stage = None;
        }
    }
}

fn missed(error: &anyhow::Error) {
    println!("  not measured: {error:#}");
}

fn compare(ours: &Shown, theirs: &Shown) {
    let bursts = ratio(&ours.burst_cpu_us, &theirs.burst_cpu_us);
    println!("  CPU an INVITE in the bursts: {bursts:.2} of DMQ's (goal: at most 1)");
    let paces = PACES.iter().zip(&ours.cpu_us).zip(&theirs.cpu_us);
    for ((pace, ours), theirs) in paces {
        println!("  CPU a call at {pace}/s: {:.2} of DMQ's (goal: at most 1)", ratio(ours, theirs));
    }
}

impl Stage {
    fn new(
        name: &'static str,
        delay_ms: u64,
        start: impl FnOnce(&Field) -> anyhow::Result<Box<dyn Side>>,
    ) -> anyhow::Result<Self> {
        let field = Field::of_test(&name[..3].to_lowercase(), &["north", "south", "west"])?;
        field.relay.delay(Duration::from_millis(delay_ms));
        let side = start(&field)?;
        let talk = talk::Talk::new(field.regions(), &side.proxies())?;
        Ok(Self { name, side, talk, shown: Shown::default(), _field: field })
    }

    fn bursts(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let Self { side, talk, shown, .. } = self;
        for number in [Some(CAPPED), side.available()].into_iter().flatten() {
            for _ in 0..plan.bursts {
                let before = side.cpu_s()?;
                let burst = talk.burst(CALLS, number, &[0, 1, 2]);
                let admitted = f64::from(u32::try_from(burst.admitted)?);
                shown.unanswered += burst.unanswered;
                if number == CAPPED && burst.admitted > CAP as usize {
                    let why = side.explain();
                    if !why.is_empty() {
                        shown.explained.push(format!("{number}: {} up; {why}", burst.admitted));
                    }
                }
                talk.hang_up_all();
                if number == CAPPED {
                    shown.admitted.push(admitted);
                    let cpu_s = side.cpu_s()? - before;
                    shown.burst_cpu_us.push(cpu_s * 1e6 / f64::from(CALLS));
                } else {
                    shown.available.push(admitted);
                }
                all_free(&**side)?;
            }
        }
        Ok(())
    }

    fn flow(&mut self, place: usize) -> anyhow::Result<()> {
        let before = (self.side.cpu_s()?, self.side.daemons_cpu_s()?);
        let calls = self.talk.flow(PACES[place], FLOW, FREE);
        // What is still told of them belongs to them.
        std::thread::sleep(Duration::from_secs(1));
        if calls == 0 {
            bail!("not one call came through");
        }
        let calls = f64::from(u32::try_from(calls)?);
        let after = (self.side.cpu_s()?, self.side.daemons_cpu_s()?);
        self.shown.cpu_us[place].push((after.0 - before.0) * 1e6 / calls);
        self.shown.daemons_us[place].push((after.1 - before.1) * 1e6 / calls);
        Ok(())
    }

    fn death(&mut self, watch: Duration) -> anyhow::Result<()> {
        let Self { side, talk, shown, .. } = self;
        shown.watch = Some(watch);
        let number = side.available().unwrap_or(CAPPED);
        let mut up = 0;
        // A right that is elsewhere may come too late for one of them.
        for _ in 0..TRIES {
            up += u32::try_from(talk.burst(LOST - up, number, &[2]).admitted)?;
            if up == LOST {
                break;
            }
        }
        if up != LOST {
            bail!("of {LOST} calls {up} were admitted");
        }
        // Everybody has heard of them.
        std::thread::sleep(Duration::from_secs(2));
        side.kill(2);
        let killed = Instant::now();
        talk.forget();
        loop {
            shown.left = CAP - one_by_one(talk, number);
            talk.hang_up_all();
            if shown.left == 0 {
                shown.left_for = Some(killed.elapsed());
            }
            if shown.left == 0 || killed.elapsed() > watch {
                return Ok(());
            }
            std::thread::sleep(Duration::from_secs(5));
        }
    }
}

/// Calls of the two regions that are left, each when everybody has heard of the one before; gives
/// how many are let through.
fn one_by_one(talk: &mut talk::Talk, number: &'static str) -> u32 {
    let mut through = 0;
    while through < CAP && talk.burst(1, number, &[through as usize % 2]).admitted == 1 {
        through += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    through
}

fn all_free(side: &dyn Side) -> anyhow::Result<()> {
    wait_for("the end of all calls", Duration::from_secs(30), || {
        Ok(side.counted().is_ok_and(|count| count == 0))
    })?;
    Ok(())
}

/// Prints what one side has shown.
fn report(name: &str, shown: &Shown) {
    show_bursts(name, &shown.admitted);
    if !shown.available.is_empty() {
        show_bursts("available", &shown.available);
    }
    for explained in &shown.explained {
        println!("             {explained}");
    }
    if shown.unanswered > 0 {
        println!("             {} calls got no final answer", shown.unanswered);
    }
    println!(
        "             CPU an INVITE in the bursts, all processes: {:.0} us   ({})",
        median(&shown.burst_cpu_us),
        list(&shown.burst_cpu_us, 0)
    );
    for ((pace, cpu_us), daemons_us) in PACES.iter().zip(&shown.cpu_us).zip(&shown.daemons_us) {
        let daemons = match median(daemons_us) {
            0.0 => String::new(),
            us => format!(", {us:.0} of them the daemons"),
        };
        println!(
            "             CPU a call at {pace}/s, all processes: {:.0} us{daemons}   ({})",
            median(cpu_us),
            list(cpu_us, 0)
        );
    }
    match (shown.left_for, shown.watch) {
        (Some(time), _) => println!(
            "             a node dies with {LOST} calls: the others let {CAP} through again after {:.0} s",
            time.as_secs_f64()
        ),
        (None, Some(watch)) => println!(
            "             a node dies with {LOST} calls: the others let only {} through after {:.0} s",
            CAP - shown.left,
            watch.as_secs_f64()
        ),
        (None, None) => {}
    }
}

fn show_bursts(name: &str, admitted: &[f64]) {
    let exact = admitted.iter().filter(|count| **count == f64::from(CAP)).count();
    let least = admitted.iter().copied().fold(f64::MAX, f64::min);
    let most = admitted.iter().copied().fold(0.0, f64::max);
    println!(
        "  {name:<10} lets {least:.0} to {most:.0} through; exactly {CAP} in {exact} of {} bursts   ({})",
        admitted.len(),
        list(admitted, 0)
    );
}
