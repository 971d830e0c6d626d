//! Files between two nodes with real spools.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hallporter::domain::{ContentId, NodeId};
use hallporter::media::{self, Copying, Spool, Tools};
use hallporter::peers::{
    FILE_BYTES_MAX, FileError, Kind, Lane, Refusal, Settings, Shelf, Shelved, Side, Unkept, framed,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::stranger::{call, greet, papers};
use super::world::{Node, World, node, socket, soon};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// A spool that can be made to do what disks do.
struct Rack {
    root: PathBuf,
    spool: Arc<Spool>,
    faults: Mutex<Faults>,
    /// Rung for every piece that is written.
    wrote: Notify,
}

#[derive(Clone, Copy, Default)]
struct Faults {
    /// So much room is left.
    room: Option<u64>,
    /// A byte of every piece is changed.
    spoils: bool,
    /// Writing goes no further after so many bytes.
    stops_after: Option<u64>,
}

impl Rack {
    fn new() -> Arc<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("hp-rack-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let spool = Arc::new(Spool::open(&root, Tools::default()).unwrap());
        let (faults, wrote) = (Mutex::default(), Notify::new());
        Arc::new(Self { root, spool, faults, wrote })
    }

    /// A file that is kept here, with so many bytes.
    fn file(&self, bytes: usize, seed: u8) -> ContentId {
        let piece: Vec<u8> = (0..=255).map(|at: u8| at.wrapping_mul(31) ^ seed).collect();
        let mut all = piece.repeat(bytes / 256 + 1);
        all.truncate(bytes);
        let content = ContentId(Sha256::digest(&all).into());
        let path = self.spool.content_path(content);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, all).unwrap();
        content
    }

    fn has(&self, content: ContentId) -> bool {
        let kept = fs::read(self.spool.content_path(content));
        kept.is_ok_and(|bytes| ContentId(Sha256::digest(&bytes).into()) == content)
    }

    fn has_all_of(&self, other: &Self, content: ContentId) -> bool {
        let kept = |rack: &Self| fs::read(rack.spool.content_path(content)).unwrap();
        kept(self) == kept(other)
    }

    /// Whether anything lies in passing.
    fn is_tidy(&self) -> bool {
        fs::read_dir(self.root.join("uploads")).unwrap().next().is_none()
    }

    fn be(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

struct Plank {
    copy: Copying,
    rack: Arc<Rack>,
    bytes: u64,
}

fn unkept(error: &media::Error) -> Unkept {
    match error {
        media::Error::Full { .. } => Unkept::NoRoom,
        media::Error::NotThere { .. } => Unkept::NotThere,
        media::Error::Spoiled { .. } => Unkept::Spoiled,
        other => panic!("{other}"),
    }
}

struct OnRack(Arc<Rack>);

impl Shelf for OnRack {
    fn open(&self, content: ContentId) -> Result<(File, u64), Unkept> {
        self.0.spool.file(content).map_err(|error| unkept(&error))
    }

    fn begin(&self, content: ContentId, bytes: u64) -> Result<Option<Box<dyn Shelved>>, Unkept> {
        let copy = self.0.spool.begin_copy(content, bytes, 1).map_err(|error| unkept(&error))?;
        let plank = copy.map(|copy| Plank { copy, rack: Arc::clone(&self.0), bytes: 0 });
        Ok(plank.map(|plank| -> Box<dyn Shelved> { Box::new(plank) }))
    }
}

impl Shelved for Plank {
    fn write(&mut self, piece: &[u8]) -> Result<(), Unkept> {
        let faults = *self.rack.faults.lock().unwrap();
        self.bytes += piece.len() as u64;
        if faults.room.is_some_and(|room| self.bytes > room) {
            return Err(Unkept::NoRoom);
        }
        while self.rack.faults.lock().unwrap().stops_after.is_some_and(|after| self.bytes > after) {
            self.rack.wrote.notify_one();
            std::thread::yield_now();
        }
        let mut piece = piece.to_vec();
        if faults.spoils {
            piece[0] ^= 1;
        }
        let written = self.copy.write(&piece).map_err(|error| unkept(&error));
        self.rack.wrote.notify_one();
        written
    }

    fn finish(self: Box<Self>) -> Result<(), Unkept> {
        self.copy.finish().map_err(|error| unkept(&error))
    }
}

struct Two {
    world: World,
    one: Node,
    two: Node,
    here: Arc<Rack>,
    there: Arc<Rack>,
}

impl Two {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let world = World::new();
        let start =
            |number| world.start_with(socket(), world.credentials(&node(number)), 1, settings);
        let (mut one, mut two) = (start(1), start(2));
        two.endpoint.reach(one.address, Some(ONE));
        assert_eq!((one.up().await.identity, two.up().await.identity), (node(2), node(1)));
        let (here, there) = (Rack::new(), Rack::new());
        one.endpoint.keep_files(Arc::new(OnRack(Arc::clone(&here))));
        two.endpoint.keep_files(Arc::new(OnRack(Arc::clone(&there))));
        Self { world, one, two, here, there }
    }

    async fn copy(&self, content: ContentId) -> Result<(), FileError> {
        soon(self.one.endpoint.copy_file(TWO, content)).await
    }

    async fn fetch(&self, content: ContentId) -> Result<(), FileError> {
        soon(self.one.endpoint.fetch_file(TWO, content)).await
    }
}

#[tokio::test]
async fn files_of_any_size_are_copied_and_fetched() {
    let nodes = Two::new().await;
    for (seed, bytes) in (0..).zip([0, 1, 44, 1_000, 256 << 10, (1 << 20) + 1]) {
        let content = nodes.here.file(bytes, seed);
        nodes.copy(content).await.unwrap();
        assert!(nodes.there.has(content), "{bytes}");
        nodes.copy(content).await.expect("it is there, which is as good");
        let content = nodes.there.file(bytes + 1, seed);
        nodes.fetch(content).await.unwrap();
        assert!(nodes.here.has(content), "{bytes}");
        nodes.fetch(content).await.unwrap();
    }
    assert!(nodes.here.is_tidy() && nodes.there.is_tidy());
    let (one, two) = (nodes.one.endpoint.figures(), nodes.two.endpoint.figures());
    assert_eq!((one.files_sent, two.files_received), (12, 12));
    assert_eq!((one.files_received, one.files_failed, two.files_failed), (12, 0, 0));
}

#[tokio::test]
async fn a_long_video_goes_through_and_rows_do_not_wait_for_it() {
    let mut nodes = Two::new().await;
    // A build without optimisation takes 25 s for the sums of 200 MiB.
    let content = nodes.here.file(if cfg!(debug_assertions) { 40 << 20 } else { 200 << 20 }, 1);
    nodes.there.be(Faults { stops_after: Some(10 << 20), ..Faults::default() });
    let endpoint = Arc::new(nodes.one.endpoint);
    let copy = tokio::spawn({
        let endpoint = Arc::clone(&endpoint);
        async move { endpoint.copy_file(TWO, content).await }
    });
    soon(nodes.there.wrote.notified()).await;
    // The file waits in the middle for the other one's disk; frames go both ways.
    for number in 0..100_u8 {
        endpoint.send(TWO, Lane::Rows, &[number]).unwrap();
        assert_eq!(&nodes.two.frame().await.2[..], [number]);
        nodes.two.endpoint.send(ONE, Lane::Ledger, &[number]).unwrap();
    }
    assert!(!copy.is_finished());
    nodes.there.be(Faults::default());
    soon(copy).await.unwrap().unwrap();
    assert!(nodes.there.has_all_of(&nodes.here, content) && nodes.there.is_tidy());
}

#[tokio::test]
async fn what_holds_something_else_gets_no_name() {
    let nodes = Two::new().await;
    let content = nodes.here.file(300_000, 1);
    nodes.there.be(Faults { spoils: true, ..Faults::default() });
    assert_eq!(nodes.copy(content).await, Err(FileError::There(Unkept::Spoiled)));
    // The same the other way: what lies there under the name is something else.
    let rotten = nodes.there.file(300_000, 2);
    let path = nodes.there.spool.content_path(rotten);
    let mut bytes = fs::read(&path).unwrap();
    bytes[299_999] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(nodes.fetch(rotten).await, Err(FileError::Here(Unkept::Spoiled)));
    assert!(!nodes.there.has(content) && !nodes.here.spool.has(rotten));
    assert!(nodes.here.is_tidy() && nodes.there.is_tidy());
    nodes.there.be(Faults::default());
    nodes.copy(content).await.expect("a second try does it");
}

#[tokio::test]
async fn a_full_disk_is_said_by_whoever_has_it() {
    let nodes = Two::new().await;
    let content = nodes.here.file(3 << 20, 1);
    let full = Faults { room: Some(1 << 20), ..Faults::default() };
    nodes.there.be(full);
    assert_eq!(nodes.copy(content).await, Err(FileError::There(Unkept::NoRoom)));
    let content = nodes.there.file(3 << 20, 2);
    nodes.here.be(full);
    assert_eq!(nodes.fetch(content).await, Err(FileError::Here(Unkept::NoRoom)));
    assert!(nodes.here.is_tidy() && nodes.there.is_tidy());
    // The way is free for the next one.
    let small = nodes.here.file(1_000, 3);
    nodes.copy(small).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_and_what_nobody_keeps_is_said() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let (here, nowhere) = (Rack::new(), ContentId([9; 32]));
    let content = here.file(100, 1);
    let own = one.endpoint.copy_file(TWO, content).await;
    assert_eq!(own, Err(FileError::Here(Unkept::NoShelf)));
    one.endpoint.keep_files(Arc::new(OnRack(Arc::clone(&here))));
    assert_eq!(
        soon(one.endpoint.copy_file(TWO, content)).await,
        Err(FileError::There(Unkept::NoShelf))
    );
    assert_eq!(
        soon(one.endpoint.copy_file(TWO, nowhere)).await,
        Err(FileError::Here(Unkept::NotThere))
    );
    two.endpoint.keep_files(Arc::new(OnRack(Rack::new())));
    assert_eq!(
        soon(one.endpoint.fetch_file(TWO, nowhere)).await,
        Err(FileError::There(Unkept::NotThere))
    );
    let away = NodeId(9);
    assert_eq!(one.endpoint.copy_file(away, content).await, Err(FileError::Away(away)));
    assert_eq!(one.endpoint.fetch_file(away, nowhere).await, Err(FileError::Away(away)));
    assert_eq!(one.endpoint.fetch_file(away, content).await, Ok(()), "it is here");
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_leaves_nothing_behind() {
    let mut nodes = Two::new().await;
    let content = nodes.here.file(20 << 20, 1);
    nodes.there.be(Faults { stops_after: Some(5 << 20), ..Faults::default() });
    let copy = nodes.one.endpoint.copy_file(TWO, content);
    let cut = async {
        nodes.there.wrote.notified().await;
        nodes.two.endpoint.hang_up(ONE);
    };
    let (copied, ()) = soon(async { tokio::join!(copy, cut) }).await;
    assert_eq!(copied, Err(FileError::Cut));
    nodes.there.be(Faults::default());
    assert_eq!(nodes.one.down().await, TWO);
    nodes.one.up().await;
    assert!(!nodes.there.has(content));
    nodes.copy(content).await.expect("it is begun anew");
    assert!(nodes.there.has(content));
    drop(nodes.world);
}

#[tokio::test]
async fn whoever_does_nothing_is_not_waited_for() {
    let nodes = Two::with(Settings { file_ms: 300, ..Settings::default() }).await;
    let content = nodes.here.file(20 << 20, 1);
    nodes.there.be(Faults { stops_after: Some(0), ..Faults::default() });
    assert_eq!(nodes.copy(content).await, Err(FileError::Silent));
    nodes.there.be(Faults::default());
}

#[tokio::test]
async fn more_than_may_be_at_once_wait_for_each_other() {
    let nodes = Two::new().await;
    let contents: Vec<_> = (0..12).map(|seed| nodes.here.file(700_000, seed)).collect();
    let mut copies = tokio::task::JoinSet::new();
    let endpoint = Arc::new(nodes.one.endpoint);
    for content in &contents {
        let (endpoint, content) = (Arc::clone(&endpoint), *content);
        copies.spawn(async move { endpoint.copy_file(TWO, content).await });
    }
    // Whoever loses patience is no burden to the others.
    copies.spawn({
        let endpoint = Arc::clone(&endpoint);
        let content = nodes.here.file(900_000, 99);
        async move {
            let _ =
                tokio::time::timeout(std::time::Duration::ZERO, endpoint.copy_file(TWO, content))
                    .await;
            Ok(())
        }
    });
    while let Some(copied) = soon(copies.join_next()).await {
        copied.unwrap().unwrap();
    }
    assert!(contents.iter().all(|content| nodes.there.has(*content)));
}

/// What a node says to somebody who asks for files in his own words.
async fn ask(kind: Kind, words: &str, greets: bool) -> (Node, String) {
    let world = World::new();
    let one = world.start(1);
    one.endpoint.keep_files(Arc::new(OnRack(Rack::new())));
    let own = papers(&world.credentials(&node(7)).to_pem());
    let (_endpoint, called) = soon(call(one.address, Some(own), "hallporter/1")).await;
    let called = called.unwrap();
    if greets {
        assert!(soon(greet(&called, r#"{"node":7,"name":"n7","boot":1,"start":1}"#)).await);
    }
    let (mut send, mut receive) = soon(called.open_bi()).await.unwrap();
    send.write_all(&framed(kind, words.as_bytes()).unwrap()).await.unwrap();
    let answer = soon(receive.read_to_end(4_096)).await.unwrap_or_default();
    (one, String::from_utf8_lossy(answer.get(6..).unwrap_or_default()).into_owned())
}

#[tokio::test]
async fn only_who_has_greeted_and_keeps_to_the_words_is_answered() {
    let content = "ab".repeat(32);
    let fetch = format!(r#"{{"fetch":{{"content":"{content}"}}}}"#);
    let copy = |bytes| format!(r#"{{"copy":{{"content":"{content}","bytes":{bytes}}}}}"#);
    let (_one, answer) = ask(Kind::File, &fetch, true).await;
    assert_eq!(answer, r#"{"not":"not_there"}"#);
    let (_one, answer) = ask(Kind::File, &copy(FILE_BYTES_MAX + 1), true).await;
    assert_eq!(answer, r#"{"not":"too_large"}"#);
    let (_one, answer) = ask(Kind::File, &copy(FILE_BYTES_MAX), true).await;
    assert!(answer.contains("no_room") || answer.contains("go"), "{answer}");
    let path = r#"{"fetch":{"content":"../../etc/passwd"}}"#;
    for (kind, words, greets) in [
        (Kind::File, &*fetch, false),
        (Kind::File, path, true),
        (Kind::File, "", true),
        (Kind::Rows, &*fetch, true),
        (Kind::Hello, &*fetch, true),
    ] {
        let (mut one, answer) = ask(kind, words, greets).await;
        assert_eq!(answer, "", "{kind:?} {words}");
        one.refused(Side::Here, Refusal::Nonsense).await;
    }
}
