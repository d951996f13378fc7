//! Runs the real program over contracts in folders of their own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a failed step is a failed test")]
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]

pub mod decided;
pub mod recorded;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The smallest WebAssembly module.
pub const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// A checksum that pins nothing.
pub const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const CONTRACT: &str = r#"# Comments and odd   spacing stay: ünïcode 😀
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: small-desk, version: 1.2.3 }
spec:
  models: ["gpt-4o*"]
  roles:
    viewer: { tools: ["get_*"] }
    clerk: { tools: ["*"] }
  tools:
    - name: get_order
      description: Look an order up.
      effects: read
      parameters: { $ref: "schemas/get_order.json" }
      run: { client: {} }
    - name: create_order
      description: Place an order.
      effects: write
      parameters:
        type: object
        required: [sku, quantity]
        additionalProperties: false
        properties:
          sku: { type: string }
          quantity: { type: integer, minimum: 1, maximum: 100 }
      run:
        wasm: { module: tools/orders.wasm,   sha256: '0000000000000000000000000000000000000000000000000000000000000000', args: [create] } # pinned
"#;

const SCHEMA: &str = r#"{"type": "object", "required": ["order_id"], "properties": {"order_id": {"type": "string"}}}"#;

/// The output and exit code of the program.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Returns the root of the repository, the working directory of the program.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the program.
pub fn callgate(arguments: &[&str]) -> Output {
    callgate_with(arguments, b"")
}

/// Panics if the executor's program, which `callgate call` runs, is not built.
pub fn executor_is_built() {
    let program = Path::new(env!("CARGO_BIN_EXE_callgate")).with_file_name("callgate-executor");
    assert!(program.is_file(), "{} is missing; run `cargo build -p callgate-executor` first", program.display());
}

/// Runs the program with `input` as its standard input.
pub fn callgate_with(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callgate"))
        .args(arguments)
        .current_dir(repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program without input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A contract of two tools, with its schema and module, in a folder of its own.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        for inside in ["tools", "schemas"] {
            fs::create_dir_all(folder.join(inside)).unwrap();
        }
        fs::write(folder.join("contract.yaml"), CONTRACT).unwrap();
        fs::write(folder.join("schemas/get_order.json"), SCHEMA).unwrap();
        fs::write(folder.join("tools/orders.wasm"), MODULE).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn contract(&self) -> String {
        self.path("contract.yaml").display().to_string()
    }

    /// Returns the contract with paths in `sku`, in the workspace that a header states.
    pub fn with_workspace(&self) -> String {
        let text = self.text().replace("sku: { type: string }", "sku: { type: string, x-callgate: { path: write } }");
        let profile =
            "  workspace: { root: \"header:x-workspace\" }\n  profiles: { desk: { write: [\".\"] } }\n  roles:";
        text.replace("  roles:", profile).replace("tools: [\"*\"]", "tools: [\"*\"], profile: desk")
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.path("contract.yaml")).unwrap()
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }
}

/// Returns the filter's configuration in a rendered file.
pub fn plugin(rendered: &str) -> Value {
    let begin = if rendered.contains("value: |") { "value: |" } else { "config:" };
    let block = rendered.lines().skip_while(|line| line.trim() != begin).skip(1);
    let mut text = String::new();
    for line in block {
        text.push_str(line);
        text.push('\n');
        if let Ok(value) = serde_json::from_str(&text) {
            return value;
        }
    }
    panic!("no configuration in:\n{rendered}");
}
