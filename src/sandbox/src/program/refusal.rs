//! The reasons code cannot run here, in words for its author.

use std::fmt;

use wasmtime::UnknownImportError;

/// The reason code cannot run here.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It does not begin like WebAssembly.
    #[error("expected a WebAssembly module or component, found a file that begins with other bytes")]
    NotWasm,
    /// WebAssembly of another version.
    #[error("expected a core module of version 1 or a component of the current version, found another version")]
    Version,
    /// It is not valid, or uses an unsupported feature.
    #[error("expected valid WebAssembly, found: {0}")]
    Invalid(String),
    /// It imports something no tool gets.
    #[error("expected imports of WASI only, found the import `{0}`, which is not offered{hint}", hint = Hint(.0))]
    Import(String),
    /// It cannot be started.
    #[error("expected a command ({expected}), found a module without it")]
    NotCommand {
        /// It lacks the export of a command.
        expected: &'static str,
    },
    /// It is meant for the typed world, but does not match it.
    #[error("expected `callgate:tool/handler@1.1.0` as in src/sandbox/wit/tool.wit, found another: {0}")]
    Handler(String),
    /// Nothing can be linked: a fault of this program.
    #[error("the sandbox could not be set up: {0}")]
    Linker(String),
}

/// Returns the origin of a missing import, if its name shows it.
struct Hint<'a>(&'a str);

pub(super) fn invalid(error: wasmtime::Error) -> ProgramError {
    ProgramError::Invalid(format!("{error:#}"))
}

/// Returns a core module's missing import.
pub(super) fn import_of_module(error: &wasmtime::Error) -> ProgramError {
    ProgramError::Import(match error.downcast_ref::<UnknownImportError>() {
        Some(unknown) => format!("{}::{}", unknown.module(), unknown.name()),
        None => format!("{error:#}"),
    })
}

/// Returns a component's missing import.
pub(super) fn import_of_component(error: &wasmtime::Error) -> ProgramError {
    // For people: "component imports instance `x:y/z`, but a matching implementation was not found in the linker: …".
    // It is refused in any case.
    let text = format!("{error:#}");
    let name = text.split('`').nth(1).map_or(text.as_str(), |name| name);
    ProgramError::Import(name.to_owned())
}

// === impl Hint ===

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let import = self.0;
        f.write_str(if import.starts_with("wasi_unstable::") {
            " (it is of WASI before preview 1: a tool chain of 2020 or later makes a module that imports \
             `wasi_snapshot_preview1`)"
        } else if import.starts_with("wasi_snapshot_preview1::") {
            " (it is an extension of another host, not of WASI preview 1: build it without that host's library)"
        } else if import.starts_with("wasi:") {
            " (what is offered is WASI 0.2)"
        } else if import.contains("::") {
            " (it was built for another host: build it for `wasm32-wasip1`)"
        } else {
            ""
        })
    }
}
