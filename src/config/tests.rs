//! The whole way from text to settings, without a disk.

use std::io;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod messages;
mod s3;

const BASE: &str = "/etc/hallporter";

/// Token files as they should be: one token each, closed to others; a bucket's has two lines.
fn tokens(path: &Path) -> io::Result<TokenFile> {
    if path.ends_with("s3.credentials") {
        return Ok(TokenFile { text: "AKIA\nsecret\n".to_owned(), open_to_others: false });
    }
    let text = format!("{:-<20}\n", path.file_stem().unwrap().to_str().unwrap());
    Ok(TokenFile { text, open_to_others: false })
}

fn parse(text: &str) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
    Config::parse(text, Path::new(BASE), &tokens)
}

/// Every mistake as it is shown.
fn mistakes(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_all_defaults() {
    let (config, warnings) = parse("").unwrap();
    assert_eq!(config.node.name, "node1");
    assert_eq!(config.node.data_dir, Path::new("/etc/hallporter/data"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8170");
    assert_eq!(config.http.admin_token.expose(), "admin---------------");
    assert_eq!(config.emergency.numbers, ["112", "911", "110", "999", "000", "sos"]);
    assert_eq!(config.emergency.grace, Duration::from_secs(3600));
    assert_eq!(config.numbering, Numbering::default());
    assert_eq!(config.calls.max_duration, Duration::from_secs(43_200));
    assert_eq!(config.calls.table_max, 2_000_000);
    assert_eq!(config.routing.pstn_gateway, None);
    assert_eq!((config.messages, config.switches), (None, vec![]));
    let keys: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["kamailio.proxy"]);
}

#[test]
fn every_key_is_taken() {
    let (config, warnings) = parse(
        r#"
        [node]
        name = "berlin-1"
        region = "eu"
        zone = "europe/berlin"
        data_dir = "/var/lib/hallporter"
        [http]
        listen = "[::1]:9000"
        drain = "0s"
        [log]
        format = "json"
        level = "debug"
        [emergency]
        numbers = ["112"]
        grace = "1h30m"
        [numbers]
        country = "49"
        bare_is_e164 = true
        [routing]
        pstn_gateway = "gw.example.com:5080"
        branches_max = 8
        stage_branches_max = 4
        [kamailio]
        trust_from = true
        look_every = "2s"
        [[kamailio.proxy]]
        name = "k1"
        rpc = "http://127.0.0.1:8090/RPC"
        [[kamailio.proxy]]
        name = "k2"
        rpc = "https://[::1]/RPC"
        lookup_aor = false
        use_domain = true
        [calls]
        table_max = 0x100
        why_keep_for = "36h"
        "#,
    )
    .unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.node.zone.as_str(), "Europe/Berlin");
    assert_eq!(config.node.data_dir, Path::new("/var/lib/hallporter"));
    assert_eq!(config.http.drain, Duration::ZERO);
    assert_eq!(config.log, Log { format: LogFormat::Json, level: "debug".into() });
    assert_eq!(config.emergency.grace, Duration::from_secs(5400));
    assert_eq!(config.numbering.country, "49");
    assert_eq!(config.routing.pstn_gateway.as_deref(), Some("gw.example.com:5080"));
    assert_eq!((config.routing.branches_max, config.routing.stage_branches_max), (8, 4));
    assert!(config.kamailio.trust_from);
    let [first, second] = &config.kamailio.proxies[..] else { panic!() };
    assert!(first.lookup_aor && !first.use_domain && !second.lookup_aor && second.use_domain);
    assert_eq!(config.calls.table_max, 256);
}

#[test]
fn unknown_keys_are_all_told_with_what_was_meant() {
    let text = "
lisen = 1
[htp]
listen = \"x\"
[http]
lisen = \"127.0.0.1:1\"
colour = \"red\"
level = \"info\"
[kamailio.proxy2]
[[kamailio.proxy]]
name = \"k1\"
rpc = \"http://h/\"
look_up_aor = true
";
    let told = mistakes(text);
    let expected = [
        "line 2: lisen: there is no such key: keys stand in a section: node, http, cluster, log, emergency, numbers, routing, star_codes, kamailio, kamailio.proxy, calls, push, messages, freeswitch, s3",
        "line 3: htp: there is no such section: did you mean [http]?",
        "line 6: http.lisen: there is no such key: did you mean listen?",
        "line 7: http.colour: there is no such key: [http] has listen, route_token_file, admin_token_file, drain",
        "line 8: http.level: there is no such key: it belongs into [log]",
        "line 9: kamailio.proxy2: there is no such section: [kamailio] has trust_from, look_every, proxy",
        "line 13: kamailio.proxy[0].look_up_aor: there is no such key: did you mean lookup_aor?",
    ];
    assert_eq!(told, expected);
}

#[test]
fn wrong_values_are_all_told() {
    for (text, told) in [
        ("[cluster]\nlisten = \"here\"", "write IP:PORT"),
        ("[cluster]\nlisten = \"0.0.0.0:8171\"", "say in cluster.reach"),
        ("[cluster]\nlisten = \"0.0.0.0:1\"\nreach = \"h:2\"", "is no address"),
        ("[cluster]\nask_within = \"400ms\"", "take 20ms to 250ms"),
        ("[cluster]\noverdraft = 1001", "take 0 to 1000"),
        ("[cluster]\nrelease_after = \"9s\"", "take 10s to 7d"),
        ("[cluster]\nrelease_after = \"off\"", "or write \"never\""),
        ("[cluster]\nwaiting_max = 0", "take 1 to 1000000"),
        ("[http]\nlisten = 8170", "must be text in quotes, not a number"),
        ("[http]\nlisten = \"localhost\"", "not an address with a port"),
        ("[http]\ndrain = 5", "if seconds are meant, write \"5s\""),
        ("[http]\ndrain = \"5\"", "number with its unit"),
        ("[http]\ndrain = \"1h\"", "take 0s to 10m"),
        ("[log]\nlevel = \"inof\"", "did you mean \"info\"?"),
        ("[calls]\ntable_max = -1", "take 1 to 20000000"),
        ("[calls]\ntable_max = 99999999999999999999999", "take 1 to 20000000"),
        ("[calls]\ntable_max = 1.5", "whole number"),
        ("[kamailio]\ntrust_from = \"true\"", "leave the quotes out"),
        ("[emergency]\nnumbers = [112]", "put every value into quotes"),
        ("[emergency]\nnumbers = [\"+112\"]", "2 to 15 digits"),
        ("[emergency]\nnumbers = \"112\"", "a list"),
        ("[node]\nname = \"a b\"", "1 to 64 letters"),
        ("[node]\nname = \"a\\u0000\"", "control character"),
        ("[node]\nzone = \"Mars/Base\"", "IANA"),
        ("[node]\ndata_dir = \"\"", "is empty"),
        ("[numbers]\ncountry = \"+49\"", "without +"),
        ("[routing]\npstn_gateway = \"sip:gw\"", "without sip:"),
        ("[routing]\npstn_gateway = \"gw;evil=1\"", "without sip:"),
        ("[[kamailio.proxy]]\nname = \"k1\"\nrpc = \"h:8090\"", "http://HOST:PORT/PATH"),
        ("[[kamailio.proxy]]\nname = \"k1\"\nrpc = \"http://a:b@h/\"", "user or password"),
        ("[[kamailio.proxy]]\nname = \"k1\"", "add a line such as rpc = "),
        ("[kamailio.proxy]\nname = \"k1\"", "two brackets"),
        (
            "kamailio.proxy = [{name=\"a\",rpc=\"http://h\"},{name=\"b\",rpc=\"http://h\"}]",
            "its own JSON-RPC",
        ),
        (
            "kamailio.proxy = [{name=\"a\",rpc=\"http://h\"},{name=\"a\",rpc=\"http://i\"}]",
            "name already",
        ),
        ("[star_codes]\ndnd = \"78\"", "is no star code"),
        ("[star_codes]\ndnd = \"*78\"\nno_dnd = \"*7\"", "begins with \"*7\""),
        ("[star_codes]\ndnd = \"*78\"\nhere = \"*78\"", "does something else already"),
        ("[push]\nwebhook = \"push.example.com\"", "is no URL"),
        ("[push]\nwebhook = \"https://h/\"\nwait = \"1500ms\"", "must be whole seconds"),
        ("[push]\nwait = \"2m\"", "take 1s to 1m"),
        ("http = 1", "write [http] on a line of its own"),
        ("[http]\nadmin_token_file = \"route.token\"", "the same token"),
    ] {
        let found = mistakes(text);
        assert!(found.len() == 1 && found[0].contains(told), "{text}\n{found:?}");
    }
}

#[test]
fn how_rights_are_shared_can_be_said() {
    let shared = |more: &str| {
        let text = format!("[cluster]\nlisten = \"10.0.0.7:8171\"\n{more}");
        parse(&text).unwrap().0.cluster.unwrap().sharing.to_string()
    };
    let usual = "ask_within 170ms, overdraft 1, release_after 2m, waiting_max 10000";
    assert_eq!(shared(""), usual);
    let other = "ask_within = \"90ms\"\noverdraft = 0\nrelease_after = \"never\"\nwaiting_max = 7";
    let told = "ask_within 90ms, overdraft 0, release_after never, waiting_max 7";
    assert_eq!(shared(other), told);
    let all = mistakes(
        "[cluster]\nlisten = \"x\"\nask_within = 1\noverdraft = -1\nrelease_after = \"0s\"\nwaiting_max = \"1\"",
    );
    assert_eq!(all.len(), 5, "{all:?}");
    let (_, warnings) = parse("[cluster]\noverdraft = 2\nrelease_after = \"1h\"").unwrap();
    let unused = warnings.iter().filter(|warning| warning.what.contains("without cluster.listen"));
    let keys: Vec<_> = unused.map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["cluster.overdraft", "cluster.release_after"]);
}

#[test]
fn broken_toml_hides_no_other_mistake() {
    let text = "[node]\nname = \nregion = \"eu west\"\n[http\nlisten = \"x\"\ndrain = 3\nx = [1\n";
    let found = parse(text).unwrap_err();
    let lines: Vec<_> = found.iter().filter_map(|known| known.line).collect();
    for line in [2, 3, 4] {
        assert!(lines.contains(&line), "{line} in {found:#?}");
    }
    assert_eq!(mistakes("[http]\ndrain = \"1s\"\ndrain = \"2s\"").len(), 1);
}

#[test]
fn token_files_are_told_of_by_line() {
    let gone = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let text = "[http]\nlisten = \"x\"\nroute_token_file = \"secret/r\"\n";
    let found = Config::parse(text, Path::new(BASE), &gone).unwrap_err();
    let places: Vec<_> = found.iter().map(|known| (known.line, known.key.as_str())).collect();
    let expected = [
        (Some(2), "http.listen"),
        (Some(3), "http.route_token_file"),
        (None, "http.admin_token_file"),
    ];
    assert_eq!(places, expected);
    assert!(found[1].what.contains("/etc/hallporter/secret/r does not exist"), "{}", found[1]);
    assert!(found[1].hint.as_ref().unwrap().contains("init"));

    let short = |_: &Path| Ok(TokenFile { text: "short\n".into(), open_to_others: true });
    let found = Config::parse("", Path::new(BASE), &short).unwrap_err();
    assert!(found[0].what.contains("5 characters"), "{}", found[0]);
}

#[test]
fn line_ends_and_marks_of_other_systems_do_no_harm() {
    let text = "\u{feff}[http]\r\nlisten = \"127.0.0.1:1\"\r\nlisen = 1\r\n";
    assert_eq!(mistakes(text), ["line 3: http.lisen: there is no such key: did you mean listen?"]);
}

#[test]
fn what_is_doubtful_is_told() {
    let open = |path: &Path| {
        let text = tokens(path)?.text.replace('-', "+");
        Ok(TokenFile { text, open_to_others: true })
    };
    let text = "[http]\nlisten = \"0.0.0.0:0\"\n[emergency]\nnumbers = []";
    let (_, warnings) = Config::parse(text, Path::new(BASE), &open).unwrap();
    assert!(warnings.iter().any(|warning| warning.what.contains("chmod 600")));
    let told: Vec<_> =
        warnings.iter().map(|warning| (warning.line, warning.key.as_str())).collect();
    let expected = [
        (Some(2), "http.listen"),
        (Some(2), "http.listen"),
        (Some(4), "emergency.numbers"),
        (None, "http.route_token_file"),
        (None, "http.admin_token_file"),
        (None, "http.route_token_file"),
        (None, "kamailio.proxy"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_operator_gets_in_in_spite_of_other_mistakes() {
    let text = "[node]\nnmae = 1\n[http]\nlisten = \"127.0.0.1:9\"\nroute_token_file = 3\n";
    assert_eq!(door::admin_listen(text, Path::new(BASE), &tokens).unwrap().port(), 9);
    assert!(door::admin_token(text, Path::new(BASE), &tokens).is_ok());
    let wrong = "[http]\nlisten = 1";
    assert_eq!(door::admin_listen(wrong, Path::new(BASE), &tokens).unwrap_err().len(), 1);
    assert!(door::admin_token(wrong, Path::new(BASE), &tokens).is_ok());
}

#[test]
fn the_first_file_has_no_mistakes() {
    let first =
        First { name: "n", region: "eu", listen: "127.0.0.1:1", cluster_listen: Some("[::1]:2") };
    let text = first_file(&first);
    let (config, _) = parse(&text).unwrap();
    assert_eq!((config.node.name.as_str(), config.http.listen.port()), ("n", 1));
    // With every comment sign taken from before a key, it is still right.
    let keys = text.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key,
        _ => line,
    });
    let all = keys.collect::<Vec<_>>().join("\n");
    let all = all.split("\n# Kept for").next().unwrap();
    let (config, warnings) = parse(all).unwrap();
    assert_eq!((config.kamailio.proxies.len(), warnings), (1, vec![]), "{all}");
    assert!(config.messages.is_some() && config.switches.len() == 1, "{all}");
}

#[test]
fn the_page_about_settings_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    if std::env::var_os("HALLPORTER_BLESS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == reference(), "docs/config.md is old: run the tests with HALLPORTER_BLESS=1");
}

/// Lines that look like settings, mixed with anything.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,30}",
        "\\[{1,2}[a-z.]{0,12}\\]{0,2}",
        "[a-z_.]{1,12} ?= ?[\\[\\]{}\"'0-9a-z_.,:#-]{0,20}",
        prop::sample::select(vec![
            "[http]",
            "[[kamailio.proxy]]",
            "[[freeswitch]]",
            "[messages]",
            "listen = \"::\"",
            "[kamailio]"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn no_text_panics(lines in prop::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        if let Err(found) = parse(&text) {
            let last = text.lines().count() + 1;
            prop_assert!(!found.is_empty());
            prop_assert!(found.iter().all(|known| known.line.is_none_or(|line| (1..=last).contains(&line))));
        }
    }

    #[test]
    fn every_unknown_key_is_named(names in prop::collection::btree_set("x[a-z]{1,8}", 1..20)) {
        let rows: String = names.iter().map(|name| format!("{name} = 1\n")).collect();
        let found = parse(&format!("[calls]\n{rows}")).unwrap_err();
        let keys: Vec<_> = found.iter().map(|known| known.key.clone()).collect();
        let expected: Vec<_> = names.iter().map(|name| format!("calls.{name}")).collect();
        prop_assert_eq!(keys, expected);
    }
}
