//! Nodes on loopback with real connections and real files; what they carry out is a list.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hallporter::domain::{NodeId, Now};
use hallporter::peers::{
    Agreement, AgreementSettings, Arrival, Authority, Carried, CarryError, Clock, Disk, Endpoint,
    Event, Hall, Identity, Kept, Lane, Own, SendError, Settings, Way, Whole,
};
use hallporter::store::{Error, Keep, Store};
use tokio::sync::watch;

const NOW_S: i64 = 1_800_000_000;
/// A motion of a newer version: nobody here understands it.
pub(crate) const STRANGE: Bytes = Bytes::from_static(b"strange");

const HANGS: Duration = Duration::from_secs(60);
const SLOW: Duration = Duration::from_millis(200);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, what).await.expect("it hangs")
}

/// The log in a real file, beside what was carried out.
struct Files(Store, List);

fn said<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl Disk for Files {
    fn kept(&self) -> Result<Kept, String> {
        let kept = said(self.0.log_kept())?;
        Ok(Kept {
            vote: kept.vote,
            purged: kept.purged,
            last: kept.last,
            committed: kept.committed,
        })
    }
    fn entries(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Vec<u8>>, String> {
        said(self.0.log_entries(from, to, bytes_max))
    }
    fn append(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), String> {
        said(self.0.log_append(entries))
    }
    fn truncate(&self, from: u64) -> Result<(), String> {
        said(self.0.log_truncate(from))
    }
    fn purge(&self, to: u64, mark: &[u8]) -> Result<(), String> {
        self.1.purged();
        said(self.0.log_purge(to, mark))
    }
    fn vote(&self, vote: &[u8]) -> Result<(), String> {
        said(self.0.log_vote(vote))
    }
    fn committed(&self, committed: &[u8]) -> Result<(), String> {
        said(self.0.log_committed(committed))
    }
}

/// What a node has carried out; it outlives a start. A motion that stands in the log once more is
/// seen, and carried out once.
#[derive(Clone, Default)]
pub(crate) struct List(Arc<Mutex<Carry>>, Arc<Early>);

#[derive(Clone, Default)]
struct Carry {
    all: Vec<Bytes>,
    mark: Option<Vec<u8>>,
    again: usize,
}

/// Whether a log was shortened before what it goes on from was there.
#[derive(Default)]
struct Early(Mutex<bool>, Condvar);

impl List {
    pub(crate) fn all(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().all.clone()
    }

    fn purged(&self) {
        if self.0.lock().unwrap().mark.is_none() {
            *self.1.0.lock().unwrap() = true;
            self.1.1.notify_all();
        }
    }

    /// Whether a kill could have left neither the log nor what it goes on from.
    pub(crate) fn was_nowhere(&self) -> bool {
        *self.1.0.lock().unwrap()
    }

    /// As a kill leaves it that comes before anything was written down.
    pub(crate) fn lose(&self) {
        *self.0.lock().unwrap() = Carry::default();
    }

    /// How many motions stood in the log once more.
    pub(crate) fn again(&self) -> usize {
        self.0.lock().unwrap().again
    }
}

/// The way of one node to the others, which can lose what is sent.
pub(crate) struct Lossy {
    endpoint: Arc<Endpoint>,
    lost_to: Mutex<BTreeSet<NodeId>>,
}

impl Lossy {
    /// From now on all is lost that goes to these.
    pub(crate) fn lose(&self, to: &[u16]) {
        *self.lost_to.lock().unwrap() = to.iter().copied().map(NodeId).collect();
    }
}

impl Way for Lossy {
    fn send(&self, to: NodeId, body: &[u8]) -> Result<(), SendError> {
        if self.lost_to.lock().unwrap().contains(&to) {
            return Ok(());
        }
        self.endpoint.send(to, Lane::Ledger, body)
    }
}

struct Pieces(std::vec::IntoIter<Bytes>);

impl Whole for Pieces {
    fn piece(&mut self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.next().map(|bytes| bytes.to_vec()))
    }
}

struct Comes(List, Vec<Bytes>);

impl Arrival for Comes {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.1.push(Bytes::copy_from_slice(piece));
        Ok(())
    }
    fn install(self: Box<Self>, mark: &[u8]) -> Result<(), String> {
        // A disk that takes its time; whoever does not wait for it is seen.
        let Early(early, come) = &*self.0.1;
        let waits = come.wait_timeout_while(early.lock().unwrap(), SLOW, |early| !*early);
        drop(waits.unwrap());
        let mut list = self.0.0.lock().unwrap();
        (list.all, list.mark) = (self.1, Some(mark.to_vec()));
        Ok(())
    }
}

impl Hall for List {
    fn mark(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.lock().unwrap().mark.clone())
    }
    fn carry_out(&self, entries: &[Carried], mark: &[u8]) -> Result<Vec<Bytes>, CarryError> {
        let strange = |entry: &&Carried| entry.motions.contains(&STRANGE);
        if let Some(entry) = entries.iter().find(strange) {
            return Err(CarryError::NotUnderstood { index: entry.index });
        }
        let mut list = self.0.lock().unwrap();
        let mut answers = Vec::new();
        for motion in entries.iter().flat_map(|entry| &entry.motions) {
            let place = list.all.iter().position(|known| known == motion);
            if place.is_some() {
                list.again += 1;
            } else {
                list.all.push(motion.clone());
            }
            let place = place.map_or(list.all.len(), |place| place + 1);
            answers.push(Bytes::from(place.to_string()));
        }
        list.mark = Some(mark.to_vec());
        Ok(answers)
    }
    fn can_put(&self, from: NodeId, motion: &[u8]) -> bool {
        let name = motion.strip_prefix(b"in the name of ");
        name.is_none_or(|name| name == from.0.to_string().as_bytes())
    }
    fn whole(&self) -> Result<(Option<Vec<u8>>, Box<dyn Whole>), String> {
        let Carry { all, mark, again: _ } = self.0.lock().unwrap().clone();
        Ok((mark, Box::new(Pieces(all.into_iter()))))
    }
    fn arrive(&self) -> Result<Box<dyn Arrival>, String> {
        Ok(Box::new(Comes(self.clone(), Vec::new())))
    }
}

pub(crate) struct World {
    authority: Authority,
    dir: PathBuf,
    lists: BTreeMap<u16, List>,
    addresses: BTreeMap<u16, SocketAddr>,
    starts: u32,
    pub(crate) settings: AgreementSettings,
    /// Who carries out, if it is not a list.
    pub(crate) hall: Option<Box<dyn Fn() -> Arc<dyn Hall>>>,
}

pub(crate) struct Node {
    pub(crate) agreement: Agreement,
    pub(crate) list: List,
    pub(crate) way: Arc<Lossy>,
    /// How many frames of others it has found to be nonsense or a lie.
    pub(crate) turned_down: watch::Receiver<u64>,
    pump: tokio::task::JoinHandle<()>,
}

impl Node {
    /// Without a word to anybody, as a kill does it.
    pub(crate) async fn stop(self) {
        self.pump.abort();
        let _ = self.pump.await;
        self.agreement.close().await;
        drop(self.agreement);
        drop(self.way);
    }
}

impl World {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hallporter-agreement-{name}-{}-{count}", std::process::id());
        Self {
            authority: Authority::new("voice", NOW_S).unwrap(),
            dir: std::env::temp_dir().join(name),
            lists: BTreeMap::new(),
            addresses: BTreeMap::new(),
            starts: 0,
            settings: AgreementSettings {
                heartbeat_ms: 100,
                election_ms: (300, 600),
                ..AgreementSettings::default()
            },
            hall: None,
        }
    }

    /// Starts a node, for the first time or again, and connects it with those that were started.
    pub(crate) async fn start(&mut self, number: u16) -> Node {
        self.starts += 1;
        let identity = Identity::new("voice", NodeId(number), &format!("n{number}"), "eu").unwrap();
        let credentials = self.authority.first(&identity, NOW_S).unwrap();
        let own = Own { credentials, boot: self.starts, start: self.starts.into() };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let clock: Clock = Arc::new(|| Now { mono_ms: 0, wall_ms: NOW_S * 1_000 });
        let settings = Settings { redial_ms: (5, 50), seed: number.into(), ..Settings::default() };
        let (endpoint, mut events) = Endpoint::start(socket, own, settings, clock).unwrap();
        let endpoint = Arc::new(endpoint);
        for (other, address) in self.addresses.iter().filter(|(other, _)| **other != number) {
            endpoint.reach(*address, Some(NodeId(*other)));
        }
        self.addresses.insert(number, endpoint.address().unwrap());

        let keep = Keep { entries: 10, for_: Duration::from_secs(1) };
        let dir = self.dir.join(number.to_string());
        let opened = soon(async {
            loop {
                match Store::open(&dir, keep, Arc::new(|| NOW_S * 1_000)) {
                    // Tasks of the start before that end hold the files a moment longer.
                    Err(Error::InUse { .. }) => tokio::task::yield_now().await,
                    opened => break opened,
                }
            }
        });
        let (store, _) = opened.await.unwrap();
        let list = self.lists.entry(number).or_default().clone();
        let disk = Arc::new(Files(store, list.clone()));
        let hall = self.hall.as_ref().map_or_else(|| Arc::new(list.clone()) as _, |hall| hall());
        let agreement = Agreement::start(NodeId(number), disk, hall, self.settings).await.unwrap();
        let way = Arc::new(Lossy { endpoint, lost_to: Mutex::default() });
        agreement.connect(Arc::clone(&way) as Arc<dyn Way>);
        let taking = agreement.clone();
        let (turned_down, seen) = watch::channel(0);
        let pump = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Frame(from, Lane::Ledger, bytes) = event
                    && !taking.frame(from, &bytes)
                {
                    turned_down.send_modify(|count| *count += 1);
                }
            }
        });
        Node { agreement, list, way, turned_down: seen, pump }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
