//! A switch that is played: its Event Socket on a port of loopback.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(crate) const PASSWORD: &str = "a-secret-of-the-tests";

/// The numbers of jobs for lists are beyond it: those of other jobs are told by tests.
const FIRST_LIST: usize = 1_000_000;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Good,
    /// It accepts connections and says nothing.
    Mute,
    /// It lets people in, and answers no `api` command.
    Deaf,
    /// It says that a job has ended before it says that it has begun.
    Hasty,
    /// It begins to make lists in the background, and never ends one.
    Listless,
    /// It says these bytes to everybody, each block after a command, and hangs up.
    Recorded(&'static [&'static [u8]]),
}

struct State {
    manner: Manner,
    core_uuid: String,
    /// The answer to `show channels as json`.
    channels: String,
    /// Answers to `api` commands, by what they begin with; the last that fits.
    answers: Vec<(String, String)>,
    /// Everything that was asked, but for what is always asked.
    commands: mpsc::UnboundedSender<String>,
    /// The connections for events and for jobs.
    events: Option<mpsc::UnboundedSender<Vec<u8>>>,
    jobs: Option<mpsc::UnboundedSender<Vec<u8>>>,
    connections: usize,
    open: usize,
    job: usize,
    lists: usize,
    beats: usize,
    /// Pieces that were given to say, and those that were said.
    to_say: usize,
    said: usize,
}

/// A switch.
pub(crate) struct Fake {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
    commands: mpsc::UnboundedReceiver<String>,
    listening: Option<tokio::task::JoinHandle<()>>,
}

impl Fake {
    pub(crate) async fn start(manner: Manner) -> Self {
        let (told, commands) = mpsc::unbounded_channel();
        let state = State {
            manner,
            core_uuid: "61b236a0-95e6-4b21-a39a-ac659e12141a".to_owned(),
            channels: "{\"row_count\": 0}\n".to_owned(),
            answers: Vec::new(),
            commands: told,
            events: None,
            jobs: None,
            connections: 0,
            open: 0,
            job: 0,
            lists: 0,
            beats: 0,
            to_say: 0,
            said: 0,
        };
        let mut fake =
            Self { port: 0, state: Arc::new(Mutex::new(state)), commands, listening: None };
        fake.listen().await;
        fake
    }

    async fn listen(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let state = Arc::clone(&self.state);
        let listening = tokio::spawn(async move {
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                lines.spawn(serve(stream, Arc::clone(&state)));
            }
        });
        self.listening = Some(listening);
    }

    /// Ends, as with `kill -9`; all connections break off.
    pub(crate) async fn kill(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ = listening.await;
        }
        let mut state = lock(&self.state);
        (state.events, state.jobs, state.open) = (None, None, 0);
    }

    /// Starts anew at the same place.
    pub(crate) async fn restart(&mut self, core_uuid: &str) {
        lock(&self.state).core_uuid = core_uuid.to_owned();
        self.listen().await;
    }

    pub(crate) fn behave(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    pub(crate) fn set_channels(&self, json: &str) {
        lock(&self.state).channels = json.to_owned();
    }

    pub(crate) fn answer(&self, begin: &str, answer: &str) {
        lock(&self.state).answers.push((begin.to_owned(), answer.to_owned()));
    }

    /// How often somebody has connected, and how many are connected now.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.connections, state.open)
    }

    /// Says something on the connection for events: pieces are written one by one.
    pub(crate) fn say(&self, pieces: impl IntoIterator<Item = Vec<u8>>) {
        let line = lock(&self.state).events.clone().expect("nobody listens to events");
        for piece in pieces {
            lock(&self.state).to_say += 1;
            let _ = line.send(piece);
        }
    }

    /// Ends a background job.
    pub(crate) fn end_job(&self, number: usize, body: &str) {
        let frame = event(&[("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", &job(number))], body);
        let line = lock(&self.state).jobs.clone().expect("nobody listens to jobs");
        let _ = line.send(frame);
    }

    /// How often a list was asked for in the background.
    pub(crate) fn lists(&self) -> usize {
        lock(&self.state).lists
    }

    /// How often the beat was refreshed.
    pub(crate) fn beats(&self) -> usize {
        lock(&self.state).beats
    }

    /// Closes the connection for events.
    pub(crate) fn hang_up(&self) {
        lock(&self.state).events = None;
    }

    /// Closes the connection for commands.
    pub(crate) fn hang_up_jobs(&self) {
        lock(&self.state).jobs = None;
    }

    /// Whether everything was written that is to be said.
    pub(crate) fn said_all(&self) -> bool {
        let state = lock(&self.state);
        state.said == state.to_say
    }

    /// The next command that is not of the daily round.
    pub(crate) async fn command(&mut self) -> String {
        let next = tokio::time::timeout(super::side::LONG, self.commands.recv()).await;
        next.expect("no command comes").unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn job(number: usize) -> String {
    format!("0b5d4f60-0000-4000-8000-{number:012}")
}

/// An event as a switch writes it, in plain format.
pub(crate) fn event(headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut inner = String::new();
    for (name, value) in headers {
        inner += &format!("{name}: {}\n", value.replace('%', "%25").replace('\n', "%0A"));
    }
    if !body.is_empty() {
        inner += &format!("Content-Length: {}\n", body.len());
    }
    inner += &format!("\n{body}");
    format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{inner}", inner.len())
        .into_bytes()
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    stream.set_nodelay(true).unwrap();
    let manner = {
        let mut state = lock(&state);
        state.connections += 1;
        state.open += 1;
        state.manner
    };
    match manner {
        Manner::Mute => while stream.read_u8().await.is_ok() {},
        Manner::Recorded(blocks) => recorded(&mut stream, blocks).await,
        Manner::Good | Manner::Deaf | Manner::Hasty | Manner::Listless => {
            talk(&mut stream, &state).await;
        }
    }
    let mut state = lock(&state);
    state.open = state.open.saturating_sub(1);
}

async fn recorded(stream: &mut TcpStream, blocks: &[&[u8]]) {
    let mut buffer = VecDeque::new();
    for block in blocks {
        // Byte by byte.
        for byte in *block {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        if !block.ends_with(b"accepted\n\n") && command(stream, &mut buffer).await.is_none() {
            return;
        }
    }
}

async fn command(stream: &mut TcpStream, buffer: &mut VecDeque<u8>) -> Option<String> {
    loop {
        let bytes = buffer.make_contiguous();
        if let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") {
            let command: Vec<u8> = buffer.drain(..end + 2).collect();
            return Some(String::from_utf8(command).unwrap().trim_end().to_owned());
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => buffer.extend(&piece[..length]),
        }
    }
}

async fn talk(stream: &mut TcpStream, state: &Mutex<State>) {
    let mut buffer = VecDeque::new();
    let (sender, mut pushed) = mpsc::unbounded_channel();
    let mut sender = Some(sender);
    if stream.write_all(b"Content-Type: auth/request\n\n").await.is_err() {
        return;
    }
    loop {
        let (reply, pushed) = tokio::select! {
            asked = command(stream, &mut buffer) => match asked {
                Some(asked) => (reply(&asked, state, &mut sender), 0),
                None => return,
            },
            piece = pushed.recv() => match piece {
                Some(piece) => (piece, 1),
                None => return,
            },
        };
        if stream.write_all(&reply).await.is_err() {
            return;
        }
        lock(state).said += pushed;
        tokio::task::yield_now().await;
    }
}

/// What is said to a command.
fn reply(
    asked: &str,
    state: &Mutex<State>,
    line: &mut Option<mpsc::UnboundedSender<Vec<u8>>>,
) -> Vec<u8> {
    let mut state = lock(state);
    if let Some(password) = asked.strip_prefix("auth ") {
        let word = if password == PASSWORD { "+OK accepted" } else { "-ERR invalid" };
        return command_reply(word);
    }
    if let Some(names) = asked.strip_prefix("event plain ") {
        if names == "BACKGROUND_JOB" {
            state.jobs = line.take();
        } else {
            assert!(names.contains("CHANNEL_PARK") && !names.contains("CHANNEL_STATE"));
            state.events = line.take();
        }
        return command_reply("+OK event listener enabled plain");
    }
    const BEAT: &str = "api expand global_setvar hallporter_beat=${strepoch()}";
    const LIST: &str = "bgapi show channels as json";
    state.beats += usize::from(asked == BEAT);
    let daily =
        [BEAT, LIST, "api uptime", "api show channels as json", "api global_getvar core_uuid"]
            .contains(&asked)
            || asked.starts_with("api uuid_exists")
            || asked.starts_with("api uuid_getvar") && asked.ends_with(" hallporter");
    if !daily {
        let _ = state.commands.send(asked.to_owned());
    }
    if asked == LIST || asked.starts_with("bgapi ") {
        return begin_job(asked == LIST, &mut state);
    }
    let fitting = |asked: &str| {
        let found = state.answers.iter().rev().find(|(begin, _)| asked.starts_with(begin));
        found.map(|(_, answer)| answer.clone())
    };
    let Some(api) = asked.strip_prefix("api ") else {
        return command_reply(&fitting(asked).unwrap_or_else(|| "+OK".to_owned()));
    };
    if state.manner == Manner::Deaf {
        return Vec::new();
    }
    let told = fitting(api);
    let body = match api {
        _ if told.is_some() => told.unwrap(),
        "global_getvar core_uuid" => state.core_uuid.clone(),
        "show channels as json" => state.channels.clone(),
        _ if api.starts_with("uuid_exists") => "true".to_owned(),
        _ if api.starts_with("uuid_getvar") => "_undef_".to_owned(),
        _ => "+OK\n".to_owned(),
    };
    format!("Content-Type: api/response\nContent-Length: {}\n\n{body}", body.len()).into_bytes()
}

/// A job begins, and ends at once if it is a list.
fn begin_job(is_list: bool, state: &mut State) -> Vec<u8> {
    let count = if is_list { &mut state.lists } else { &mut state.job };
    *count += 1;
    let number = job(if is_list { FIRST_LIST + *count } else { *count });
    let reply = job_reply(&number);
    let end = [("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", &*number)];
    match state.manner {
        Manner::Hasty => [event(&end, "Sent"), reply].concat(),
        Manner::Good if is_list => [reply, event(&end, &state.channels)].concat(),
        _ => reply,
    }
}

fn job_reply(job: &str) -> Vec<u8> {
    format!("Content-Type: command/reply\nReply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n")
        .into_bytes()
}

fn command_reply(text: &str) -> Vec<u8> {
    format!("Content-Type: command/reply\nReply-Text: {text}\n\n").into_bytes()
}
