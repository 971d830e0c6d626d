//! Proxies that are slow: before the door opens, all of them are looked at side by side.

use std::io::BufReader;
use std::net::TcpListener;
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use super::daemon::Home;
use super::rpc::{UPTIME, answer, read};

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
