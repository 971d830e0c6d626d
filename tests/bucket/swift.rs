//! OpenStack Swift as Debian ships it, with its S3 door: all of it on loopback, one disk, one copy.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use super::daemon::until;

/// What takes part, besides memcached.
const SERVERS: [&str; 4] = ["account", "container", "object", "proxy"];
/// The bucket that is there.
pub(super) const BUCKET: &str = "recordings";
/// The two lines of the key that may do everything.
pub(super) const KEY: &str = "test:tester\ntesting\n";

/// A Swift of a test's own. Ended when it is dropped.
pub(super) struct Swift {
    dir: PathBuf,
    /// `127.0.14.N:PORT` of its proxy, which is its door.
    pub(super) address: String,
    servers: Vec<Child>,
    door: Option<Child>,
    token: String,
}

impl Swift {
    /// Started, with a bucket; `None`, said in one line: it is not installed.
    pub(super) fn start(test: &str) -> Option<Self> {
        let installed = |name: &str| {
            let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output();
            found.is_ok_and(|found| found.status.success())
        };
        let mut needed = SERVERS.map(|name| format!("swift-{name}-server")).to_vec();
        needed.extend(["swift-ring-builder", "memcached", "curl"].map(str::to_owned));
        if let Some(missing) = needed.iter().find(|name| !installed(name)) {
            eprintln!("no {missing}: {test} was not tried with a bucket");
            return None;
        }
        static HOST: AtomicU8 = AtomicU8::new(1);
        let host = format!("127.0.14.{}", HOST.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("swift-{test}"));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("disk/d1")).unwrap();
        // Nobody else has this address, so that a free port stays free.
        let free = || TcpListener::bind(format!("{host}:0")).unwrap();
        let ports: Vec<u16> = [free(), free(), free(), free(), free()]
            .map(|one| one.local_addr().unwrap().port())
            .to_vec();
        configure(&dir, &host, &ports);
        let memcached = Command::new("memcached")
            .args(["-U", "0", "-m", "16", "-u", "root", "-l", &host, "-p", &ports[4].to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("{host}:{}", ports[3]);
        let mut swift =
            Self { dir, address, servers: vec![memcached], door: None, token: String::new() };
        for name in &SERVERS[..3] {
            let server = swift.server(name);
            swift.servers.push(server);
        }
        // A door that finds ten times nobody behind it asks there no more for a minute.
        let behind = [0, 1, 2, 4].map(|at| format!("{host}:{}", ports[at]));
        until("everything behind Swift's door listens", || {
            behind.iter().all(|one| TcpStream::connect(one).is_ok())
        });
        swift.up();
        until("Swift has a bucket", || {
            swift.token = swift.log_in().unwrap_or_default();
            swift.ask("PUT", BUCKET, None).is_some_and(|(code, _)| code / 100 == 2)
        });
        Some(swift)
    }

    fn server(&self, name: &str) -> Child {
        let log = File::create(self.dir.join(format!("{name}.log"))).unwrap();
        Command::new(format!("swift-{name}-server"))
            .arg(self.dir.join(format!("{name}-server.conf")))
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Opens its door.
    pub(super) fn up(&mut self) {
        self.door = Some(self.server("proxy"));
    }

    /// Closes it: nobody listens there.
    pub(super) fn down(&mut self) {
        let mut door = self.door.take().unwrap();
        door.kill().unwrap();
        door.wait().unwrap();
    }

    fn log_in(&self) -> Option<String> {
        let asked = Command::new("curl")
            .args(["-sS", "-i", "-m", "10", "-H", "X-Auth-User: test:tester"])
            .args(["-H", "X-Auth-Key: testing"])
            .arg(format!("http://{}/auth/v1.0", self.address))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&asked.stdout).into_owned();
        let token = text.lines().find_map(|line| line.strip_prefix("X-Auth-Token: "));
        token.map(|token| token.trim().to_owned())
    }

    /// By Swift's own door, not by that of S3.
    fn ask(&self, method: &str, path: &str, body: Option<&Path>) -> Option<(u16, Vec<u8>)> {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "10", "-w", "%{http_code}", "-X", method, "-H"])
            .arg(format!("X-Auth-Token: {}", self.token));
        if let Some(body) = body {
            curl.arg("-T").arg(body);
        }
        let asked =
            curl.arg(format!("http://{}/v1/AUTH_test/{path}", self.address)).output().unwrap();
        let (body, code) = asked.stdout.split_at_checked(asked.stdout.len().checked_sub(3)?)?;
        Some((std::str::from_utf8(code).ok()?.parse().ok()?, body.to_vec()))
    }

    /// An object of the bucket.
    pub(super) fn object(&self, name: &str) -> Option<Vec<u8>> {
        let (code, body) = self.ask("GET", &format!("{BUCKET}/{name}"), None)?;
        (code == 200).then_some(body)
    }

    /// Puts another object there.
    pub(super) fn spoil(&self, name: &str, with: &[u8]) {
        let path = self.dir.join("spoiled");
        std::fs::write(&path, with).unwrap();
        let (code, _) = self.ask("PUT", &format!("{BUCKET}/{name}"), Some(&path)).unwrap();
        assert_eq!(code, 201);
    }

    /// The names of all objects.
    pub(super) fn names(&self) -> Vec<String> {
        self.try_names().unwrap()
    }

    /// The same; `None`: its door is closed.
    pub(super) fn try_names(&self) -> Option<Vec<String>> {
        let (code, body) = self.ask("GET", BUCKET, None)?;
        let body = String::from_utf8(body).ok().filter(|_| code / 100 == 2)?;
        Some(body.lines().map(str::to_owned).collect())
    }
}

impl Drop for Swift {
    fn drop(&mut self) {
        for server in self.servers.iter_mut().chain(&mut self.door) {
            let _ = server.kill();
            let _ = server.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.join("proxy.log")).unwrap_or_default();
            eprintln!("Swift's log:\n{log}");
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn configure(dir: &Path, host: &str, ports: &[u16]) {
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write(
        "swift.conf",
        "[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n\
         [storage-policy:0]\nname = Policy-0\ndefault = yes\n",
    );
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let shown = dir.display();
    let common = |port: u16| {
        format!(
            "[DEFAULT]\nbind_ip = {host}\nbind_port = {port}\nswift_dir = {shown}\n\
             devices = {shown}/disk\nmount_check = false\ndisable_fallocate = true\nworkers = 0\n\
             user = {user}log_address = {shown}/nolog\n"
        )
    };
    for (name, port) in SERVERS.iter().zip(ports).take(3) {
        for words in [
            "create 4 1 0".to_owned(),
            format!("add r1z1-{host}:{port}/d1 1"),
            "rebalance".to_owned(),
        ] {
            let built = Command::new("swift-ring-builder")
                .current_dir(dir)
                .arg(format!("{name}.builder"))
                .args(words.split(' '))
                .output()
                .unwrap();
            assert!(built.status.success(), "{words}: {built:?}");
        }
        let pipeline = format!(
            "[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
        );
        write(&format!("{name}-server.conf"), &(common(*port) + &pipeline));
    }
    let mut proxy = common(ports[3])
        + "[pipeline:main]\n\
           pipeline = catch_errors gatekeeper cache s3api tempauth bulk slo dlo proxy-server\n\
           [app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n";
    for (filter, settings) in [
        ("catch_errors", String::new()),
        ("gatekeeper", String::new()),
        ("cache", format!("memcache_servers = {host}:{}", ports[4])),
        ("s3api", "location = us-east-1".to_owned()),
        ("tempauth", "user_test_tester = testing .admin".to_owned()),
        ("bulk", String::new()),
        ("slo", String::new()),
        ("dlo", String::new()),
    ] {
        let egg = if filter == "cache" { "memcache" } else { filter };
        writeln!(proxy, "[filter:{filter}]\nuse = egg:swift#{egg}\n{settings}").unwrap();
    }
    write("proxy-server.conf", &proxy);
}
