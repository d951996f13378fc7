//! `call`: its output, its exit codes, and the executor's own decisions and limits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use support::{Folder, Output, callgate, callgate_with, executor_is_built};

const CALL: &str = r#"{"sku": "A-100", "quantity": 2}"#;

/// A command that does `start`, with `text` at 1024; `$print` writes to a descriptor.
fn command(text: &str, start: &str) -> Vec<u8> {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    let module = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "{text}")
  (func $print (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") {start}))"#
    );
    wat::parse_str(module).unwrap()
}

fn giver(text: &str) -> Vec<u8> {
    command(text, &format!("(call $print (i32.const 1) (i32.const 1024) (i32.const {}))", text.len()))
}

/// The desk, with `module` as the code of `create_order`, pinned; `change` is made to its contract first.
fn desk(name: &str, module: &[u8], change: impl Fn(String) -> String) -> Folder {
    executor_is_built();
    let folder = Folder::new(name);
    fs::write(folder.path("tools/orders.wasm"), module).unwrap();
    fs::write(folder.path("contract.yaml"), change(folder.text())).unwrap();
    let pinned = callgate(&["pin", &folder.contract()]);
    assert_eq!(pinned.code, 0, "{pinned:?}");
    folder
}

fn call(folder: &Folder, more: &[&str]) -> Output {
    let contract = folder.contract();
    let mut arguments = vec!["call", &contract, "--tool", "create_order", "--role", "clerk", "--arguments", CALL];
    arguments.extend(more);
    callgate(&arguments)
}

/// A program in place of the executor's.
fn program(folder: &Folder, script: &str) -> String {
    let path = folder.write("callgate-executor", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_executor_s_program_gets_the_arguments_and_gives_output_and_exit_code() {
    let folder = Folder::new("call-program");
    let path = program(&folder, r#"for word; do printf '%s\n' "$word"; done; cat; echo note >&2; exit 4"#);
    let arguments = ["call", "c.yaml", "--tool", "t", "--arguments", "-", "--json", "--executor-program", &path];
    let said = callgate_with(&arguments, b"{}");
    let passed_on = "call\n--tool=t\n--arguments=-\n--tenant=local\n--json\n--\nc.yaml\n{}";
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (4, passed_on, "note\n"));
}

#[test]
fn a_program_that_cannot_run_is_an_error_that_names_the_option() {
    let folder = Folder::new("call-no-program");
    let missing = folder.path("missing").display().to_string();
    for path in [missing, folder.contract()] {
        let said = callgate(&["call", "c.yaml", "--tool", "t", "--arguments", "{}", "--executor-program", &path]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(&path) && said.err.contains("--executor-program"), "{said:?}");
    }
}

#[test]
fn a_result_is_printed_alone_and_usage_beside_it() {
    let folder = desk("call-result", &giver(r#"{"b": 0.10000000000000001, "a": 1}"#), |text| text);
    let said = call(&folder, &[]);
    assert_eq!((said.code, said.out.as_str()), (0, "{\"a\":1,\"b\":0.1}\n"), "{said:?}");
    for line in [
        "create_order: success",
        "result    15 bytes of 1.0 MiB",
        "of 500,000,000",
        "64.0 KiB of 64.0 MiB",
        " of 2.0 s",
    ] {
        assert!(said.err.contains(line), "{line}: {said:?}");
    }
    assert!(!folder.path("callgate-state").exists(), "nothing is kept");
}

#[test]
fn json_tells_outcome_result_usage_and_limits() {
    let folder = desk("call-json", &giver("7"), |text| text);
    let said = call(&folder, &["--json"]);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((told["outcome"].as_str(), told["result"].as_i64()), (Some("success"), Some(7)), "{said:?}");
    assert_eq!(told["limits"]["fuel"].as_u64(), Some(500_000_000));
    assert!(told["usage"]["fuel"].as_u64().unwrap() > 0 && told["usage"]["memoryBytes"].as_u64() == Some(65_536));
    assert_eq!(said.err, "");
}

#[test]
fn a_call_that_the_contract_denies_is_exit_code_2_and_nothing_runs() {
    let folder = desk("call-denied", &giver("7"), |text| text);
    let contract = folder.contract();
    let tried = ["call", &contract, "--tool", "create_order", "--role", "viewer", "--arguments", CALL];
    let said = callgate(&tried);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("role_forbidden"), "{said:?}");
    let wrong = ["call", &contract, "--tool", "create_order", "--role", "clerk", "--arguments", "-", "--json"];
    let said = callgate_with(&wrong, br#"{"sku": "A", "quantity": 0}"#);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, told["code"].as_str()), (2, Some("arguments_invalid")), "{said:?}");
}

#[test]
fn a_tool_that_gives_no_result_is_exit_code_4_with_its_outcome() {
    for (name, module, outcome) in [
        ("call-fuel", command("", "(loop $on (br $on))"), "out_of_fuel"),
        ("call-trap", command("", "unreachable"), "trap"),
        ("call-words", giver("hello"), "output_invalid"),
    ] {
        let folder = desk(name, &module, |text| text.replace("args: [create]", "args: [create], fuel: 1M"));
        let said = call(&folder, &[]);
        assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:?}");
        assert!(said.err.contains(&format!("create_order: {outcome}\n  because ")), "{said:?}");
    }
}

#[test]
fn a_call_that_needs_approval_runs_and_says_so() {
    let folder = desk("call-approval", &giver("7"), |text| {
        text.replace("effects: write", "effects: write\n      approval: always")
    });
    let said = call(&folder, &[]);
    assert_eq!((said.code, said.out.as_str()), (0, "7\n"), "{said:?}");
    assert!(said.err.contains("in production a person is asked"), "{said:?}");
}

#[test]
fn a_stated_workspace_decides_a_call_with_a_path() {
    let folder = desk("call-workspace", &giver("7"), |text| text);
    let read_by_header = folder.with_workspace();
    folder.write("contract.yaml", &read_by_header);
    let said = call(&folder, &["--workspace", "/work/a"]);
    assert_eq!((said.code, said.out.as_str()), (0, "7\n"), "{said:?}");
    let outside = ["--arguments", r#"{"sku":"/work/b/x","quantity":2}"#, "--workspace", "/work/a"];
    let contract = folder.contract();
    let tried = [&["call", &contract, "--tool", "create_order", "--role", "clerk"][..], &outside].concat();
    assert!(callgate(&tried).err.contains("argument_forbidden"), "{tried:?}");
    let said = call(&folder, &[]);
    assert!(said.code == 2 && said.err.contains("argument_unreadable"), "{said:?}");
    let plain = desk("call-no-workspace", &giver("7"), |text| text);
    let said = call(&plain, &["--workspace", "/work/a"]);
    assert!(said.code == 1 && said.err.contains("--workspace: the contract reads no header"), "{said:?}");
}

#[test]
fn a_tool_knows_its_caller() {
    let start = "(drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $environ_get (i32.const 2048) (i32.const 4096)))
        (call $print (i32.const 2) (i32.const 4096) (i32.load (i32.const 20))) unreachable";
    let folder = desk("call-caller", &command("", start), |text| text);
    let said = call(&folder, &["--tenant", "acme"]);
    assert!(said.err.contains("CALLGATE_TENANT=acme CALLGATE_ROLE=clerk "), "{said:?}");
}

#[test]
fn what_cannot_run_here_is_an_error_that_says_what_to_do() {
    let folder = desk("call-errors", &giver("7"), |text| text);
    let contract = folder.contract();
    let roles = callgate(&["call", &contract, "--tool", "create_order", "--arguments", CALL]);
    assert_eq!(roles.code, 1);
    assert!(roles.err.contains("role is not given; choose one of clerk, viewer"), "{roles:?}");
    let read = ["call", &contract, "--tool", "get_order", "--role", "clerk", "--arguments", r#"{"order_id": "1"}"#];
    assert!(callgate(&read).err.contains("run by the calling application"));
    fs::write(folder.path("tools/orders.wasm"), giver("8")).unwrap();
    let stale = call(&folder, &[]);
    assert_eq!(stale.code, 1);
    assert!(stale.err.contains("run `callgate pin"), "{stale:?}");
    let remote = folder.text();
    let at = remote.find("        wasm:").unwrap();
    folder.write("remote.yaml", &format!("{}        http: {{ cluster: orders, path: /v1 }}\n", &remote[..at]));
    let path = folder.path("remote.yaml").display().to_string();
    let said = callgate(&["call", &path, "--tool", "create_order", "--role", "clerk", "--arguments", CALL]);
    assert!(said.err.contains("runs at the backend orders; say where that is with --config"), "{said:?}");
}

#[test]
fn without_a_configuration_only_what_lies_below_the_contract_is_granted() {
    let folder = desk("call-grants", &giver("7"), |text| text);
    fs::create_dir(folder.path("data")).unwrap();
    for (host, code) in [("data", 0), ("/etc", 1), ("..", 1), (".", 1)] {
        let grant = format!("args: [create], files: [{{ host: \"{host}\", guest: /data }}]");
        let contract = folder.text().replace("args: [create]", &grant);
        let file = folder.write("granted.yaml", &contract);
        let said = callgate(&["call", &file, "--tool", "create_order", "--role", "clerk", "--arguments", CALL]);
        assert_eq!(said.code, code, "{host}: {said:?}");
        assert!(code == 0 || said.err.contains("run.wasm.files"), "{host}: {said:?}");
    }
    // The operator's own configuration decides.
    let config = folder.write("executor.yaml", "contracts: [contract.yaml]\n");
    let grant = "files: [{ host: data, guest: /data }]";
    let file = folder.write("granted.yaml", &folder.text().replace("args: [create]", grant));
    let arguments =
        ["call", &file, "--config", &config, "--tool", "create_order", "--role", "clerk", "--arguments", CALL];
    let said = callgate(&arguments);
    assert!(said.code == 1 && said.err.contains("allow"), "{said:?}");
}
