//! The shipped configuration: Kamailio takes every variant of it, and it keeps its bounds.

use std::fs;
use std::process::Command;

use crate::lab::kamailio::{Setup, shipped};
use crate::lab::stub::Stub;
use crate::lab::{Daemon, Dial, Does, Lab, becomes, installed, program, seconds};

const DEFINES: [&str; 8] = [
    "WITH_AUTH",
    "WITH_TCP",
    "HP_OUTBOUND_FAIL_OPEN",
    "HP_INBOUND_FAIL_CLOSED",
    "HP_SITE_CORE",
    "HP_SITE_DIALOG_EVENTS",
    "HP_NO_JOINS",
    "HP_USE_DOMAIN",
];

#[test]
fn kamailio_takes_every_shipped_variant() {
    if !installed() {
        return;
    }
    let lab = Lab::new("variants");
    let daemon = Daemon::init(&lab, "porter", 8170);
    let mut variants: Vec<Vec<&str>> = vec![Vec::new(), DEFINES.to_vec()];
    variants.extend(DEFINES.map(|define| vec![define]));
    for second in [false, true] {
        for defines in &variants {
            let mut setup = Setup::asking(&daemon).with_auth(&["alice"]);
            if second {
                setup = setup.set("HP_DAEMON_2 http://127.0.0.1:8171");
                setup = setup.set("HP_SWITCHES \"^127[.]0[.]0[.]1:5080$\"");
            }
            let kamailio = setup.with_only(defines).prepare(&lab);
            let (good, told) = kamailio.check();
            assert!(good && told.contains("config file ok"), "{defines:?} {second}:\n{told}");
            let bad = |line: &&str| line.contains("ERROR:") || line.contains("WARNING:");
            assert_eq!(told.lines().find(bad), None, "{defines:?} {second}");
        }
    }
}

#[test]
fn kamailio_takes_the_files_as_they_are_written_by_init_and_shipped() {
    if !installed() {
        return;
    }
    let lab = Lab::new("as-shipped");
    let daemon = Daemon::init(&lab, "porter", 8170);
    for dir in [daemon.dir.clone(), shipped()] {
        let mut command = Command::new(program("kamailio").unwrap());
        command.current_dir(&dir).arg("-c").arg("-f").arg(shipped().join("kamailio.cfg"));
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{told}", dir.display());
    }
}

/// A site as it may have been for years: modules and parameters of its own, and our lines in it.
const SITE: &str = r#"#!KAMAILIO
debug=2
log_stderror=yes
children=2
listen=udp:127.0.0.1:5060
listen=tcp:127.0.0.1:8090
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "dialog.so"
modparam("tm", "fr_timer", 5000)
modparam("dialog", "default_timeout", 7200)
include_file "HERE/hallporter.cfg"
request_route {
	if (is_method("CANCEL")) {
		if (t_check_trans()) t_relay();
		exit;
	}
	if (!is_method("ACK")) {
		if (t_precheck_trans()) { t_check_trans(); exit; }
		t_check_trans();
	}
	if (has_totag()) {
		if (loose_route()) t_relay();
		exit;
	}
	record_route();
	if (is_method("INVITE")) {
		$avp(hp_account) = $au;
		route(HALLPORTER);
	}
}
route[HP_SITE_ROUTE] { if (!lookup("location")) { send_reply("404", "Not Found"); exit; } }
route[HP_SITE_EMERGENCY] { $du = "sip:127.0.0.1:5090"; }
event_route[xhttp:request] { route(HP_RPC); }
"#;

#[test]
fn kamailio_takes_a_site_with_the_include() {
    if !installed() {
        return;
    }
    let lab = Lab::new("site");
    let daemon = Daemon::init(&lab, "porter", 8170);
    let file = daemon.dir.join("site.cfg");
    fs::write(&file, SITE.replace("HERE", &shipped().display().to_string())).unwrap();
    let mut command = Command::new(program("kamailio").unwrap());
    let output = command.current_dir(&daemon.dir).arg("-c").arg("-f").arg(file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("ERROR:"), "{told}");
}

/// A caller must not come past every cap by writing what the daemon can't read.
#[test]
fn a_question_that_the_daemon_would_not_read_is_refused_and_not_let_through() {
    if !installed() {
        return;
    }
    let lab = Lab::new("bounds");
    let stub = Stub::new(lab.at(8170));
    let kamailio = Setup::asking_at(stub.at, "t").gateway(lab.at(5090)).start(&lab);
    let gateway = std::net::UdpSocket::bind(lab.at(5090)).unwrap();
    let line = lab.line();
    let long = |count| "x".repeat(count);
    stub.says(200, r#"{"v":1,"action":"refuse","code":480,"reason":"asked"}"#);
    for (dial, code) in [
        (Dial::to("x").call_id(&long(256)), 480),
        (Dial::to("x").call_id(&long(257)), 400),
        (Dial::to("x").tag(&long(128)), 480),
        (Dial::to("x").tag(&long(129)), 400),
        (Dial::to("x").from(&format!("<sip:a@{}>", long(1018))), 480),
        (Dial::to("x").from(&format!("<sip:a@{}>", long(1019))), 400),
        (Dial::to(&format!("sip:{}@hp.test", long(1012))), 480),
        (Dial::to(&format!("sip:{}@hp.test", long(1013))), 400),
    ] {
        line.dial(dial).ends_with(code);
    }
    assert_eq!(stub.questions().len(), 4, "what is refused here is not asked");
    for status in [400, 413, 422] {
        stub.says(status, "{}");
        line.dial(Dial::to("x")).ends_with(400);
    }
    // As stranger to an unknown user, the fallback ends in 404.
    for status in [401, 403, 404, 429, 500, 503] {
        stub.says(status, "{}");
        line.dial(Dial::to("x")).ends_with(404);
    }
    drop(gateway);
    let gateway = crate::lab::Phone::at(lab.at(5090), Does::Answer);
    stub.says(400, "{}");
    for dial in [
        Dial::to("112"),
        Dial::to("112").call_id(&long(4000)),
        Dial::to("112").tag(&long(4000)),
        Dial::to("112").from(&format!("<sip:a@{}>", long(4000))),
        Dial::to(&format!("sip:112;{}@hp.test", long(4000))),
    ] {
        let call = line.dial(dial);
        call.ends_with(200);
        call.bye();
        assert_eq!(gateway.got("INVITE", &call.id).len(), 1);
    }
    becomes(&0, seconds(8.0), || kamailio.dialogs().len());
    assert_eq!(kamailio.mistakes(), [""; 0]);
}
