//! Requests of Codex and other agents to Responses: a contract with the tools that one declares lets it through, in their places and forms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::from_value;
use callgate_engine::{Effect, Event, Exchange, IdentitySource, Offer, Paths, Reach, Rules, lend};
use callgate_wire::name_in_contract;
use serde_json::{Value, json};

fn requests() -> Option<Vec<Value>> {
    let folder = std::env::var_os("CALLGATE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = File::open(folder.join("agents.jsonl.gz")) else {
        println!("SKIPPED: no agents.jsonl.gz in {}", folder.display());
        return None;
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let is_asked = |line: &Value| line["path"] == "/v1/responses" && line["body"]["input"].is_array();
    Some(lines.filter(is_asked).map(|line| line["body"].clone()).collect())
}

/// The lists of tools in a request: its own, and those of its items.
fn lists(body: &Value) -> impl Iterator<Item = &Value> {
    let items = body["input"].as_array().unwrap().iter().map(|item| &item["tools"]);
    items.chain([&body["tools"]]).filter(|tools| tools.is_array())
}

/// The names of tools in a list, as contracts have them. Of the provider's tools it gives none.
fn names(tools: &Value, namespace: &str) -> Vec<String> {
    let of = |tool: &Value| match tool["type"].as_str().unwrap() {
        "function" | "custom" => vec![name_in_contract(namespace, tool["name"].as_str().unwrap())],
        "namespace" => names(&tool["tools"], tool["name"].as_str().unwrap()),
        "tool_search" if tool["execution"] == "client" => vec!["tool_search".to_owned()],
        _ => Vec::new(),
    };
    tools.as_array().unwrap().iter().flat_map(of).collect()
}

/// The types of all tools in a list, nested ones too.
fn types(tools: &Value) -> Vec<Value> {
    let of = |tool: &Value| {
        let inner = if tool["tools"].is_array() { types(&tool["tools"]) } else { Vec::new() };
        std::iter::once(tool["type"].clone()).chain(inner)
    };
    tools.as_array().unwrap().iter().flat_map(of).collect()
}

/// Sends a request; returns what is forwarded.
fn forwarded(tools: &BTreeSet<String>, body: &Value) -> Result<Value, String> {
    // A contract has at least one tool.
    let tools: Vec<Value> = tools
        .iter()
        .map(String::as_str)
        .chain(["unused"])
        .map(|name| json!({ "name": name, "effects": "write", "parameters": { "type": "object" }, "run": { "client": {} } }))
        .collect();
    let contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "agent", "version": "1" },
        "spec": {
            "models": ["*"], "limits": { "requestBytes": "8MiB" },
            "providerTools": ["web_search"], "roles": { "dev": { "tools": ["*"] } }, "tools": tools,
        },
    });
    let identity = IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into(), claims: BTreeMap::new() };
    let reach = Reach { executor: true, upstream: true };
    let rules = Rules::new(from_value(&contract).unwrap(), identity, Paths::default(), Offer::Declared, reach).unwrap();
    let mut exchange = Exchange::new(Rc::new(Arc::new(rules).gate()), "exchange-1");
    let headers: Vec<(String, Vec<u8>)> = [
        (":method", "POST"),
        (":path", "/v1/responses"),
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
        Effect::Reply(reply) => Err(String::from_utf8_lossy(&reply.body).into_owned()),
        effect => Err(format!("{effect:?}")),
    }
}

#[test]
fn requests_of_codex_pass_with_its_tools_and_none_passes_without_one_of_them() {
    let Some(requests) = requests() else { return };
    let (mut in_items, mut without) = (0, 0);
    for body in &requests {
        let tools: BTreeSet<String> = lists(body).flat_map(|tools| names(tools, "")).collect();
        let sent = forwarded(&tools, body).unwrap_or_else(|effect| panic!("{effect}"));
        for (asked, sent) in lists(body).zip(lists(&sent)) {
            assert_eq!(names(asked, ""), names(sent, ""), "each in its place");
            assert_eq!(types(asked), types(sent), "and in its form");
        }
        let without_lists = |body: &Value| {
            let mut items = body["input"].as_array().unwrap().clone();
            items.iter_mut().for_each(|item| item["tools"] = Value::Null);
            items
        };
        assert_eq!(without_lists(&sent), without_lists(body));
        in_items += lists(body).count() - usize::from(body["tools"].is_array());
        for missing in &tools {
            let others: BTreeSet<String> = tools.iter().filter(|name| *name != missing).cloned().collect();
            let refused = forwarded(&others, body).unwrap_err();
            assert!(refused.contains("tool_not_in_contract"), "{refused}");
            without += 1;
        }
    }
    println!("COVERED Codex: {} requests, {in_items} items with tools, {without} refused requests", requests.len());
    assert!(in_items > 0 && without > 0);
}
