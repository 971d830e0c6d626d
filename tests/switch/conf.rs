//! What is shipped for FreeSWITCH: whether it is sound, starts, and lets nobody in.

use std::fs;

use crate::lab::switch::{PASSWORD, shipped};
use crate::lab::{Esl, Lab, Phone, Switch, eventually, installed, seconds};

/// All files that FreeSWITCH reads, with their names.
fn files() -> Vec<(String, String)> {
    let below = ["freeswitch-conf", "dialplan"].map(shipped);
    let entries = below.iter().flat_map(|directory| fs::read_dir(directory).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let xml = paths.filter(|path| path.extension().is_some_and(|ending| ending == "xml"));
    let read =
        |path: std::path::PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    xml.map(read).collect()
}

/// What is wrong with a text as XML, as far as these files use it.
fn xml_mistake(text: &str) -> Option<String> {
    let (mut open, mut rest) = (Vec::<String>::new(), text);
    while let Some((before, behind)) = rest.split_once('<') {
        if before.contains('>') || (open.is_empty() && !before.trim().is_empty()) {
            return Some(format!("text outside: {before}"));
        }
        if let Some(comment) = behind.strip_prefix("!--") {
            let Some((inside, after)) = comment.split_once("--") else {
                return Some("a comment without end".to_owned());
            };
            let Some(after) = after.strip_prefix('>') else {
                return Some(format!("two dashes in a comment: {inside}"));
            };
            rest = after;
            continue;
        }
        // A > inside quotes does not end a tag.
        let mut quoted = false;
        let end = behind.find(|c: char| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let Some(end) = end else { return Some(format!("a tag without end: {behind}")) };
        let tag = &behind[..end];
        rest = &behind[end + 1..];
        if tag.starts_with('?') {
            continue;
        }
        let name = tag.trim_matches('/').split_whitespace().next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop().as_deref() != Some(name) {
                return Some(format!("</{name}> closes something else"));
            }
            continue;
        }
        if let Some(mistake) = attribute_mistake(&tag[name.len()..]) {
            return Some(format!("<{tag}>: {mistake}"));
        }
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    (!open.is_empty() || !rest.trim().is_empty()).then(|| format!("open at the end: {open:?}"))
}

fn attribute_mistake(text: &str) -> Option<String> {
    let mut rest = text.trim_end_matches('/').trim();
    while !rest.is_empty() {
        let Some((name, behind)) = rest.split_once("=\"") else {
            return Some(format!("no attribute: {rest}"));
        };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Some(format!("no name: {name}"));
        }
        let Some((value, behind)) = behind.split_once('"') else {
            return Some("a value without end".to_owned());
        };
        if value.contains('<') || value.contains('&') {
            return Some(format!("to be escaped: {value}"));
        }
        rest = behind.trim_start();
    }
    None
}

#[test]
fn the_files_are_well_formed() {
    for (name, text) in files() {
        assert_eq!(xml_mistake(&text), None, "{name}");
    }
    let bad = ["<a>", "<a></b>", "<a b=c/>", "<a b=\"<\"/>", "<!-- a -- b -->", "<a/>x", "<a"];
    for bad in bad {
        assert!(xml_mistake(bad).is_some(), "{bad}");
    }
}

#[test]
fn every_variable_is_in_the_one_file_of_variables() {
    let files = files();
    let vars = &files.iter().find(|(name, _)| name.ends_with("-vars.xml")).unwrap().1;
    let mut used = 0;
    for (name, text) in &files {
        for piece in text.split("$${").skip(1) {
            let variable = piece.split('}').next().unwrap();
            let is_there = vars.contains(&format!("data=\"{variable}="));
            assert!(variable.starts_with("hallporter_") && is_there, "{name}: {variable}");
            used += 1;
        }
    }
    assert!(used > 10);
}

/// A caller's word must not get into anything that FreeSWITCH expands.
#[test]
fn the_dialplan_expands_nothing_but_the_beat() {
    const BEAT: &str = "${expr(${strepoch()}-${global_getvar(hallporter_beat)})}";
    let text = fs::read_to_string(shipped("dialplan/hallporter.xml")).unwrap();
    assert_eq!(text.matches(BEAT).count(), 3);
    let (rest, mut inside) = (text.replace(BEAT, "").replace("$${", "{"), String::new());
    for piece in rest.split("<!--") {
        inside += piece.split_once("-->").map_or(piece, |(_, behind)| behind);
    }
    for line in inside.lines() {
        let expanded = line.contains("${") || line.contains("$1") || line.contains("$0");
        assert!(!expanded, "{line}");
    }
}

#[test]
fn it_starts_with_everything_that_it_needs() {
    if !installed() {
        return;
    }
    let lab = Lab::new("switch-conf");
    let mut switch = Switch::start(&lab);
    let esl = switch.esl();
    let modules = fs::read_to_string(shipped("freeswitch-conf/modules.xml")).unwrap();
    let names: Vec<&str> = modules.split("<load module=\"").skip(1).collect();
    for name in &names {
        let name = name.split('"').next().unwrap();
        assert_eq!(esl.api(&format!("module_exists {name}")), "true", "{name}");
    }
    assert!(names.len() > 10);
    let wrong = Esl::connect(switch.esl, "ClueCon").unwrap();
    assert!(wrong.is_err_and(|reply| reply.contains("-ERR invalid")));
    let log = switch.log();
    let bad = |line: &&str| ["[ERR]", "[CRIT]", "[ALERT]"].iter().any(|word| line.contains(word));
    let bad: Vec<&str> = log.lines().filter(bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    drop(esl);
    assert!(switch.terminate().is_some(), "it does not end:\n{}", switch.log());
}

#[test]
fn strangers_are_kept_out() {
    if !installed() {
        return;
    }
    let lab = Lab::new("switch-strangers");
    let closed = [("sip_allow", "10.0.0.0/8"), ("esl_allow", "10.0.0.0/8")];
    let mut switch = Switch::prepare(&lab, "freeswitch", &closed);
    switch.spawn();
    let refused = || match Esl::connect(switch.esl, PASSWORD) {
        Ok(Err(reply)) => reply.contains("rude-rejection"),
        _ => false,
    };
    assert!(eventually(seconds(30.0), refused), "{}", switch.log());
    let phone = Phone::new(lab.ip);
    let call = phone.call("alice", switch.sip);
    assert_eq!(call.code(seconds(10.0)), 403);
}
