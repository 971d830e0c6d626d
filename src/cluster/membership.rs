//! Who is there: nodes that answer, told by them to each other (SWIM, by the crate `foca`).
//!
//! No clock and no wire: what comes is given to [`Membership::receive`], the time to
//! [`Membership::wake`], and what is to be sent or known is fetched with [`Membership::poll`]. Its
//! dice are thrown from the seed that it is given, so the same input gives the same output.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::{
    AccumulatingRuntime, Config, Foca, NoCustomBroadcast, OwnedNotification, PostcardCodec,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use crate::domain::{NodeId, Now};

/// How often each node asks another one whether it is there.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take before others are asked to try.
const ANSWER_WITHIN: Duration = Duration::from_millis(150);
/// How long a node that did not answer may contradict. Measured by simulation: with these three a
/// crash is seen by all after 2.7 s in the middle and 3.7 s at most in 99 of 100, with no false
/// alarm in an hour in which every twentieth packet is lost.
const CONTRADICT_WITHIN: Duration = Duration::from_secs(2);
/// How often those that are to be there, and are not, are called. The crate does it once.
const CALL_EVERY_MS: u64 = 1_000;
/// How long it is remembered that a node went down, so that late news of it do not bring it back.
const REMEMBER_DOWN: Duration = Duration::from_secs(86_400);
/// The most bytes of a packet: what goes through any network in one piece, as QUIC has it.
pub const PACKET_BYTES_MAX: usize = 1_150;

/// A node as the others know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number; 0 stands for whoever is at the address.
    pub node: NodeId,
    /// Which start of it this is.
    pub boot: u32,
    /// How often it was taken for dead since then, and came back.
    pub returns: u32,
    /// Where it is reached.
    pub address: SocketAddr,
}

impl foca::Identity for Member {
    type Addr = SocketAddr;

    fn renew(&self) -> Option<Self> {
        Some(Self { returns: self.returns.wrapping_add(1), ..self.clone() })
    }

    fn addr(&self) -> SocketAddr {
        self.address
    }

    fn win_addr_conflict(&self, other: &Self) -> bool {
        (self.boot, self.returns, self.node) > (other.boot, other.returns, other.node)
    }
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// This packet is to be sent.
    Send(SocketAddr, Vec<u8>),
    /// A node is there.
    Up(Member),
    /// A node is not there any more.
    Down(Member),
}

/// The nodes as one of them sees them.
pub struct Membership {
    foca: Foca<Member, PostcardCodec, StdRng, NoCustomBroadcast>,
    /// What the crate wants to be reminded of, and when.
    timers: BTreeMap<(u64, u64), foca::Timer<Member>>,
    timers_given: u64,
    /// Addresses where others are to be.
    others: Vec<SocketAddr>,
    call_at_ms: u64,
    there: BTreeMap<SocketAddr, Member>,
    outputs: VecDeque<Presence>,
    /// Packets that made no sense.
    pub nonsense: u64,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Membership").field("there", &self.there).finish_non_exhaustive()
    }
}

impl Membership {
    /// One node, that finds the rest at these addresses: one that answers is enough.
    #[must_use]
    pub fn new(own: Member, others: Vec<SocketAddr>, seed: u64, now: Now) -> Self {
        let dice = StdRng::seed_from_u64(seed);
        Self {
            foca: Foca::new(own, config(), dice, PostcardCodec),
            timers: BTreeMap::new(),
            timers_given: 0,
            others,
            call_at_ms: now.mono_ms,
            there: BTreeMap::new(),
            outputs: VecDeque::new(),
            nonsense: 0,
        }
    }

    /// A packet has come.
    pub fn receive(&mut self, packet: &[u8], now: Now) {
        let mut runtime = AccumulatingRuntime::new();
        if self.foca.handle_data(packet, &mut runtime).is_err() {
            self.nonsense += 1;
        }
        self.take(runtime, now);
    }

    /// When [`Membership::wake`] is wanted, milliseconds on the monotonic clock.
    #[must_use]
    pub fn wakeup(&self) -> u64 {
        let timer = self.timers.keys().next().map(|(due_ms, _)| *due_ms);
        timer.map_or(self.call_at_ms, |due_ms| due_ms.min(self.call_at_ms))
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Now) {
        while let Some(due) = self.timers.first_entry()
            && due.key().0 <= now.mono_ms
        {
            let timer = due.remove();
            let is_verdict = matches!(timer, foca::Timer::ChangeSuspectToDown { .. });
            let mut runtime = AccumulatingRuntime::new();
            // The only error is a timer that came out of order, after the machine stood still: the
            // crate begins a new round by itself.
            let _ = self.foca.handle_timer(timer, &mut runtime);
            let notices = notices(&mut runtime);
            let is_down = |notice: &_| matches!(notice, OwnedNotification::MemberDown(_));
            if is_verdict && !notices.iter().any(is_down) {
                // The suspect has contradicted in time. foca 2.0.0 tells it nevertheless that it
                // is dead, and it would leave and come back (seen in simulation).
                while runtime.to_send().is_some() {}
            }
            notices.into_iter().for_each(|notice| self.note(notice));
            self.take(runtime, now);
        }
        if self.call_at_ms <= now.mono_ms {
            self.call_at_ms = now.mono_ms + CALL_EVERY_MS;
            self.call(now);
        }
    }

    /// The next that comes of it.
    pub fn poll(&mut self) -> Option<Presence> {
        self.outputs.pop_front()
    }

    /// Somebody is to be at this address: called until he is there.
    pub fn expect(&mut self, address: SocketAddr) {
        if !self.others.contains(&address) {
            self.others.push(address);
        }
    }

    /// Nobody is to be at this address any more.
    pub fn dismiss(&mut self, address: SocketAddr) {
        self.others.retain(|other| *other != address);
    }

    /// Who is there, besides oneself.
    pub fn there(&self) -> impl Iterator<Item = &Member> {
        self.there.values()
    }

    /// Says good-bye, so that nobody has to find out.
    pub fn leave(&mut self, now: Now) {
        let mut runtime = AccumulatingRuntime::new();
        let _ = self.foca.leave_cluster(&mut runtime);
        self.take(runtime, now);
    }

    /// Calls those that are to be there and are not: after a start, and after a cut that lasted.
    fn call(&mut self, now: Now) {
        let missing = self.others.iter().filter(|address| !self.there.contains_key(address));
        let missing: Vec<SocketAddr> = missing.copied().collect();
        for address in missing {
            let whoever = Member { node: NodeId(0), boot: 0, returns: 0, address };
            let mut runtime = AccumulatingRuntime::new();
            let _ = self.foca.announce(whoever, &mut runtime);
            self.take(runtime, now);
        }
    }

    fn take(&mut self, mut runtime: AccumulatingRuntime<Member>, now: Now) {
        while let Some((to, packet)) = runtime.to_send() {
            self.outputs.push_back(Presence::Send(to.address, packet.to_vec()));
        }
        while let Some((after, timer)) = runtime.to_schedule() {
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            self.timers_given += 1;
            self.timers.insert((now.mono_ms.saturating_add(after_ms), self.timers_given), timer);
        }
        notices(&mut runtime).into_iter().for_each(|notice| self.note(notice));
    }

    fn note(&mut self, notice: OwnedNotification<Member>) {
        match notice {
            OwnedNotification::MemberUp(member) => self.up(member),
            OwnedNotification::MemberDown(member) => self.down(member.address),
            OwnedNotification::Rename(_, member) => {
                // The same place, started anew: what was there is not there any more.
                if self.there.contains_key(&member.address) {
                    self.down(member.address);
                    self.up(member);
                }
            }
            OwnedNotification::Active
            | OwnedNotification::Idle
            | OwnedNotification::Defunct
            | OwnedNotification::Rejoin(_) => {}
        }
    }

    fn up(&mut self, member: Member) {
        self.there.insert(member.address, member.clone());
        self.outputs.push_back(Presence::Up(member));
    }

    fn down(&mut self, address: SocketAddr) {
        if let Some(member) = self.there.remove(&address) {
            self.outputs.push_back(Presence::Down(member));
        }
    }
}

fn notices(runtime: &mut AccumulatingRuntime<Member>) -> Vec<OwnedNotification<Member>> {
    std::iter::from_fn(|| runtime.to_notify()).collect()
}

fn config() -> Config {
    let several = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
    Config {
        probe_period: PROBE_EVERY,
        probe_rtt: ANSWER_WITHIN,
        num_indirect_probes: several(3),
        max_transmissions: NonZeroU8::new(10).unwrap_or(NonZeroU8::MIN),
        suspect_to_down_after: CONTRADICT_WITHIN,
        remove_down_after: Some(REMEMBER_DOWN),
        max_packet_size: several(PACKET_BYTES_MAX),
        notify_down_members: true,
        periodic_announce: None,
        periodic_announce_to_down_members: None,
        periodic_gossip: Some(foca::PeriodicParams {
            frequency: Duration::from_millis(200),
            num_members: several(3),
        }),
    }
}
