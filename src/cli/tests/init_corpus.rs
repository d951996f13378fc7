//! `callgate init` over requests of real agents and clients, real servers' lists, and the tools of a public benchmark.
//!
//! They are not a part of the project. The test looks for them in `CALLGATE_DATA`, else in `shared/data` beside the workspace, and says so
//! if they are missing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests: a failed step is a failed test, and a corpus prints its counts"
)]

mod support;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Folder, callgate};

fn data(file: &str) -> Option<Vec<u8>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let bytes = std::fs::read(folder.join(file)).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED: {file} is not there; set CALLGATE_DATA to the folder that holds it");
    }
    bytes
}

fn lines(file: &str) -> Vec<Value> {
    let Some(bytes) = data(file) else { return Vec::new() };
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Proposes a contract from entries, one a line. Returns the proposal, or the error.
fn proposed(folder: &Folder, entries: &[&Value]) -> Result<String, String> {
    let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let file = folder.write("captured.jsonl", &text);
    let said = callgate(&["init", "--from", &file, "--out", "-"]);
    if said.code == 0 { Ok(said.out) } else { Err(said.err) }
}

/// Asserts that a proposal has no fault.
fn is_valid(folder: &Folder, contract: &str, what: &str) {
    let file = folder.write("proposed.yaml", contract);
    let said = callgate(&["lint", &file]);
    assert_eq!(said.code, 0, "{what}: {said:?}\n{contract}");
}

/// Proposes a contract from each different list of tools, and from all of the entries that can be read.
fn every(name: &str, entries: &[Value], tools_of: impl Fn(&Value) -> Option<String>) -> (usize, Vec<String>) {
    let folder = Folder::new(name);
    let (mut seen, mut valid, mut refused) = (BTreeSet::new(), 0, Vec::new());
    let mut readable = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let Some(tools) = tools_of(entry).filter(|tools| seen.insert(tools.clone())) else { continue };
        match proposed(&folder, &[entry]) {
            Ok(contract) => {
                is_valid(&folder, &contract, &format!("{name} {number}: {tools}"));
                valid += 1;
                readable.push(entry);
            }
            Err(error) => refused.push(format!("{name} {number}: {}", error.trim())),
        }
    }
    if !readable.is_empty() {
        let contract = proposed(&folder, &readable).unwrap();
        assert_eq!(contract, proposed(&folder, &readable).unwrap(), "the same files give the same text");
        is_valid(&folder, &contract, name);
    }
    eprintln!("{name}: {valid} different lists of tools, {} refused", refused.len());
    (valid, refused)
}

/// The declared tools, if there are some.
fn declared(body: &Value) -> Option<String> {
    let body = match body {
        Value::String(text) => serde_json::from_str(text).ok()?,
        body => body.clone(),
    };
    let declared: Vec<String> =
        ["tools", "functions", "toolConfig"].iter().filter_map(|name| body.get(*name)).map(Value::to_string).collect();
    let text = declared.concat();
    text.contains("\"name\"").then_some(text)
}

#[test]
fn tools_of_coding_agents_make_a_contract() {
    let agents = lines("agents.jsonl.gz");
    let (valid, refused) = every("init-agents", &agents, |entry| declared(&entry["body"]));
    // Some requests have tools of the provider alone.
    let others: Vec<&String> = refused.iter().filter(|error| !error.contains("no tool is declared")).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(agents.is_empty() || valid > 5, "{valid}");
}

#[test]
fn tools_of_recorded_requests_make_a_contract() {
    let recorded = lines("recorded.jsonl.gz");
    let (valid, refused) = every("init-recorded", &recorded, |entry| declared(&entry["request"]));
    // A request that a gate refuses anyway, or one with tools of the provider alone.
    let others: Vec<&String> = refused.iter().filter(|error| !error.contains("no tool is declared")).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(recorded.is_empty() || valid > 50, "{valid}");
}

#[test]
fn tools_of_wild_requests_make_a_contract() {
    let wild = lines("wild.jsonl.gz");
    let (_, refused) = every("init-wild", &wild, |entry| declared(&entry["request"]));
    let others: Vec<&String> = refused.iter().filter(|error| !error.contains("no tool is declared")).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn lists_of_real_servers_make_a_contract() {
    let Some(bytes) = data("mcp_tools.json") else { return };
    let servers: Value = serde_json::from_slice(&bytes).unwrap();
    let lists: Vec<Value> =
        servers.as_object().unwrap().values().map(|server| json!({ "result": { "tools": server["tools"] } })).collect();
    let has_tools = |list: &Value| list["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let (valid, refused) = every("init-servers", &lists, |list| has_tools(list).then(|| list.to_string()));
    assert!(refused.is_empty() && valid >= 14, "{valid} {refused:#?}");
}

#[test]
fn tools_of_a_benchmark_make_a_contract() {
    let Some(bytes) = data("agentdojo_tools.json") else { return };
    let suites: Value = serde_json::from_slice(&bytes).unwrap();
    let suites = suites["tools"].as_object().unwrap();
    let requests: Vec<Value> = suites
        .values()
        .map(|tools| {
            let function = |(name, schema): (&String, &Value)| json!({ "type": "function", "function": { "name": name, "parameters": schema } });
            let tools: Vec<Value> = tools.as_object().unwrap().iter().map(function).collect();
            json!({ "model": "m", "messages": [], "tools": tools })
        })
        .collect();
    let (valid, refused) = every("init-benchmark", &requests, declared);
    assert!(refused.is_empty() && valid == suites.len(), "{valid} {refused:#?}");
}
