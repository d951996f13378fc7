//! The contract: what it says, whether it is sound, and what it decides.
//!
//! A contract is read once, by [`load`] from YAML beside its schema files or by [`from_value`] from the JSON in which
//! they are inlined, and everything in it is resolved then: schemas to validators, globs to sets, names to a table.
//! [`decide`] then answers for one call, compiling nothing. The same text gives the same [`Contract::digest`]
//! everywhere, and both ways of reading give the same contract.
//!
//! Nothing here does I/O or knows of HTTP or of an LLM API: files come through [`Files`], calls as a name and a text.
//!
//! Every keyword and format of a schema is enforced, or the contract is invalid: a misspelt one, one of another draft, or
//! one that the validator does not check is an error with its place. Notes (`title`, `x-…`) decide nothing and pass.
//!
//! A rule of the format that is not enforced yet (`when`, `origin`, `requires`, `approval.when`, rates of a role) makes a
//! contract invalid: declared and not enforced is worse than absent.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod decide;
mod error;
mod explain;
mod formats;
mod glob;
mod keywords;
mod lint;
mod model;
mod nearest;
mod paths;
mod presentation;
mod read;
mod recursion;
mod reports;
mod run;
mod schema;
mod source;
mod violation;

use callgate_json::{MAX_DEPTH, Value};
use sha2::{Digest, Sha256};

pub use decide::{Approved, Call, Caller, Conversation, Verdict, decide, message_for_model};
pub use error::{Diagnostic, Errors};
pub use model::{
    Approval, Audit, Contract, Effects, Limits, OnViolation, Output, RequestMembers, Role, ServerState, Tool,
    UndeclaredTools, UnknownMembers,
};
pub use presentation::{denial_text, verdict_json};
pub use read::units::{parse_duration, parse_size};
pub use run::{
    Bounds, FileGrant, FileMode, GrpcRun, HttpGrant, HttpMethod, HttpRun, McpRun, Run, WasmRun, WorkerMethod,
};
pub use violation::{Code, Violation};

use source::node::Node;

/// Levels of nesting that a contract leaves free, for the configuration that carries it: both must be readable JSON.
const ROOM_AROUND: usize = 4;

/// The files beside a contract.
pub trait Files {
    /// The text of a file.
    ///
    /// `path` is relative to the contract's folder, joined with `/`, and free of `.` and `..`.
    ///
    /// # Errors
    /// The reason why it cannot be read, for a person.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// Reads a contract from YAML or JSON text, with the files it refers to.
///
/// `file` is what the contract's file is called in errors; files beside it are called likewise.
///
/// # Errors
/// Everything that is wrong with it, with line and column. Only a text that is not YAML ends the search early.
pub fn load(file: &str, text: &str, files: &dyn Files) -> Result<Contract, Errors> {
    let mut found = Vec::new();
    match source::read(file, text) {
        Ok(document) => compile(document, file, files, &mut found),
        Err(faults) => {
            found.extend(faults);
            None
        }
    }
    .ok_or_else(|| Errors::new(found, file))
}

/// Reads a contract from its JSON, in which every file is inlined, as [`Contract::canonical`] writes it.
///
/// # Errors
/// Everything that is wrong with it, with JSON Pointers.
pub fn from_value(value: &Value) -> Result<Contract, Errors> {
    let mut found = Vec::new();
    compile(Node::without_text(value), "", &NoFiles, &mut found).ok_or_else(|| Errors::new(found, ""))
}

fn compile(mut document: Node, file: &str, files: &dyn Files, found: &mut Vec<Diagnostic>) -> Option<Contract> {
    source::refs::inline(&mut document, file, files, found);
    let broken: Vec<String> = found.iter().map(|fault| source::refs::schema_of(&fault.path).to_owned()).collect();
    let mut rest = Vec::new();
    let contract = read::contract(&document, &mut rest);
    // A schema with a reference that failed is reported once, for the reference.
    rest.retain(|fault| !broken.iter().any(|schema| source::refs::schema_of(&fault.path) == schema));
    found.append(&mut rest);
    let value = document.to_value();
    if depth(&value) > MAX_DEPTH - ROOM_AROUND {
        found.push(Diagnostic {
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            message: format!("expected at most {} levels of nesting, files included", MAX_DEPTH - ROOM_AROUND),
        });
    }
    let contract = contract.filter(|_| found.is_empty())?;
    let canonical = callgate_json::canonical(&value);
    let hash = Sha256::digest(canonical.as_bytes());
    let digest = hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    Some(Contract { digest, canonical, ..contract })
}

/// Levels of arrays and objects.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The files of a contract that came without its folder.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<String, String> {
        Err("this contract came without its folder; inline its files, as `callgate render` does".to_owned())
    }
}
