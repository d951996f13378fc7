//! The contract of a siege, and its tools.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::executor::program;

/// Tools, and their lines of `executor.yaml`.
#[derive(Clone, Default)]
pub struct Contract {
    tools: String,
    folders: Vec<String>,
    allowed: Vec<String>,
    backends: String,
    modules: Vec<(String, Vec<u8>)>,
}

impl Contract {
    /// A tool in the sandbox; `grants` is YAML inside `run.wasm`.
    pub fn tool(mut self, name: &str, wat: &str, grants: &str, more: &str) -> Self {
        self.modules.push((format!("{name}.wasm"), wat::parse_str(wat).unwrap()));
        writeln!(
            self.tools,
            "    - name: {name}\n      effects: write\n{more}      parameters: {{ type: object, properties: {{ n: {{ type: integer }} }} }}\n      \
             run: {{ wasm: {{ module: {name}.wasm, sha256: \"{}\"{grants} }} }}",
            "00".repeat(32)
        )
        .unwrap();
        self
    }

    /// Makes a folder for grants to tools.
    pub fn folder(mut self, name: &str) -> Self {
        self.folders.push(name.to_owned());
        self.allow(name);
        self
    }

    /// Puts a folder on the operator's list without making it.
    pub fn allow(&mut self, name: &str) {
        self.allowed.push(name.to_owned());
    }

    /// A tool at an HTTP backend.
    pub fn backend(mut self, name: &str, address: &str) -> Self {
        writeln!(
            self.tools,
            "    - name: {name}\n      effects: write\n      parameters: {{ type: object, properties: {{ n: {{ type: integer }} }} }}\n      \
             run: {{ http: {{ cluster: {name}, method: POST, path: /run, timeout: 10s }} }}"
        )
        .unwrap();
        writeln!(self.backends, "backends: {{ {name}: {{ address: 'http://{address}', maxInFlight: 64 }} }}").unwrap();
        self
    }

    /// Returns the matching lines of `executor.yaml`.
    pub fn grants(&self) -> String {
        let allow = match self.allowed.as_slice() {
            [] => String::new(),
            folders => format!("sandbox: {{ allow: [{}] }}\n", folders.join(", ")),
        };
        format!("{allow}{}", self.backends)
    }

    /// Writes contract and modules, and returns the digest.
    pub fn write(&self, folder: &Path) -> String {
        for name in &self.folders {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        for (name, module) in &self.modules {
            fs::write(folder.join(name), module).unwrap();
        }
        self.version(folder, "1.0.0")
    }

    /// Writes the contract of another version beside the same modules, by renaming, and returns its digest.
    pub fn version(&self, folder: &Path, version: &str) -> String {
        let text = format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: siege, version: {version} }}\nspec:\n  models: [\"*\"]\n  \
             roles: {{ clerk: {{ tools: [\"*\"] }} }}\n  limits: {{ maxToolCallsPerTurn: 64 }}\n  tools:\n{}",
            self.tools
        );
        fs::write(folder.join("contract.new"), text).unwrap();
        let pinned = Command::new(program("callgate")).arg("pin").arg(folder.join("contract.new")).output().unwrap();
        assert!(pinned.status.success(), "{}", String::from_utf8_lossy(&pinned.stderr));
        fs::rename(folder.join("contract.new"), folder.join("contract.yaml")).unwrap();
        let digest =
            Command::new(program("callgate")).arg("digest").arg(folder.join("contract.yaml")).output().unwrap();
        String::from_utf8_lossy(&digest.stdout).split_whitespace().next().unwrap_or_default().to_owned()
    }
}

/// Appends its arguments and a line break to `/effects/notes`, and answers with them.
pub fn note() -> String {
    guest(
        r#"(data (i32.const 1024) "notes\n")"#,
        r#"(local $error i32)
    (local.set $error (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 5) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 1) (i32.const 16)))
    (if (local.get $error) (then (call $proc_exit (local.get $error))))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (i32.store8 (i32.add (i32.const 4096) (i32.load (i32.const 8))) (i32.const 10))
    (i32.store (i32.const 32) (i32.const 4096))
    (i32.store (i32.const 36) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
    (local.set $error (call $fd_write (i32.load (i32.const 16)) (i32.const 32) (i32.const 1) (i32.const 48)))
    (if (local.get $error) (then (call $proc_exit (local.get $error))))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 48)))"#,
    )
}

/// Answers with its arguments, after so many milliseconds.
pub fn echo(milliseconds: u64) -> String {
    let sleep = format!(
        r#"(i64.store (i32.const 64) (i64.const 0)) (i64.store (i32.const 72) (i64.const 0))
    (i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const {}))
    (i64.store (i32.const 96) (i64.const 0)) (i32.store (i32.const 104) (i32.const 0))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 192)))"#,
        milliseconds * 1_000_000
    );
    let sleep = if milliseconds == 0 { "" } else { &sleep };
    guest(
        "",
        &format!(
            r#"{sleep} (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 48)))"#
        ),
    )
}

/// A command that reads its arguments to 4096, their length to 8, before `then`.
fn guest(data: &str, then: &str) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  {data}
  (func (export "_start")
    {locals}
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 60000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    {then}))"#,
        locals = if then.contains("(local $error i32)") { "(local $error i32)" } else { "" },
        then = then.replacen("(local $error i32)", "", 1),
    )
}
