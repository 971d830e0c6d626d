//! Typed to checked: what the values mean, and whether they fit together.

use std::net::SocketAddr;
use std::path::Path;

use crate::domain::{Numbering, Zone};

use super::access::Check;
use super::address::{check_url, is_host_port};
use super::file::Typed;
use super::mistake::Mistake;
use super::token::{Secret, read_failed};
use super::value::{Value, shorten};
use super::{
    Calls, Checked, Config, Emergency, Http, Kamailio, Log, LogFormat, Node, Proxy, ReadToken,
    Routing,
};

/// Reads and checks all of a config file.
pub(super) fn config(text: &str, base_dir: &Path, read_token: ReadToken<'_>) -> Checked {
    let mut check = Check { typed: Typed::read(text), base_dir, read_token };
    let node = check.node();
    let http = check.http();
    let log = Log {
        format: match check.text("log", "format").as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        },
        level: check.text("log", "level"),
    };
    let emergency = check.emergency();
    let numbering = check.numbering();
    let routing = check.routing();
    let kamailio = check.kamailio();
    let calls = Calls {
        reserve_slack: check.duration("calls", "reserve_slack"),
        max_duration: check.duration("calls", "max_duration"),
        table_max: check.count("calls", "table_max"),
        why_keep: check.count("calls", "why_keep"),
        why_keep_for: check.duration("calls", "why_keep_for"),
    };
    let (warnings, mistakes) = check.finish();
    let config = match (node, http, mistakes.is_empty()) {
        (Some(node), Some(http), true) => {
            Some(Config { node, http, log, emergency, numbering, routing, kamailio, calls })
        }
        _ => None,
    };
    Checked { config, mistakes, warnings }
}

/// Reads and checks where the daemon listens.
pub(super) fn admin_listen(
    text: &str,
    base_dir: &Path,
    read_token: ReadToken<'_>,
) -> Result<SocketAddr, Vec<Mistake>> {
    let mut check = Check { typed: Typed::read(text), base_dir, read_token };
    let listen = check.listen();
    only(check, "http.listen", listen)
}

/// Reads and checks the operators' token.
pub(super) fn admin_token(
    text: &str,
    base_dir: &Path,
    read_token: ReadToken<'_>,
) -> Result<Secret, Vec<Mistake>> {
    let mut check = Check { typed: Typed::read(text), base_dir, read_token };
    let token = check.token("admin_token_file");
    only(check, "http.admin_token_file", token)
}

/// What was read for one key, or the mistakes about it and about the file as a whole.
fn only<T>(check: Check<'_>, key: &str, read: Option<T>) -> Result<T, Vec<Mistake>> {
    let (_, mut mistakes) = check.finish();
    mistakes.retain(|known| known.key.is_empty() || known.key == key);
    read.filter(|_| mistakes.is_empty()).ok_or(mistakes)
}

impl Check<'_> {
    fn node(&mut self) -> Option<Node> {
        let name = self.name("node", 0, "name");
        let region = self.name("node", 0, "region");
        let zone = Zone::parse(&self.text("node", "zone"));
        let zone = zone.map_err(|error| self.wrong("node", 0, "zone", error, None)).ok();
        let data_dir = self.text("node", "data_dir");
        if data_dir.is_empty() {
            self.wrong("node", 0, "data_dir", "is empty", Some("name a directory"));
        }
        Some(Node {
            name: name?,
            region: region?,
            zone: zone?,
            data_dir: self.base_dir.join(data_dir),
        })
    }

    fn http(&mut self) -> Option<Http> {
        let listen = self.listen();
        if let Some(listen) = listen {
            self.warn_about(listen);
        }
        let route_token = self.token("route_token_file");
        let admin_token = self.token("admin_token_file");
        if route_token.is_some() && route_token == admin_token {
            self.wrong(
                "http",
                0,
                "admin_token_file",
                "holds the same token as http.route_token_file",
                Some("give operators another one, else every proxy may change accounts"),
            );
        }
        if let Some(token) = &route_token
            && !token
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        {
            let what = "the token holds other characters than A-Z a-z 0-9 - _, which Kamailio's \
                        settings can't carry: make another one, such as `openssl rand -hex 32` does";
            self.doubt("http", "route_token_file", what.to_owned());
        }
        let drain = self.duration("http", "drain");
        Some(Http { listen: listen?, route_token: route_token?, admin_token: admin_token?, drain })
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        let text = self.text("http", "listen");
        let wrong = |_| format!("{:?} is not an address with a port", shorten(&text));
        let hint = "write IP:PORT, such as \"127.0.0.1:8170\" or \"[::1]:8170\"";
        let parsed = text.parse().map_err(wrong);
        parsed.map_err(|what| self.wrong("http", 0, "listen", what, Some(hint))).ok()
    }

    fn warn_about(&mut self, listen: SocketAddr) {
        if !listen.ip().is_loopback() {
            self.doubt(
                "http",
                "listen",
                format!(
                    "{listen} can be reached from other machines, and tokens and callers' numbers \
                     cross the network unencrypted: listen on 127.0.0.1, or keep this network closed"
                ),
            );
        }
        if listen.port() == 0 {
            let what = "port 0 is another port after every start, which neither proxies nor the \
                        command line can know: name one";
            self.doubt("http", "listen", what.to_owned());
        }
    }

    fn token(&mut self, key: &'static str) -> Option<Secret> {
        let file = self.text("http", key);
        if file.is_empty() {
            self.wrong("http", 0, key, "is empty", Some("name the file that holds the token"));
            return None;
        }
        if !self.typed.whole && self.typed.line("http", 0, key).is_none() {
            return None; // The key may stand in the part that could not be read.
        }
        let path = self.base_dir.join(file);
        let found = match (self.read_token)(&path) {
            Ok(found) => found,
            Err(error) => {
                let (what, hint) = read_failed(&path, &error);
                self.wrong("http", 0, key, what, Some(&hint));
                return None;
            }
        };
        if found.open_to_others {
            let path = path.display();
            self.doubt(
                "http",
                key,
                format!(
                    "other users of this machine may get at token file {path}: chmod 600 {path}"
                ),
            );
        }
        let secret = Secret::parse(&found.text);
        let told = |what| format!("token file {} {what}", path.display());
        secret.map_err(|what| self.wrong("http", 0, key, told(what), None)).ok()
    }

    fn emergency(&mut self) -> Emergency {
        let numbers = match self.typed.value("emergency", 0, "numbers") {
            Some(Value::List(numbers)) => numbers,
            _ => Vec::new(),
        };
        for number in &numbers {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            if number != "sos" && !(digits && (2..=15).contains(&number.len())) {
                let what = format!("{:?} is no emergency number", shorten(number));
                let hint = "write 2 to 15 digits without + or separators, or \"sos\"";
                self.wrong("emergency", 0, "numbers", what, Some(hint));
            }
        }
        if numbers.is_empty() {
            let what = "the list is empty: emergency calls are refused like any other at a cap";
            self.doubt("emergency", "numbers", what.to_owned());
        }
        Emergency { numbers, grace: self.duration("emergency", "grace") }
    }

    fn numbering(&mut self) -> Numbering {
        Numbering {
            country: self.digits("country", 3),
            international_prefix: self.digits("international_prefix", 5),
            national_prefix: self.digits("national_prefix", 5),
            bare_is_e164: self.flag("numbers", 0, "bare_is_e164"),
        }
    }

    fn digits(&mut self, key: &'static str, digits_max: usize) -> String {
        let text = self.text("numbers", key);
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= digits_max;
        if !plain || (key == "country" && text.starts_with('0')) {
            let what = format!("{:?} is not usable", shorten(&text));
            let hint = format!(
                "write at most {digits_max} digits, without + or spaces; a country code does not begin with 0"
            );
            self.wrong("numbers", 0, key, what, Some(&hint));
        }
        text
    }

    fn routing(&mut self) -> Routing {
        let gateway = self.text("routing", "pstn_gateway");
        if !gateway.is_empty() && !is_host_port(&gateway) {
            let what = format!("{:?} is no host", shorten(&gateway));
            let hint = "write \"host\", \"host:port\" or \"[IPv6]:port\", without sip:";
            self.wrong("routing", 0, "pstn_gateway", what, Some(hint));
        }
        Routing {
            pstn_gateway: Some(gateway).filter(|gateway| !gateway.is_empty()),
            branches_max: self.count("routing", "branches_max"),
            stage_branches_max: self.count("routing", "stage_branches_max"),
        }
    }

    fn kamailio(&mut self) -> Kamailio {
        let mut proxies: Vec<Proxy> = Vec::new();
        for at in 0..self.typed.proxies.len() {
            let Some(proxy) = self.proxy(at) else { continue };
            if proxies.iter().any(|other| other.name == proxy.name) {
                let what = format!("{:?} is another proxy's name already", proxy.name);
                self.wrong("kamailio.proxy", at, "name", what, None);
            }
            if proxies.iter().any(|other| other.rpc == proxy.rpc) {
                let what = "another proxy has this URL already";
                let hint = "each proxy is asked for its own calls: name its own JSON-RPC";
                self.wrong("kamailio.proxy", at, "rpc", what, Some(hint));
            }
            proxies.push(proxy);
        }
        if self.typed.proxies.is_empty() {
            let what = "there is no [[kamailio.proxy]]: a call whose end is not reported keeps its \
                        slot until calls.max_duration has passed";
            self.doubt("kamailio", "proxy", what.to_owned());
        }
        Kamailio {
            trust_from: self.flag("kamailio", 0, "trust_from"),
            look_every: self.duration("kamailio", "look_every"),
            proxies,
        }
    }

    fn proxy(&mut self, at: usize) -> Option<Proxy> {
        const SECTION: &str = "kamailio.proxy";
        let name = self.name(SECTION, at, "name");
        let Some(Value::Text(rpc)) = self.typed.value(SECTION, at, "rpc") else { return None };
        if let Err(what) = check_url(&rpc) {
            let hint = "write http://HOST:PORT/PATH, such as \"http://127.0.0.1:8090/RPC\"";
            self.wrong(SECTION, at, "rpc", what, Some(hint));
        }
        let lookup_aor = self.flag(SECTION, at, "lookup_aor");
        Some(Proxy {
            name: name?,
            rpc,
            lookup_aor,
            use_domain: self.flag(SECTION, at, "use_domain"),
        })
    }
}
