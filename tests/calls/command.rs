//! What operators do, in the words of a case.

use hallporter::registry::Command;
use serde_json::{Map, Value, json};

use super::words::Words;

/// A command as the log has it.
pub(crate) fn command(words: &Words<'_>) -> Command {
    let (word, name) = (words.at(0), words.at(1));
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    match word {
        "account" | "alter" => {
            put("command", json!(if word == "account" { "account_add" } else { "account_set" }));
            put("name", json!(name));
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
        }
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
    })
}
