//! Requests of Claude Code, as shapes: a contract with its tools and globs for those of servers lets each through, and deferred
//! tools stay deferred.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::from_value;
use callgate_engine::{Effect, Event, Exchange, IdentitySource, Offer, Paths, Reach, Rules, lend};
use serde_json::{Value, json};

/// The requests of Claude Code to Messages.
fn requests() -> Option<Vec<Value>> {
    let folder = std::env::var_os("CALLGATE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = File::open(folder.join("agents.jsonl.gz")) else {
        println!("SKIPPED: no agents.jsonl.gz in {}", folder.display());
        return None;
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let is_asked = |line: &Value| {
        line["body"]["messages"].is_array()
            && line["path"].as_str().is_some_and(|path| path.starts_with("/v1/messages"))
    };
    Some(lines.filter(is_asked).map(|line| line["body"].clone()).collect())
}

/// Sends a request; returns what is forwarded.
fn forwarded(tools: &[String], body: &Value) -> Result<Value, String> {
    let tools: Vec<Value> = tools
        .iter()
        .map(|name| json!({ "name": name, "effects": "write", "parameters": { "type": "object" }, "run": { "client": {} } }))
        .collect();
    let contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "agent", "version": "1" },
        "spec": {
            "models": ["*"], "undeclaredTools": "drop", "limits": { "requestBytes": "8MiB" },
            "providerTools": ["web_search_20250305"], "roles": { "dev": { "tools": ["*"] } }, "tools": tools,
        },
    });
    let identity = IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into(), claims: BTreeMap::new() };
    let reach = Reach { executor: true, upstream: true };
    let rules = Rules::new(from_value(&contract).unwrap(), identity, Paths::default(), Offer::Declared, reach).unwrap();
    let mut exchange = Exchange::new(Rc::new(Arc::new(rules).gate()), "exchange-1");
    let headers: Vec<(String, Vec<u8>)> = [
        (":method", "POST"),
        (":path", "/v1/messages?beta=true"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "dev"),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
    .into();
    exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    let text = body.to_string();
    let now = std::time::Duration::from_secs(1);
    match exchange.on(Event::RequestData { chunk: text.as_bytes(), end: true, now }) {
        Effect::Forward(forward) => Ok(serde_json::from_slice(&forward.body).unwrap()),
        effect => Err(format!("{effect:?}")),
    }
}

fn names(body: &Value) -> Vec<&str> {
    body["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str()).collect()
}

#[test]
fn requests_of_claude_code_pass_with_its_tools_and_globs_for_servers() {
    let Some(requests) = requests() else { return };
    let mut deferred = 0;
    for body in &requests {
        let mut tools: Vec<String> =
            names(body).iter().filter(|name| !name.starts_with("mcp__")).map(|&name| name.to_owned()).collect();
        tools.extend(["mcp__time__*".to_owned(), "web_search_of_ours".to_owned()]);
        let sent = forwarded(&tools, body).unwrap_or_else(|effect| panic!("{effect}"));
        assert_eq!(names(&sent).len(), names(body).len(), "nothing is dropped");
        for tool in body["tools"].as_array().into_iter().flatten().filter(|tool| tool["defer_loading"] == true) {
            let found = sent["tools"].as_array().unwrap().iter().find(|other| other["name"] == tool["name"]).unwrap();
            assert!(found["defer_loading"] == true && found.get("cache_control").is_none());
            deferred += 1;
        }
        assert_eq!(sent["messages"], body["messages"], "no reference is lost");
        // A role without the tools of the server: nothing names them afterwards.
        let own: Vec<String> = tools.into_iter().filter(|name| !name.starts_with("mcp__")).collect();
        let sent = forwarded(&own, body).unwrap_or_else(|effect| panic!("{effect}"));
        let referred = sent["messages"].to_string();
        assert!(!referred.contains(r#""tool_name":"mcp__"#), "{referred}");
        assert!(!names(&sent).iter().any(|name| name.starts_with("mcp__")));
    }
    println!("COVERED Claude Code: {} requests, {deferred} deferred declarations", requests.len());
    assert!(!requests.is_empty());
}
