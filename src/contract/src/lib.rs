//! The contract: its format, its faults, its decisions.
//!
//! A contract is read once, by [`load`] from YAML beside its schema files or by [`from_value`] from the JSON in which
//! they are inlined, and everything in it is resolved then: schemas to validators, globs to sets, names to a table.
//! [`decide`] then answers for one call, compiling nothing. The same text gives the same [`Contract::digest`]
//! everywhere, and both ways of reading give the same contract.
//!
//! Nothing here does I/O or knows of HTTP or of an LLM API: files come through [`Files`], calls as a name and a text.
//!
//! Every keyword and format of a schema is enforced, or the contract is invalid: a misspelt one, one of another draft, or
//! an unchecked one is an error with its place. Notes (`title`, `x-…`) decide nothing and pass.
//!
//! A rule not enforced yet (rates of a role) makes a contract invalid: declared and not enforced is worse than
//! absent.
//!
//! # Example
//!
//! ```
//! use callgate_contract::{Caller, Code, Conversation, ProposedCall, Verdict, decide, from_value};
//!
//! let contract = callgate_json::read(
//!     br#"{
//!         "apiVersion": "callgate.dev/v1",
//!         "kind": "Contract",
//!         "metadata": { "name": "weather", "version": "1.0.0" },
//!         "spec": {
//!             "models": ["*"],
//!             "roles": { "clerk": { "tools": ["get_weather"] } },
//!             "tools": [{
//!                 "name": "get_weather",
//!                 "effects": "read",
//!                 "parameters": {
//!                     "type": "object",
//!                     "required": ["city"],
//!                     "additionalProperties": false,
//!                     "properties": { "city": { "type": "string" } }
//!                 },
//!                 "run": { "client": {} }
//!             }]
//!         }
//!     }"#,
//! )?;
//! let contract = from_value(&contract)?;
//! let clerk = Caller::new("acme", "clerk");
//!
//! // ALLOW: the arguments in canonical form.
//! let call = ProposedCall { name: "get_weather", arguments: r#"{ "city": "Oslo" }"# };
//! let Verdict::Allow(approved) = decide(&contract, &clerk, &Conversation::default(), &call) else { panic!("denied") };
//! assert_eq!(approved.canonical, r#"{"city":"Oslo"}"#);
//!
//! // DENY: the broken rule, the place, and the expected value.
//! let call = ProposedCall { name: "get_weather", arguments: r#"{ "city": 7 }"# };
//! let Verdict::Deny(violation) = decide(&contract, &clerk, &Conversation::default(), &call) else { panic!("allowed") };
//! assert_eq!(violation.code, Code::ArgumentsInvalid);
//! assert_eq!(violation.to_string(), "arguments_invalid at /city: expected a string");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod advice;
mod checks;
mod claims;
mod compare;
mod compiler;
mod conditions;
mod conversation;
mod counting;
mod decide;
mod error;
mod explain;
mod formats;
mod glob;
mod keywords;
mod kinds;
mod lint;
mod mcp;
mod mcp_rules;
mod model;
mod nearest;
mod options;
mod paths;
mod permission;
mod pool;
mod presentation;
mod prices;
mod problem;
mod read;
mod recursion;
mod reports;
mod run;
mod schema;
mod set;
mod source;
mod sources;
mod tool_names;
mod typed;
mod violation;

use callgate_json::{MAX_DEPTH, Value};
use sha2::{Digest, Sha256};

pub use advice::{Advice, Guess, Hints, MarkGuess, advice, guess, guess_marks, guess_trust};
pub use callgate_json::{name_in_record, name_in_sentence};
pub use callgate_provenance::Outputs;
pub use claims::{CLAIM_BYTES, CLAIM_TEXTS, CLAIMS_MAX, CallerClaims, ClaimFault, ClaimType, ClaimTypes};
pub use compare::{ChangeEffect, ChangeKind, ContractChange, compare};
pub use conditions::{ConversationFacts, Reads, parse_time};
pub use conversation::{ConversationId, ConversationPolicy};
pub use counting::{CountCode, CountPlan, CountRefusal, LimitOwner, NotCounted};
pub use decide::{Approved, Caller, Conversation, ProposedCall, Verdict, decide};
pub use error::{Diagnostic, Errors};
pub use kinds::{BoundedReadings, StringReading, bounded_readings, explain_profiles, reading_at, string_readings};
pub use mcp::ArgumentHeader;
pub use mcp_rules::{
    AskedInput, AskedKind, McpDenial, McpDenialCode, McpRules, OfferRule, PromptRule, ResourceRule, definition_digest,
};
pub use model::{
    Approval, Audit, Contract, CountStore, Effects, Limits, NameTable, OnViolation, Output, RequestMembers, Role,
    ServerState, StoreUnavailable, Tool, UndeclaredTools, UnknownMembers, is_model_name, matches_model,
};
pub use permission::Forbidden;
pub use pool::ContractPool;
pub use presentation::{denial_text, message_for_model, verdict_json};
pub use prices::{Cost, Price, Prices, Rate, Rates, Usage};
pub use read::units::{parse_duration, parse_size};
pub use run::{
    Bounds, FileGrant, FileMode, GrpcRun, HttpGrant, HttpMethod, HttpRun, McpRun, Run, WasmRun, WorkerMethod,
};
pub use set::{ContractMatch, SetEntry, read_set};
pub use sources::{Otherwise, SourceNote, Texts, source_notes};
pub use tool_names::is_tool_name;
pub use violation::{Code, Violation};

use pool::Parts;
use source::node::Node;
use source::{Folder, NoFiles, SchemaFiles};

/// The levels of nesting kept free for the configuration around a contract: both must be readable JSON.
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
/// Errors name the contract's file `file`, and files beside it likewise.
///
/// # Errors
/// Every fault, with line and column. Only malformed YAML ends the search early.
pub fn load(file: &str, text: &str, files: &dyn Files) -> Result<Contract, Errors> {
    load_in(&mut Parts::default(), file, text, files)
}

fn load_in(parts: &mut Parts, file: &str, text: &str, files: &dyn Files) -> Result<Contract, Errors> {
    let mut found = Vec::new();
    match source::read(file, text) {
        Ok(document) => compile(document, file, &Folder(files), parts, &mut found),
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
/// Every fault, with JSON Pointers.
pub fn from_value(value: &Value) -> Result<Contract, Errors> {
    let mut found = Vec::new();
    compile(Node::without_text(value), "", &NoFiles, &mut Parts::default(), &mut found)
        .ok_or_else(|| Errors::new(found, ""))
}

fn compile(
    mut document: Node,
    file: &str,
    files: &dyn SchemaFiles,
    parts: &mut Parts,
    found: &mut Vec<Diagnostic>,
) -> Option<Contract> {
    source::refs::inline(&mut document, file, files, found);
    let broken: Vec<String> = found.iter().map(|fault| source::refs::schema_of(&fault.path).to_owned()).collect();
    let mut rest = Vec::new();
    let contract = read::contract(&document, parts, &mut rest);
    // A schema with a failed reference is reported once, for the reference.
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
