//! Prints the time to load configurations with several contracts, and the memory that they hold.
//!
//! `cargo run --release -p callgate-host --example contracts`. Each contract has 20 tools. In `equal` configurations the contracts have the
//! same tools, as tenants of one product do; in `different` ones no two schemas are equal.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

use std::sync::Arc;
use std::time::Instant;

use callgate_contract::Caller;
use callgate_host::config;
use serde_json::{Value, json};

const TOOLS: usize = 20;

fn tool(index: usize, most: usize) -> Value {
    json!({
        "name": format!("tool_{index}"),
        "description": "Changes an order of a customer, and returns its new state.",
        "effects": "write",
        "parameters": {
            "type": "object", "required": ["order", "amount"], "additionalProperties": false,
            "properties": {
                "order": { "type": "string", "pattern": "^[A-Z]{2}-[0-9]{4,8}$", "description": "The number of the order." },
                "amount": { "type": "number", "minimum": index, "maximum": most + 1000 },
                "currency": { "enum": ["EUR", "USD", "GBP"] },
                "due": { "type": "string", "format": "date" },
                "lines": {
                    "type": "array", "maxItems": 20,
                    "items": {
                        "type": "object", "required": ["sku"],
                        "properties": { "sku": { "type": "string", "maxLength": 40 }, "count": { "type": "integer", "minimum": 1 } },
                    },
                },
                "note": { "type": ["string", "null"], "maxLength": 200 },
            },
        },
        "when": "args.amount <= 500 || caller.role == 'manager'",
        "run": { "client": {} },
    })
}

fn entry(position: usize, is_equal: bool) -> Value {
    let most = if is_equal { 0 } else { position };
    let tools: Vec<Value> = (0..TOOLS).map(|index| tool(index, most)).collect();
    json!({
        "match": { "tenant": format!("tenant-{position}") },
        "contract": {
            "apiVersion": "callgate.dev/v1", "kind": "Contract",
            "metadata": { "name": format!("desk-{position}"), "version": "1.0.0" },
            "spec": {
                "models": ["*"], "roles": { "clerk": { "tools": ["*"] }, "manager": { "tools": ["*"] } }, "tools": tools,
            },
        },
    })
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Each configuration is loaded in a process of its own: memory that is freed is not always given back.
    if let [count, kind] = arguments.as_slice() {
        let entries: Vec<Value> =
            (0..count.parse().unwrap()).map(|position| entry(position, kind == "equal")).collect();
        let document = json!({ "identity": { "header": { "tenant": "t", "role": "r" } }, "contracts": entries });
        let text = document.to_string();
        drop(document);
        let (before, began) = (resident(), Instant::now());
        let config = config::read(text.as_bytes()).unwrap();
        let (took, after) = (began.elapsed(), resident());
        let began = Instant::now();
        for round in 0..100_000_usize {
            let caller = Caller::new(format!("tenant-{}", round % entries.len()), "clerk");
            assert!(config.rules.contract_of(&caller, Some("a.example"), "/v1/chat/completions").is_some());
        }
        let lookup = began.elapsed().as_nanos() / 100_000;
        let bytes = after.saturating_sub(before);
        println!(
            "{count:>4} {kind:<9}  text {:>6} KiB  load {:>6} ms  memory {:>6} KiB  lookup {lookup:>4} ns",
            text.len() / 1024,
            took.as_millis(),
            bytes / 1024
        );
        drop(Arc::clone(&config.rules));
        return;
    }
    for kind in ["equal", "different"] {
        for count in ["1", "10", "100", "500"] {
            std::process::Command::new(std::env::current_exe().unwrap()).args([count, kind]).status().unwrap();
        }
    }
}
