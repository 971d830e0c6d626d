//! Kamailio as it is shipped, and who answers it: hallporter, or nginx with a constant.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::daemon::{Hallporter, Process};
use crate::generator::Client;
use crate::place::{HOST, Place, free_port, free_udp_port};
use crate::wait_for;

const READY_WITHIN: Duration = Duration::from_secs(10);

/// nginx that answers everything with the same bytes.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) listen: SocketAddr,
}

impl Nginx {
    pub(crate) fn start(place: &Place, answer: &str) -> anyhow::Result<Self> {
        if answer.contains(['\'', '$', '\\']) && answer.contains('\'') {
            bail!("the answer does not fit into nginx's quotes");
        }
        let listen: SocketAddr = format!("{HOST}:{}", free_port()?).parse()?;
        let dir = place.path().display();
        // A backslash before anything but a quote stands for itself, except before n, r and t.
        let quoted = answer.replace('\\', "\\\\");
        let text = format!(
            "daemon off; master_process on; worker_processes auto; pid {dir}/nginx.pid;\n\
             error_log {dir}/nginx.log; events {{ worker_connections 1024; }}\n\
             http {{ access_log off; default_type application/json; tcp_nodelay on;\n\
             keepalive_requests 1000000000; keepalive_timeout 600;\n\
             client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;\n\
             fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
             server {{ listen {listen}; location / {{ return 200 '{quoted}'; }} }} }}\n"
        );
        let file = place.write("nginx.conf", text)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(place.path()).arg("-c").arg(file);
        let process = Process::start(&command, &place.path().join("nginx.out"))?;
        wait_for("nginx", READY_WITHIN, || Ok(Client::new(listen).is_ok()))?;
        Ok(Self { process, listen })
    }
}

/// One Kamailio.
pub(crate) struct Kamailio {
    pub(crate) process: Process,
    pub(crate) sip: SocketAddr,
}

impl Kamailio {
    /// Starts the shipped configuration with these settings, in a directory of its own.
    pub(crate) fn start(
        dir: &Path,
        daemon: SocketAddr,
        token: &str,
        rpc: SocketAddr,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("kamailio-cfg");
        // All of it, whatever includes what; the settings are written anew below.
        for entry in std::fs::read_dir(&shipped)? {
            let path = entry?.path();
            if let Some(name) =
                path.file_name().filter(|_| path.extension() == Some("cfg".as_ref()))
            {
                std::fs::copy(&path, dir.join(name))?;
            }
        }
        let sip: SocketAddr = format!("{HOST}:{}", free_udp_port()?).parse()?;
        let settings = format!(
            "#!define HP_SETTINGS\n#!define HP_DAEMON_1 http://{daemon}\n#!define HP_TOKEN {token}\n\
             #!define HP_LISTEN udp:{sip}\n#!define HP_RPC_LISTEN tcp:{rpc}\n\
             #!define HP_RPC_ALLOW \"^127\\.0\\.\"\n"
        );
        std::fs::write(dir.join("hallporter-settings.cfg"), settings)?;
        let mut command = Command::new("kamailio");
        // As README.md says, but for -m: calls stay in memory for 5 s after their end, 33 KB each.
        command.current_dir(dir).args([
            "-f",
            "kamailio.cfg",
            "-DD",
            "-E",
            "-m",
            "1024",
            "-M",
            "16",
        ]);
        command.arg("-Y").arg(dir);
        let process = Process::start(&command, &dir.join("kamailio.log"))?;
        // The port of the RPC opens last.
        wait_for("Kamailio", READY_WITHIN, || Ok(Client::new(rpc).is_ok()))?;
        Ok(Self { process, sip })
    }
}

/// Whoever answers.
pub(crate) enum Answerer {
    Hallporter(Hallporter),
    Nginx(Nginx),
}

impl Answerer {
    pub(crate) fn process(&self) -> &Process {
        match self {
            Self::Hallporter(one) => &one.process,
            Self::Nginx(one) => &one.process,
        }
    }
}
