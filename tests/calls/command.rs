//! What operators do, in the words of a case.

use hallporter::domain::{Forward, StarCode, StarCodes};
use hallporter::registry::Command;
use serde_json::{Map, Value, json};

use super::words::Words;

/// A command as the log has it.
pub(crate) fn command(words: &Words<'_>) -> Command {
    let (word, name) = (words.at(0), words.at(1));
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    match word {
        "account" | "alter" => return account(words),
        "drop" => {
            put("command", json!("account_remove"));
            put("name", json!(name));
        }
        "number" | "lead" | "unnumber" => {
            let kind = ["number_add", "number_set", "number_remove"];
            let place = ["number", "lead", "unnumber"].iter().position(|known| *known == word);
            put("command", json!(kind[place.unwrap()]));
            put("identifier", json!(name));
            if word != "unnumber" {
                put("account", json!(words.at(2)));
            }
        }
        "mailbox" => {
            let name = hallporter::domain::MailboxName::parse(name).unwrap();
            put("command", json!("mailbox_add"));
            put("account", json!(words.at(1)));
            put("mailbox", json!(hallporter::domain::Mailbox::new(name)));
        }
        "care" => return care(words),
        "rename" => {
            put("command", json!("device_set"));
            put("account", json!(name));
            put("name", json!(words.at(2)));
            put("rename", json!(words.at(3)));
        }
        "unrules" => {
            put("command", json!("rules_remove"));
            put("account", json!(name));
        }
        _ => {
            put("account", json!(name));
            put("command", json!(if word == "device" { "device_add" } else { "device_remove" }));
            if word == "device" {
                put("device", device(words));
            } else {
                put("name", json!(words.at(2)));
            }
        }
    }
    serde_json::from_value(Value::Object(object)).unwrap()
}

/// `account alice calls=2 parent=boss`, and the same for `alter`.
fn account(words: &Words<'_>) -> Command {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("command", json!(if words.at(0) == "account" { "account_add" } else { "account_set" }));
    put("name", json!(words.at(1)));
    for (key, field) in [("calls", "max_calls"), ("in", "max_in"), ("out", "max_out")] {
        if let Some(value) = words.get(key) {
            put(field, value.parse::<u32>().map_or(Value::Null, |cap| json!(cap)));
        }
    }
    for key in ["parent", "policy", "rename"] {
        if let Some(value) = words.get(key) {
            put(key, if value == "none" { Value::Null } else { json!(value) });
        }
    }
    if let Some(codes) = words.get("codes").and_then(|codes| codes.split_once('/')) {
        let code = |text: &str| text.parse::<u16>().unwrap();
        put("refusal_codes", json!({"to": code(codes.0), "from": code(codes.1)}));
    }
    if words.has("off") || words.has("on") {
        put("enabled", json!(words.has("on")));
    }
    serde_json::from_value(Value::Object(object)).unwrap()
}

/// `care alice may=all places=+49,@h all=+49171 busy=none here=desk`
fn care(words: &Words<'_>) -> Command {
    let mut forwards = Map::new();
    for forward in ["all", "busy", "no_answer", "unreachable"] {
        let Some(to) = words.get(&forward.replace('_', "")) else { continue };
        let to = (to != "none").then(|| match to.contains('@') {
            true => json!({ "uri": format!("sip:{to}") }),
            false => json!({ "number": to }),
        });
        forwards.insert(forward.to_owned(), json!(to));
    }
    let mut object = Map::new();
    object.insert("command".to_owned(), json!("care_set"));
    object.insert("account".to_owned(), json!(words.at(1)));
    object.insert("forwards".to_owned(), Value::Object(forwards));
    if let Some(may) = words.get("may") {
        object.insert("may".to_owned(), json!(may));
    }
    if let Some(places) = words.get("places") {
        let places: Vec<&str> = places.split(',').filter(|place| *place != "none").collect();
        object.insert("places".to_owned(), json!(places));
    }
    if let Some(here) = words.get("here") {
        object.insert("here".to_owned(), json!((here != "none").then_some(here)));
    }
    serde_json::from_value(Value::Object(object)).unwrap()
}

/// The star codes of the cases; `#` begins a comment in them.
pub(crate) fn stars() -> StarCodes {
    let codes = [
        ("*21*", StarCode::Forward(Forward::All)),
        ("*22", StarCode::NoForward(Forward::All)),
        ("*67*", StarCode::Forward(Forward::Busy)),
        ("*68", StarCode::NoForward(Forward::Busy)),
        ("*61*", StarCode::Forward(Forward::NoAnswer)),
        ("*62*", StarCode::Forward(Forward::Unreachable)),
        ("*78", StarCode::Dnd),
        ("*79", StarCode::NoDnd),
        ("*30", StarCode::Here),
        ("*31", StarCode::NotHere),
    ];
    StarCodes::new(codes.map(|(code, does)| (code.into(), does)).to_vec()).unwrap()
}

fn device(words: &Words<'_>) -> Value {
    let target = words.at(3);
    let target = match target.strip_prefix("aor:") {
        Some(aor) => json!({ "aor": aor }),
        None if target.starts_with('+') => json!({ "number": target }),
        None => json!({ "uri": target }),
    };
    let number = |key: &str, default: u16| words.get(key).map_or(default, |n| n.parse().unwrap());
    json!({
        "name": words.at(2),
        "target": target,
        "stage": number("stage", 1),
        "ring_s": number("ring", 15),
        "enabled": !words.has("off"),
        "push": words.has("push"),
    })
}
