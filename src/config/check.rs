//! Typed to checked: what the values mean, and whether they fit together.

use std::path::Path;

use crate::domain::{Numbering, Zone};

use crate::text::shorten;

use super::access::Check;
use super::address::{check_url, is_host_port};
use super::file::Typed;
use super::value::Value;
use super::{
    Calls, Checked, Config, Emergency, Kamailio, Log, LogFormat, Node, Proxy, ReadToken, Routing,
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
    let star_codes = check.star_codes();
    let kamailio = check.kamailio();
    let calls = Calls {
        reserve_slack: check.duration("calls", "reserve_slack"),
        max_duration: check.duration("calls", "max_duration"),
        table_max: check.count("calls", "table_max"),
        why_keep: check.count("calls", "why_keep"),
        why_keep_for: check.duration("calls", "why_keep_for"),
    };
    let cluster = check.cluster();
    let push = check.push();
    let switches = check.switches();
    let messages = check.messages();
    let s3 = check.s3();
    let (warnings, mistakes) = check.finish();
    let config = match (node, http, mistakes.is_empty()) {
        (Some(node), Some(http), true) => Some(Config {
            node,
            http,
            log,
            emergency,
            numbering,
            routing,
            star_codes,
            kamailio,
            calls,
            cluster,
            push,
            s3,
            messages,
            switches,
        }),
        _ => None,
    };
    Checked { config, mistakes, warnings }
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
        for at in 0..self.typed.times("kamailio.proxy") {
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
        if self.typed.times("kamailio.proxy") == 0 {
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
