//! `sealing`: keys in the configuration or in the environment.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use callgate_host::config;
use serde_json::{Value, json};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn read(mcp: &Value, sealing: &Value) -> Result<(), String> {
    let contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"], "mcp": mcp,
            "roles": { "clerk": { "tools": ["*"] } },
            "tools": [{ "name": "order", "effects": "read", "parameters": { "type": "object" }, "run": { "client": {} } }],
        },
    });
    let mut document =
        json!({ "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } }, "contract": contract });
    if !sealing.is_null() {
        document["sealing"] = sealing.clone();
    }
    let variable = |name: &str| (name == "KEY").then(|| KEY.to_owned());
    config::read_with(document.to_string().as_bytes(), &variable).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_key_is_read_from_the_configuration_or_a_variable() {
    let tasks = json!({ "tasks": {} });
    for keys in [
        json!([{ "inline_string": KEY }]),
        json!([{ "environment_variable": "KEY" }]),
        json!([{ "environment_variable": "KEY" }, { "inline_string": KEY }]),
    ] {
        assert_eq!(read(&tasks, &json!({ "keys": keys })), Ok(()), "{keys}");
    }
    assert_eq!(read(&json!({}), &Value::Null), Ok(()), "only tasks need a key");
}

#[test]
fn a_contract_with_tasks_does_not_start_without_a_good_key_and_no_key_is_in_the_message() {
    let tasks = json!({ "tasks": {} });
    for (sealing, told) in [
        (Value::Null, "`sealing` is missing"),
        (json!({ "keys": [] }), "expected 1 to 4 keys"),
        (
            json!({ "keys": [{ "environment_variable": "OTHER" }] }),
            "`sealing.keys[0]`: the variable `OTHER` is not set",
        ),
        (json!({ "keys": [{ "inline_string": "U0VDUkVU" }] }), "expected key 0 to be 32 to 64 bytes in base64"),
        (json!({ "keys": [{ "inline_string": KEY }, { "inline_string": "SECRET!" }] }), "expected key 1"),
        (json!({ "keys": [{ "file": "x" }] }), "unknown variant"),
        (json!({}), "missing field `keys`"),
    ] {
        let fault = read(&tasks, &sealing).unwrap_err();
        assert!(fault.contains(told), "{sealing}: {fault}");
        assert!(!fault.contains("U0VDUkVU") && !fault.contains("SECRET"), "{fault}");
    }
}
