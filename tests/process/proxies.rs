//! Proxies that are slow: before the door opens, all of them are looked at side by side.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use super::daemon::Home;

const UPTIME: &str = include_str!("../fixtures/kamailio/core.uptime.json");
const PROXIES: usize = 3;

/// A proxy without calls, which answers when all others were asked, too.
fn proxy(listener: TcpListener, all_asked: Arc<Barrier>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = BufReader::new(stream);
        let question = read(&mut stream).unwrap();
        assert!(question.contains("core.uptime"), "{question}");
        all_asked.wait();
        answer(stream.get_mut(), UPTIME);
        while let Some(question) = read(&mut stream) {
            let list = question.contains("dlg.list");
            let none = r#"{"jsonrpc":"2.0","result":[],"id":1}"#;
            answer(stream.get_mut(), if list { none } else { UPTIME });
        }
    })
}

/// The body of a question; `None` when there is no further one.
fn read(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn answer(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
}

#[test]
fn at_a_start_no_proxy_waits_for_another_one() {
    let all_asked = Arc::new(Barrier::new(PROXIES));
    let mut more = "drain = \"0s\"\n[kamailio]\nlook_every = \"10m\"\n".to_owned();
    let mut proxies = Vec::new();
    for number in 0..PROXIES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/RPC", listener.local_addr().unwrap());
        more += &format!("[[kamailio.proxy]]\nname = \"k{number}\"\nrpc = {url:?}\n");
        proxies.push(proxy(listener, Arc::clone(&all_asked)));
    }
    let home = Home::new("proxies", &more);
    let mut daemon = home.start();
    let log = daemon.log();
    assert!(!log.contains("can't be read"), "{log}");
    daemon.stop();
    for proxy in proxies {
        proxy.join().unwrap();
    }
}
