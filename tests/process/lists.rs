//! What is asked in several tests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::line::Line;

/// All live calls by Call-ID.
#[track_caller]
pub(super) fn calls(admin: &mut Line) -> BTreeMap<String, Value> {
    let mut calls = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = admin.get(&format!("/v1/calls?limit=1000{after}"));
        for call in page["items"].as_array().unwrap() {
            let call_id = call["call_id"].as_str().unwrap().to_owned();
            assert!(calls.insert(call_id, call.clone()).is_none(), "twice in the list: {call}");
        }
        let next = &page["next"];
        if next.is_null() {
            return calls;
        }
        let next = next.as_str().map_or_else(|| next.to_string(), str::to_owned);
        after = format!("&after={next}");
    }
}

/// The value of a metric without labels.
#[track_caller]
pub(super) fn metric(line: &mut Line, name: &str) -> u64 {
    let (status, text) = line.try_ask("GET", "/metrics", None).unwrap();
    assert_eq!(status, 200);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
}
