//! What lies between the regions: packets arrive late, not at all, or twice, as it is told to do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Result;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// More packets than this are not on their way at once; the rest is lost.
const UNDERWAY_MAX: usize = 100_000;
/// The longest packet that a TUN device gives.
const PACKET_MAX: usize = 65_536;

/// What becomes of packets of one region to another.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    delay: Duration,
    loss_percent: u64,
    twice_percent: u64,
    cut: bool,
}

/// The relay: a thread that takes packets, and one that hands them on when they are due.
pub(crate) struct Relay {
    path: PathBuf,
    names: Vec<String>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    socket: UnixDatagram,
    /// Where each region's packets are handed over.
    doors: Vec<PathBuf>,
    book: Mutex<Book>,
    news: Condvar,
}

struct Book {
    /// By sender and receiver.
    ways: Vec<Vec<Way>>,
    underway: BinaryHeap<Reverse<Packet>>,
    taken: u64,
    dice: u64,
    over: bool,
}

/// In order of when it is due, then of arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    due: Instant,
    number: u64,
    to: usize,
    bytes: Vec<u8>,
}

impl Relay {
    /// Starts it between regions of these names, with its sockets in `dir`.
    pub(super) fn start(dir: &Path, names: &[&str]) -> Result<Self> {
        let path = dir.join("relay");
        let socket = UnixDatagram::bind(&path)?;
        // So long the end may be unheard of.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let count = names.len();
        let book = Book {
            ways: vec![vec![Way::default(); count]; count],
            underway: BinaryHeap::new(),
            taken: 0,
            dice: 0x9e37_79b9_7f4a_7c15,
            over: false,
        };
        let doors = (1..=count).map(|number| dir.join(format!("{number}"))).collect();
        let shared =
            Arc::new(Shared { socket, doors, book: Mutex::new(book), news: Condvar::new() });
        let (taking, giving) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || taking.take()),
            std::thread::spawn(move || giving.give()),
        ];
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(Self { path, names, shared, threads })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The socket of a region, by its number.
    pub(super) fn door(&self, dir: &Path, number: u8) -> PathBuf {
        dir.join(number.to_string())
    }

    /// Every packet takes so long from region to region.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.book().all(|way| way.delay = delay);
    }

    /// So many packets of a hundred are lost.
    pub(crate) fn lose(&self, percent: u64) {
        self.shared.book().all(|way| way.loss_percent = percent);
    }

    /// So many packets of a hundred come twice.
    pub(crate) fn double(&self, percent: u64) {
        self.shared.book().all(|way| way.twice_percent = percent);
    }

    /// Nothing goes to a region (by its number) and nothing comes from it.
    pub(crate) fn cut(&self, region: u8) {
        let mut book = self.shared.book();
        let cut = usize::from(region) - 1;
        for other in 0..book.ways.len() {
            book.ways[cut][other].cut = true;
            book.ways[other][cut].cut = true;
        }
    }

    /// Nothing goes from one region to another; what comes the other way still does.
    pub(crate) fn cut_one_way(&self, from: u8, to: u8) {
        self.shared.book().ways[usize::from(from) - 1][usize::from(to) - 1].cut = true;
    }

    /// Everything goes everywhere again, at the delay that was set, and once.
    pub(crate) fn heal(&self) {
        self.shared.book().all(|way| {
            (way.cut, way.loss_percent, way.twice_percent) = (false, 0, 0);
        });
    }

    /// How many packets it has taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.shared.book().taken
    }

    /// Does what a line says, as `scripts/cluster` sends it; gives what there is to say of it.
    pub(crate) fn obey(&self, line: &str) -> std::result::Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse().map_err(|_| format!("{word} is no number"));
        let region = |word: &str| {
            let at = self.names.iter().position(|name| name == word);
            let names = self.names.join(", ");
            at.and_then(|at| u8::try_from(at + 1).ok())
                .ok_or_else(|| format!("there is no region {word}: take one of {names}"))
        };
        match words.as_slice() {
            ["delay", ms] => self.delay(Duration::from_millis(number(ms)?)),
            ["loss", percent] => self.lose(number(percent)?),
            ["twice", percent] => self.double(number(percent)?),
            ["cut", name] => self.cut(region(name)?),
            ["cut", from, to] => self.cut_one_way(region(from)?, region(to)?),
            ["heal"] => self.heal(),
            ["show"] => {}
            _ => {
                let known =
                    "delay MS, loss PERCENT, twice PERCENT, cut REGION [REGION], heal, show";
                return Err(format!("the relay knows: {known}"));
            }
        }
        Ok(self.show())
    }

    fn show(&self) -> String {
        let book = self.shared.book();
        let mut lines = format!("{} packets so far\n", book.taken);
        for (from, name) in self.names.iter().enumerate() {
            for (to, other) in self.names.iter().enumerate().filter(|(to, _)| *to != from) {
                let way = book.ways[from][to];
                let state = if way.cut { "cut" } else { "open" };
                lines += &format!(
                    "{name} to {other}: {state}, {} ms, {} % lost, {} % twice\n",
                    way.delay.as_millis(),
                    way.loss_percent,
                    way.twice_percent
                );
            }
        }
        lines
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.book().over = true;
        self.shared.news.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Book {
    fn all(&mut self, set: impl Fn(&mut Way)) {
        self.ways.iter_mut().flatten().for_each(set);
    }

    fn falls(&mut self, percent: u64) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % 100 < percent
    }

    fn put(&mut self, from: usize, to: usize, bytes: &[u8]) {
        self.taken += 1;
        let way = self.ways[from][to];
        if way.cut || self.falls(way.loss_percent) {
            return;
        }
        let copies = if self.falls(way.twice_percent) { 2 } else { 1 };
        for _ in 0..copies {
            if self.underway.len() < UNDERWAY_MAX {
                let (due, number) = (Instant::now() + way.delay, self.taken);
                self.underway.push(Reverse(Packet { due, number, to, bytes: bytes.to_vec() }));
            }
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) {
        let mut packet = vec![0; PACKET_MAX];
        loop {
            let came = self.socket.recv(&mut packet);
            let mut book = self.book();
            if book.over {
                return;
            }
            let Ok(count) = came else { continue };
            // IPv4 between two of our regions; whatever else a kernel says is nobody's here.
            if let [0x45..=0x4f, .., 10, 77, from, _, 10, 77, to, _] = packet[..count.min(20)] {
                let places = 1..=book.ways.len();
                let (from, to) = (usize::from(from), usize::from(to));
                if places.contains(&from) && places.contains(&to) {
                    book.put(from - 1, to - 1, &packet[..count]);
                    self.news.notify_all();
                }
            }
        }
    }

    fn give(&self) {
        let mut book = self.book();
        while !book.over {
            let now = Instant::now();
            let due = book.underway.peek().map(|Reverse(packet)| packet.due);
            match due {
                Some(due) if due <= now => {
                    let Some(Reverse(packet)) = book.underway.pop() else { continue };
                    drop(book);
                    // A region that is gone takes nothing; that is no affair of the others.
                    let _ = self.socket.send_to(&packet.bytes, &self.doors[packet.to]);
                    book = self.book();
                }
                Some(due) => {
                    let waited = self.news.wait_timeout(book, due - now);
                    book = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => book = self.news.wait(book).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
