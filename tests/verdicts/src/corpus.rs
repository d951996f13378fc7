//! A table of real calls: those of the Berkeley Function Calling Leaderboard, and calls of the tools of real MCP servers.
//!
//! Every schema becomes a tool of one contract. The expected column is the native decision. `bfcl.rs` of the contract's
//! tests compares it with a reference validator, and this crate compares the other places with it.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{Case, Table, decided};

/// The number of properties of one MCP tool that are called with a value of the wrong type.
const PROPERTIES: usize = 4;

/// The folder with the data: `$CALLGATE_DATA`, or the one beside the workspace.
#[must_use]
pub fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("CALLGATE_DATA").map_or_else(beside, PathBuf::from)
}

/// Returns the table, or `None` if a file of the data is missing.
///
/// # Errors
/// The fault of an existing file.
pub fn read(folder: &Path) -> Result<Option<Table>, String> {
    let (bfcl, servers) = (folder.join("bfcl.jsonl.gz"), folder.join("mcp_tools.json"));
    if !bfcl.exists() || !servers.exists() {
        return Ok(None);
    }
    let mut tools = Tools::default();
    let mut cases = Vec::new();
    calls(&bfcl, &mut tools, &mut cases)?;
    servers_tools(&servers, &mut tools, &mut cases)?;
    let contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "corpus", "version": "1" },
        "spec": {
            "models": ["*"], "onViolation": "error", "roles": { "all": { "tools": ["*"] } }, "tools": tools.declared,
        },
    });
    let mut table = Table { name: "the corpus".to_owned(), contract: contract.to_string(), cases };
    let compiled = table.compile()?;
    for case in &mut table.cases {
        let found = decided(&compiled, case);
        (case.verdict, case.pointer) = (found.verdict, found.pointer);
        case.canonical = found.canonical.unwrap_or_default();
    }
    Ok(Some(table))
}

/// Returns the tools of the contract; equal schemas are one tool.
#[derive(Default)]
struct Tools {
    declared: Vec<Value>,
    names: HashMap<String, String>,
}

impl Tools {
    fn add(&mut self, schema: &Value) -> String {
        let declared = &mut self.declared;
        let add = || {
            let name = format!("tool_{}", declared.len());
            declared.push(json!({ "name": name, "effects": "read", "parameters": schema, "run": { "client": {} } }));
            name
        };
        self.names.entry(schema.to_string()).or_insert_with(add).clone()
    }
}

fn calls(path: &Path, tools: &mut Tools, cases: &mut Vec<Case>) -> Result<(), String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| fault(&error))?;
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).map_err(|error| fault(&error))?;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).map_err(|error| fault(&error))?;
        let member = |pointer: &str| row.pointer(pointer).ok_or_else(|| fault(&format!("a row has no {pointer}")));
        let called = member("/call/name")?.as_str().unwrap_or_default();
        let schema = member("/contract")?.get(called);
        let tool = schema.map_or_else(|| "not_in_the_contract".to_owned(), |schema| tools.add(schema));
        cases.push(case(tool, member("/call/arguments")?.to_string()));
    }
    Ok(())
}

/// Calls each tool with nothing, and with `null` for each of its first properties.
fn servers_tools(path: &Path, tools: &mut Tools, cases: &mut Vec<Case>) -> Result<(), String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
    let servers: Map<String, Value> = serde_json::from_str(&text).map_err(|error| fault(&error))?;
    let published = servers.values().filter_map(|server| server.get("tools")?.as_array()).flatten();
    for schema in published.filter_map(|tool| tool.get("inputSchema")) {
        let tool = tools.add(schema);
        cases.push(case(tool.clone(), "{}".to_owned()));
        let properties = schema.get("properties").and_then(Value::as_object);
        for name in properties.into_iter().flat_map(Map::keys).take(PROPERTIES) {
            cases.push(case(tool.clone(), json!({ name: null }).to_string()));
        }
    }
    Ok(())
}

fn case(tool: String, arguments: String) -> Case {
    Case {
        role: "all".to_owned(),
        tool,
        arguments,
        before: 0,
        verdict: String::new(),
        pointer: String::new(),
        canonical: String::new(),
    }
}
