//! What a service manager hears (`Type=notify`, `WatchdogSec=`), as `systemd/` counts on it.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use super::daemon::{Daemon, Home, until};

#[test]
fn a_service_manager_is_told() {
    let home = Home::new("manager", "drain = \"0s\"");
    let path = home.dir.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut text = [0; 200];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap().trim().to_owned()
    };
    let mut serve = home.serve();
    serve.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000").env_remove("WATCHDOG_PID");
    let child = serve.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut daemon = Daemon::watch(child, &home.address);
    // The first beat may come before the word that it is ready.
    until("it is ready", || heard() == "READY=1");
    assert!(daemon.is_ready(), "its door is open by then");
    assert_eq!([heard(), heard()], ["WATCHDOG=1", "WATCHDOG=1"], "it goes on beating");
    daemon.signal("TERM");
    until("it stops", || heard() == "STOPPING=1");
    assert!(daemon.ended().success(), "{}", daemon.log());
}
