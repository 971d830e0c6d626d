//! The description says what there is, and nothing else.

use std::collections::BTreeSet;

use super::*;

fn description() -> Value {
    serde_json::from_str(health::OPENAPI).unwrap()
}

#[test]
fn every_way_is_described_and_every_described_one_exists() {
    let description = description();
    let described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(|method| (path.clone(), method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    let there: BTreeSet<(String, String)> =
        table::WAYS.iter().map(|way| (way.path.to_owned(), way.method.to_owned())).collect();
    assert_eq!(described, there);
    let routed: usize = table::paths().map(<[_]>::len).sum();
    let distinct: BTreeSet<&str> = table::WAYS.iter().map(|way| way.path).collect();
    assert_eq!((routed, table::paths().count()), (there.len(), distinct.len()));
}

#[test]
fn scopes_and_variables_are_described() {
    let description = description();
    for way in &table::WAYS {
        let item = &description["paths"][way.path];
        let operation = &item[way.method.to_lowercase()];
        let scope = operation["security"][0]["bearer"][0].as_str();
        let want = match way.scope {
            Scope::Open | Scope::Link => None,
            Scope::Route => Some("route"),
            Scope::Device => Some("device"),
            Scope::Admin => Some("admin"),
        };
        assert_eq!(scope, want, "{} {}", way.method, way.path);
        let variables = way.path.split('{').skip(1).filter_map(|part| part.split('}').next());
        let none = Vec::new();
        let given = if item["parameters"].is_array() { item } else { operation };
        let given = given["parameters"].as_array();
        let given: Vec<_> =
            given.unwrap_or(&none).iter().filter(|one| one["in"] == "path").collect();
        let names: Vec<_> = given.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, variables.collect::<Vec<_>>(), "{}", way.path);
    }
}

#[test]
fn references_lead_somewhere() {
    let description = description();
    let mut values = vec![&description];
    let mut seen = 0;
    while let Some(value) = values.pop() {
        if let Some(list) = value.as_array() {
            values.extend(list);
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            if let (true, Some(reference)) = (key == "$ref", value.as_str()) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(description.pointer(pointer).is_some(), "{reference}");
                seen += 1;
            }
            values.push(value);
        }
    }
    assert!(seen > 50);
}

#[test]
fn causes_are_described() {
    use crate::domain::Cause;
    let described =
        &description()["components"]["schemas"]["Refuse"]["properties"]["cause"]["enum"];
    for cause in Cause::ALL {
        assert!(described.as_array().unwrap().contains(&cause.as_str().into()), "{cause:?}");
    }
}
