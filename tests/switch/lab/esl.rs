//! A client of the Event Socket, the tests' own: blocking, and it forgets nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::seconds;

/// How long an answer or an event is waited for, where nothing else is said.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An event, its values decoded.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    headers: BTreeMap<String, String>,
}

impl Event {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is(&self, name: &str, leg: &str) -> bool {
        self.get("Event-Name") == name && (leg.is_empty() || self.get("Unique-ID") == leg)
    }
}

/// A connection.
pub(crate) struct Esl {
    stream: Mutex<TcpStream>,
    shared: Arc<Shared>,
    ear: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    news: Condvar,
}

#[derive(Default)]
struct Book {
    replies: VecDeque<String>,
    events: Vec<Event>,
    over: bool,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the book has it.
    fn once<T>(&self, within: Duration, look: impl Fn(&mut Book) -> Option<T>) -> Option<T> {
        let end = Instant::now() + within;
        let mut book = self.book();
        loop {
            if let Some(found) = look(&mut book) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            if book.over {
                return None;
            }
            book = self.news.wait_timeout(book, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Esl {
    /// Connects and logs in; the reply to a password that is not taken.
    pub(crate) fn connect(at: SocketAddr, password: &str) -> std::io::Result<Result<Self, String>> {
        let stream = TcpStream::connect_timeout(&at, seconds(2.0))?;
        let reading = stream.try_clone()?;
        let shared = Arc::new(Shared::default());
        let hearing = Arc::clone(&shared);
        let ear = std::thread::spawn(move || hear(&hearing, reading));
        let esl = Self { stream: Mutex::new(stream), shared, ear: Some(ear) };
        let greeting = esl.reply().unwrap_or_default();
        if !greeting.contains("auth/request") {
            return Ok(Err(greeting));
        }
        let reply = esl.ask(&format!("auth {password}"));
        Ok(if reply.contains("+OK") { Ok(esl) } else { Err(reply) })
    }

    fn reply(&self) -> Option<String> {
        self.shared.once(PATIENCE, |book| book.replies.pop_front())
    }

    /// Sends a command, gives the head and the body of its reply.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.write_all(format!("{command}\n\n").as_bytes()).is_err() {
            return String::new();
        }
        self.reply().unwrap_or_default()
    }

    /// A command of the API, and what it says.
    pub(crate) fn api(&self, command: &str) -> String {
        let reply = self.ask(&format!("api {command}"));
        reply.split_once("\n\n").map_or("", |(_, body)| body).trim_end().to_owned()
    }

    /// Listens to these events from now on.
    #[track_caller]
    pub(crate) fn subscribe(&self, names: &str) {
        let reply = self.ask(&format!("event plain {names}"));
        assert!(reply.contains("+OK"), "{reply}");
    }

    /// Runs an application on a leg.
    #[track_caller]
    pub(crate) fn execute(&self, leg: &str, application: &str, argument: &str) {
        let argument = format!("execute-app-arg: {argument}");
        let reply = self.ask(&format!(
            "sendmsg {leg}\ncall-command: execute\nexecute-app-name: {application}\n{argument}"
        ));
        assert!(reply.contains("+OK"), "{application}: {reply}");
    }

    /// Waits for an event like this, or takes one that has come.
    pub(crate) fn event(&self, within: Duration, is: impl Fn(&Event) -> bool) -> Option<Event> {
        self.shared.once(within, |book| book.events.iter().find(|event| is(event)).cloned())
    }

    /// The event of this name on this leg (`""`: on any), which must come or have come.
    #[track_caller]
    pub(crate) fn sees(&self, name: &str, leg: &str) -> Event {
        let found = self.event(PATIENCE, |event| event.is(name, leg));
        found.unwrap_or_else(|| panic!("no {name} on {leg:?}; there were {:?}", self.names()))
    }

    /// How many events of this name came on this leg.
    pub(crate) fn count(&self, name: &str, leg: &str) -> usize {
        self.shared.book().events.iter().filter(|event| event.is(name, leg)).count()
    }

    /// A header of all events of a name.
    pub(crate) fn all(&self, name: &str, header: &str) -> Vec<String> {
        let book = self.shared.book();
        let of = book.events.iter().filter(|event| event.is(name, ""));
        of.map(|event| event.get(header).to_owned()).collect()
    }

    fn names(&self) -> Vec<String> {
        let book = self.shared.book();
        book.events.iter().map(|event| event.get("Event-Name").to_owned()).collect()
    }
}

impl Drop for Esl {
    fn drop(&mut self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(Shutdown::Both);
        drop(stream);
        if let Some(ear) = self.ear.take() {
            let _ = ear.join();
        }
    }
}

/// Reads frame after frame until the switch closes.
fn hear(shared: &Shared, stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = frame(&mut reader) {
        let mut book = shared.book();
        if head.contains("text/event-plain") {
            book.events.push(Event { headers: headers(&body) });
        } else {
            book.replies.push_back(format!("{head}\n\n{body}"));
        }
        shared.news.notify_all();
    }
    shared.book().over = true;
    shared.news.notify_all();
}

fn frame(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\n" && !head.is_empty() {
            break;
        }
        head += line.trim_start_matches('\n');
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some((head.trim_end().to_owned(), String::from_utf8_lossy(&body).into_owned()))
}

fn headers(text: &str) -> BTreeMap<String, String> {
    let head = text.split("\n\n").next().unwrap();
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

/// `%20` and its like as what they stand for.
fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = code.and_then(|two| u8::from_str_radix(two, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &behind[2..]).0,
            None => (bytes.push(*first), rest = behind).0,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
