//! The executor starts only if every module and grant is exactly as reviewed; otherwise it refuses and names the remedy.

use crate::desk::{Desk, hex, wasm};
use crate::guests;
use sha2::{Digest, Sha256};

#[test]
fn a_module_other_than_the_pinned_one_is_refused() {
    let module = wasm(&guests::answer("1"));
    let pinned = "00".repeat(32);
    let desk = Desk::new().tool_pinned("t", &module, &pinned, "", "");
    assert_eq!(
        desk.refused(),
        format!(
            "contract.yaml: tool t: run.wasm.sha256: expected {pinned}, found {} in t.wasm; if this is the module that was \
             reviewed, run `callgate pin contract.yaml`",
            hex(&Sha256::digest(&module))
        )
    );
}

#[test]
fn a_missing_module_is_refused() {
    let desk = Desk::with(&guests::answer("1"), "");
    std::fs::remove_file(desk.path().join("t.wasm")).unwrap();
    assert_eq!(
        desk.refused(),
        "contract.yaml: tool t: run.wasm.module: expected a module at t.wasm, found: No such file or directory (os error 2); \
         build the module or correct the path"
    );
}

#[test]
fn an_unknown_import_is_refused_by_name() {
    let wat = r#"(module (import "env" "open_the_door" (func)) (memory (export "memory") 1) (func (export "_start")))"#;
    assert_eq!(
        Desk::with(wat, "").refused(),
        "contract.yaml: tool t: run.wasm.module: t.wasm: expected imports of WASI only, found the import `env::open_the_door`, \
         which is not offered (it was built for another host: build it for `wasm32-wasip1`); build it as a WASI preview 1 command, \
         a WASI 0.2 command component, or a component of the world `callgate:tool/tool`"
    );
    let wat = r#"(component (import "acme:vault/keys@1.0.0" (instance (export "open" (func)))))"#;
    assert!(
        Desk::with(wat, "").refused().contains("the import `acme:vault/keys@1.0.0`"),
        "{}",
        Desk::with(wat, "").refused()
    );
}

#[test]
fn a_module_for_another_host_is_refused_with_the_remedy() {
    for (import, advice) in [
        // A JavaScript host's module. It also lacks `_start`, but its imports explain the refusal better.
        (r#"(import "env" "emscripten_resize_heap" (func))"#, "build it for `wasm32-wasip1`"),
        (r#"(import "wasi_unstable" "fd_write" (func))"#, "makes a module that imports `wasi_snapshot_preview1`"),
        (r#"(import "wasi_snapshot_preview1" "sock_open" (func))"#, "an extension of another host"),
        (r#"(import "env" "memory" (memory 1))"#, "build it for `wasm32-wasip1`"),
    ] {
        let refused = Desk::with(&format!("(module {import})"), "").refused();
        let name = import.split('"').filter(|part| !part.contains(' ')).collect::<Vec<_>>().join("::");
        assert!(refused.contains(&format!("the import `{name}`")) && refused.contains(advice), "{refused}");
    }
    let wat = r#"(component (import "wasi:http/types@0.9.0" (instance (export "open" (func)))))"#;
    let refused = Desk::with(wat, "").refused();
    assert!(refused.contains("`wasi:http/types@0.9.0`") && refused.contains("WASI 0.2"), "{refused}");
}

#[test]
fn an_import_of_another_type_is_refused() {
    let wat = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i64))) (func (export "_start")))"#;
    assert!(Desk::with(wat, "").refused().contains("fd_write"), "{}", Desk::with(wat, "").refused());
}

#[test]
fn a_module_that_is_not_webassembly_is_refused() {
    for (bytes, expected) in [
        (&b""[..], "found a file that begins with other bytes"),
        (b"#!/bin/sh\n", "found a file that begins with other bytes"),
        (b"(module)", "found a file that begins with other bytes"),
        (b"\x7fELF", "found a file that begins with other bytes"),
        (b"\0asm\x02\0\0\0", "found another version"),
        (b"\0asm\x01\0\0\0\xff", "expected valid WebAssembly, found: "),
    ] {
        let refused = Desk::new().tool("t", bytes, "").refused();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_module_that_is_not_a_command_is_refused() {
    for wat in
        ["(module)", r#"(module (func (export "_initialize")))"#, r#"(module (func (export "_start") (param i32)))"#]
    {
        let refused = Desk::with(wat, "").refused();
        assert!(refused.contains("expected a command (a function `_start`"), "{refused}");
    }
    let refused = Desk::with("(component)", "").refused();
    assert!(refused.contains("expected a command (the interface `wasi:cli/run`"), "{refused}");
}

#[test]
fn a_module_that_starts_with_more_memory_than_granted_is_refused() {
    let wat = r#"(module (memory (export "memory") 100) (func (export "_start")))"#;
    assert_eq!(
        Desk::with(wat, "memory: 1MiB").refused(),
        "contract.yaml: tool t: run.wasm.memory: expected at least the 6553600 bytes that the module starts with, found 1048576; \
         raise the grant"
    );
}

#[test]
fn shared_memory_is_refused() {
    let wat = r#"(module (memory (export "memory") 1 1 shared) (func (export "_start")))"#;
    let refused = Desk::with(wat, "").refused();
    assert!(refused.contains("expected valid WebAssembly"), "{refused}");
}

#[test]
fn a_missing_granted_folder_is_refused() {
    let desk = Desk::with(&guests::answer("1"), "files: [{ host: data, guest: /data, mode: ro }]");
    assert_eq!(
        desk.refused(),
        "contract.yaml: tool t: run.wasm.files: expected a folder at data, found: No such file or directory (os error 2); create \
         it or correct `host`"
    );
    std::fs::write(desk.path().join("data"), "a file").unwrap();
    assert!(desk.refused().contains("found: it is not a folder"), "{}", desk.refused());
}

#[test]
fn the_same_contract_twice_counts_once() {
    let desk = Desk::with(&guests::answer("1"), "");
    let mut config = desk.config();
    config.contracts.push(config.contracts[0].clone());
    assert_eq!(callgate_executor::admission::Registry::admit(&config.admission()).unwrap().digests().len(), 1);
}

#[test]
fn an_invalid_contract_is_refused_with_its_place() {
    let desk = Desk::with(&guests::answer("1"), "fule: 1M");
    let refused = desk.refused();
    assert!(refused.contains("contract.yaml:11:") && refused.contains("fuel"), "{refused}");
}
