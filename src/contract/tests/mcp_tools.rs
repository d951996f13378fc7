//! A contract can hold the published tool schemas of real MCP servers.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and a replay prints its counts"
)]

use std::path::PathBuf;

use callgate_contract::from_value;
use callgate_json::Value;

fn data(file: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    Some(folder.join(file)).filter(|path| path.exists())
}

fn json(text: &str) -> Value {
    callgate_json::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn contract(tool: &Value) -> Value {
    let mut document = json(
        r#"{"apiVersion":"callgate.dev/v1","kind":"Contract","metadata":{"name":"mcp","version":"1"},
            "spec":{"models":["*"],"roles":{"all":{"tools":["*"]}},"tools":[{"effects":"read","run":{"client":{}}}]}}"#,
    );
    document["spec"]["tools"][0]["name"] = tool["name"].clone();
    document["spec"]["tools"][0]["parameters"] = tool["inputSchema"].clone();
    if tool["outputSchema"].is_object() {
        document["spec"]["tools"][0]["result"] = tool["outputSchema"].clone();
    }
    document
}

#[test]
fn schemas_of_real_mcp_servers_compile() {
    let Some(path) = data("mcp_tools.json") else {
        eprintln!("SKIPPED: mcp_tools.json is not there; set CALLGATE_DATA to the folder that holds it");
        return;
    };
    let servers = json(&std::fs::read_to_string(path).unwrap());
    let tools = servers.as_object().unwrap().iter().flat_map(|(server, published)| {
        published["tools"].as_array().into_iter().flatten().map(move |tool| (server, tool))
    });
    let (mut accepted, mut refused) = (0, Vec::new());
    for (server, tool) in tools {
        match from_value(&contract(tool)) {
            Ok(contract) => {
                let again = from_value(&json(contract.canonical())).unwrap();
                assert_eq!(again.digest(), contract.digest());
                accepted += 1;
            }
            Err(errors) => refused.push(format!("{server} {}: {errors}", tool["name"])),
        }
    }
    eprintln!("mcp_tools: {accepted} accepted, {} refused", refused.len());
    assert!(accepted > 0);
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
