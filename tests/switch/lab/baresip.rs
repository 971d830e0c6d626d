//! baresip: a phone with a camera (a test picture) and H.264, as others have made it. Its VP8 is
//! not understood by FreeSWITCH 1.10 and 1.11 (measured).

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::live::process::Process;
use crate::live::{Lab, program};

/// Where Debian keeps its modules: `baresip-core`, and `avcodec` in `baresip-ffmpeg`.
const MODULES: &str = "/usr/lib/baresip/modules";

/// One that runs.
pub(crate) struct Baresip {
    process: Process,
    log: PathBuf,
}

impl Baresip {
    /// Whether it is installed, with H.264.
    pub(crate) fn is_there() -> bool {
        let modules = Path::new(MODULES);
        program("baresip").is_some() && modules.join("avcodec.so").is_file()
    }

    /// It calls a user at a switch, with picture and a tone.
    pub(crate) fn dials(lab: &Lab, user: &str, at: SocketAddr) -> Self {
        let dir = lab.dir.join("baresip");
        fs::create_dir_all(&dir).unwrap();
        let config = format!(
            "sip_listen {ip}:0\nrtp_ports 40000-40100\nmodule_path {MODULES}\n\
             audio_source ausine,440\nausrc_srate 48000\nausrc_channels 2\naudio_player aubridge,x\naudio_alert aubridge,y\n\
             video_source fakevideo,x\nvideo_display fakevideo,x\nvideo_size 352x288\n\
             video_fps 15\nvideo_bitrate 300000\nrtcp_mux no\n\
             module g711.so\nmodule ausine.so\nmodule aubridge.so\nmodule avcodec.so\n\
             module fakevideo.so\nmodule_tmp uuid.so\nmodule_tmp account.so\n\
             module_app menu.so\n",
            ip = lab.ip
        );
        fs::write(dir.join("config"), config).unwrap();
        let account = format!("<sip:camera@{}>;regint=0;video_codecs=h264\n", lab.ip);
        fs::write(dir.join("accounts"), account).unwrap();
        fs::write(dir.join("contacts"), "").unwrap();
        let log = dir.join("log");
        let mut command = Command::new(program("baresip").unwrap());
        command.current_dir(&dir).arg("-f").arg(&dir);
        command.arg("-e").arg(format!("/dial sip:{user}@{at}"));
        Self { process: Process::start(&mut command, &log), log }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.ended().is_none()
    }
}
