//! The declarations and calls of recorded coding agents, read without the project's own readers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Value, json};

/// The declarations and calls of one agent.
#[derive(Debug, Default)]
pub struct Recorded {
    pub requests: Vec<Value>,
    pub declared: BTreeSet<String>,
    pub calls: Vec<(String, Value)>,
}

/// Returns the recorded agents by name; `None` if the file is not there.
pub fn agents() -> Option<BTreeMap<String, Recorded>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let file = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from).join("agents.jsonl.gz");
    let Ok(bytes) = std::fs::read(&file) else {
        eprintln!("SKIPPED: agents.jsonl.gz is not there; set CALLGATE_DATA to the folder that holds it");
        return None;
    };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    let mut found: BTreeMap<String, Recorded> = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let agent = found.entry(row["agent"].as_str().unwrap().to_owned()).or_default();
        let body = match row["body"].as_str().map(serde_json::from_str::<Value>) {
            Some(parsed) => parsed.unwrap_or_default(),
            None => row["body"].clone(),
        };
        declared(&body, &mut agent.declared);
        calls(&body, &mut agent.calls);
        let mut request = row.clone();
        request["body"] = body;
        agent.requests.push(request);
    }
    Some(found)
}

/// Adds the names of the declared tools that a client runs.
pub fn declared(body: &Value, names: &mut BTreeSet<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut tools = list(&body["tools"]);
    tools.extend(list(&body["input"]).iter().flat_map(|item| list(&item["tools"])));
    for tool in tools {
        add(&tool, "", names);
    }
}

fn add(tool: &Value, namespace: &str, names: &mut BTreeSet<String>) {
    let name = tool["function"]["name"].as_str().or(tool["name"].as_str());
    match (tool["type"].as_str(), name) {
        (Some("namespace"), Some(name)) => {
            tool["tools"].as_array().unwrap().iter().for_each(|tool| add(tool, name, names));
        }
        (Some("tool_search"), _) => drop(names.insert("tool_search".to_owned())),
        (Some(kind), _) if kind.starts_with("web_search") => {}
        (_, Some(name)) => drop(names.insert(whole(namespace, name))),
        _ => {
            for function in tool["functionDeclarations"].as_array().into_iter().flatten() {
                names.insert(function["name"].as_str().unwrap().to_owned());
            }
        }
    }
}

fn whole(namespace: &str, name: &str) -> String {
    if namespace.is_empty() || namespace == "functions" || namespace == name {
        name.to_owned()
    } else {
        format!("{namespace}__{name}")
    }
}

/// Adds the calls of a part of a request, in whatever dialect it is.
pub fn calls(part: &Value, found: &mut Vec<(String, Value)>) {
    let parsed = |text: &Value| text.as_str().map_or_else(|| text.clone(), |text| serde_json::from_str(text).unwrap());
    match part {
        Value::Object(members) => {
            let call = match members.get("type").and_then(Value::as_str) {
                Some("tool_use") => Some((&part["name"], part["input"].clone())),
                Some("function_call") => Some((&part["name"], parsed(&part["arguments"]))),
                Some("tool_search_call") => Some((&part["type"], parsed(&part["arguments"]))),
                Some("custom_tool_call") => Some((&part["name"], json!({ "input": part["input"] }))),
                _ if part["function"]["arguments"].is_string() => {
                    Some((&part["function"]["name"], parsed(&part["function"]["arguments"])))
                }
                _ if part["functionCall"].is_object() => {
                    Some((&part["functionCall"]["name"], part["functionCall"]["args"].clone()))
                }
                _ => None,
            };
            if let Some((Value::String(name), arguments)) = call {
                let name = if name == "tool_search_call" { "tool_search" } else { name };
                found.push((whole(part["namespace"].as_str().unwrap_or_default(), name), arguments));
            }
            members.values().for_each(|member| calls(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| calls(item, found)),
        _ => {}
    }
}
