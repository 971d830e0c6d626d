//! The HTTP side of the load: one thread, keep-alive, one question at a time on a connection.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::dataset;

/// Kamailio tells at most so many events at once.
pub(crate) const EVENTS_AT_ONCE: usize = 100;

/// A reply as it came.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Asks once, on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<Reply> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    Client::new(address)?.ask(request.as_bytes())
}

/// One connection, one question after the other, blocking.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self(stream))
    }

    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<Reply> {
        self.0.write_all(request)?;
        let (mut buffer, mut part) = (Vec::new(), [0; 16_384]);
        loop {
            if let Some((status, body)) = whole(&buffer)? {
                return Ok(Reply { status, body: buffer[body..].to_vec() });
            }
            match self.0.read(&mut part)? {
                0 => bail!("the connection was closed"),
                count => buffer.extend_from_slice(&part[..count]),
            }
        }
    }
}

/// Status and begin of the body, when all of a reply is there.
fn whole(reply: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = reply.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&reply[..end])?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no status")?;
    let length = head
        .lines()
        .find_map(|line| {
            line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case("content-length"))
        })
        .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())?;
    Ok((reply.len() >= end + 4 + length).then_some((status, end + 4)))
}

/// Who asks for what: calls between accounts, each with a Call-ID that nobody has used.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    head: String,
    event_head: String,
    accounts: u32,
    series: u32,
}

impl Questions {
    pub(crate) fn new(host: SocketAddr, token: &str, accounts: u32, series: u32) -> Self {
        let basic = STANDARD.encode(format!("route:{token}"));
        let head = |path: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {basic}\r\n\
                 User-Agent: kamailio-hallporter/1\r\nAccept: */*\r\nContent-Type: application/json\r\n"
            )
        };
        Self { head: head("/v1/route"), event_head: head("/v1/event"), accounts, series }
    }

    pub(crate) fn call_id(&self, index: u32) -> String {
        format!("{:08x}-{index:08x}-4c1d-9b7e@127.0.12.1", self.series)
    }

    /// The `index`-th question, in the very form that the Kamailio configuration gives it.
    pub(crate) fn question(&self, index: u32) -> Vec<u8> {
        let caller = dataset::name(index % self.accounts);
        let callee = dataset::number(index.wrapping_mul(7919).wrapping_add(1) % self.accounts);
        let body = format!(
            "{{\"v\":1,\"enc\":\"b64u\",\"method\":\"INVITE\",\"call_id\":\"{}\",\"from_tag\":\"{}\",\
             \"from_uri\":\"{}\",\"from_display\":\"{}\",\"ruri\":\"{}\",\"source_ip\":\"127.0.0.1\",\
             \"video\":false,\"t\":\"{index}:1804289383\",\"h\":\"{}:{index}\",\"account\":\"{}\"}}",
            URL_SAFE.encode(self.call_id(index)),
            URL_SAFE.encode(format!("tag{index:08x}")),
            URL_SAFE.encode(format!("sip:{caller}@localhost")),
            URL_SAFE.encode("Alice Example"),
            URL_SAFE.encode(format!("sip:{callee}@localhost")),
            index % 4096,
            URL_SAFE.encode(caller),
        );
        format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len()).into_bytes()
    }

    /// What happened to the `index`-th call.
    pub(crate) fn event(&self, what: &str, index: u32) -> String {
        let code = if what == "failed" { ",\"code\":486" } else { "" };
        format!(
            "{{\"event\":\"{what}\",\"enc\":\"b64u\",\"call_id\":\"{}\",\"from_tag\":\"{}\",\
             \"h\":\"{}:{index}\"{code}}}",
            URL_SAFE.encode(self.call_id(index)),
            URL_SAFE.encode(format!("tag{index:08x}")),
            index % 4096
        )
    }

    /// Tells of events, as many as Kamailio would at once.
    pub(crate) fn telling(&self, events: &[String]) -> Vec<u8> {
        let body = format!("[{}]", events.join(",\n"));
        format!("{}Content-Length: {}\r\n\r\n{body}", self.event_head, body.len()).into_bytes()
    }

    /// Tells that the first `count` calls have failed.
    pub(crate) fn end_all(&self, host: SocketAddr, count: u32) -> anyhow::Result<()> {
        let mut client = Client::new(host)?;
        for first in (0..count).step_by(EVENTS_AT_ONCE) {
            let last = count.min(first + u32::try_from(EVENTS_AT_ONCE)?);
            let events: Vec<String> =
                (first..last).map(|index| self.event("failed", index)).collect();
            let reply = client.ask(&self.telling(&events))?;
            if reply.status != 200 {
                bail!("events were answered {}", reply.status);
            }
        }
        Ok(())
    }
}

/// What came of one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) answered: u32,
    pub(crate) time: Duration,
    /// Microseconds from question to answer, sorted.
    pub(crate) took_us: Vec<u32>,
}

/// Asks over so many connections for so long.
pub(crate) fn ask(
    host: SocketAddr,
    questions: &Questions,
    connections: u32,
    time: Duration,
) -> anyhow::Result<Round> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let next = std::rc::Rc::new(std::cell::Cell::new(0));
    let began = Instant::now();
    let until = began + time;
    let all = tasks.block_on(&runtime, async {
        let mut running = Vec::new();
        for _ in 0..connections {
            let (next, questions) = (std::rc::Rc::clone(&next), questions.clone());
            running.push(tokio::task::spawn_local(async move {
                connection(host, &questions, &next, until).await
            }));
        }
        let mut all = Vec::new();
        for task in running {
            all.append(&mut task.await??);
        }
        anyhow::Ok(all)
    })?;
    let (time, mut took_us) = (began.elapsed(), all);
    took_us.sort_unstable();
    Ok(Round { answered: u32::try_from(took_us.len())?, time, took_us })
}

async fn connection(
    host: SocketAddr,
    questions: &Questions,
    next: &std::cell::Cell<u32>,
    until: Instant,
) -> anyhow::Result<Vec<u32>> {
    let stream = tokio::net::TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (mut took_us, mut buffer) = (Vec::new(), vec![0; 16_384]);
    loop {
        let began = Instant::now();
        if began >= until {
            return Ok(took_us);
        }
        let request = questions.question(next.replace(next.get() + 1));
        let (status, read) = exchange(&stream, &mut buffer, &request).await?;
        if status != 200 {
            bail!("a question was answered {status}: {}", String::from_utf8_lossy(&buffer[..read]));
        }
        took_us.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

/// Sends a request and reads its reply: the status, and how many bytes of the buffer it fills.
pub(crate) async fn exchange(
    stream: &tokio::net::TcpStream,
    buffer: &mut [u8],
    mut request: &[u8],
) -> anyhow::Result<(u16, usize)> {
    while !request.is_empty() {
        match stream.try_write(request) {
            Ok(count) => request = &request[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    let mut read = 0;
    loop {
        match stream.try_read(&mut buffer[read..]) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stream.readable().await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        if let Some((status, _)) = whole(&buffer[..read])? {
            return Ok((status, read));
        }
    }
}
