//! Framings and dialects of LLM APIs: they read bytes into Callgate's terms and write them back.
//!
//! Nothing is decided here and nothing is trusted: a [`Call`] is the model's own words. Unchanged bytes are kept as they came.
//! Anything that could hide a call from this reader but not from a client (a duplicate key, a call in an unexpected place, a
//! wrong type) is an error, so the exchange fails closed.
//!
//! Each dialect is a folder with a table ([`Dialect`]) in `mod.rs`, and `request`, `answer`, `stream` and `error` beside it.
//! `skeleton` has their shared algorithms.
//!
//! A request is read, changed in place, and written:
//!
//! ```
//! use callgate_json::Value;
//! use callgate_wire::{DIALECTS, Declaration, Form, Target};
//!
//! let row = DIALECTS.iter().find(|row| row.key == "chatCompletions").expect("a known API");
//! let dialect = row.dialect().expect("a model's API");
//! let body = br#"{"model": "m", "messages": [], "tools": [{"function": {"name": "send_mail"}}], "user": "\u00e9"}"#;
//! let mut request = dialect.request(&Target::new("/v1/chat/completions"), body)?;
//! assert_eq!(request.declared()[0].name, "send_mail");
//!
//! let lookup = Declaration::new("lookup", Some("Looks up an order."), &Value::Bool(true));
//! request.declare(&[&lookup], Form::Tool);
//! assert_eq!(request.write(), br#"{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"lookup","description":"Looks up an order.","parameters":true}}],"user":"\u00e9"}"#);
//! # Ok::<(), callgate_wire::RequestError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

pub mod anthropic_messages;
pub mod bedrock_converse;
mod call;
mod callless;
pub mod catalog;
mod checks;
mod conversation;
mod declaration;
mod delta;
mod dialect;
mod error;
pub mod framing;
pub mod gemini;
pub mod mcp;
mod members;
mod namespace;
pub mod ollama;
pub mod openai_chat;
pub mod openai_responses;
mod outlined;
mod registry;
mod replacements;
mod skeleton;
mod target;
mod unknown;
mod usage;

pub use call::{Call, CallResult, Form, NativeName};
pub use callless::{is_callless, is_count};
pub use checks::ShapeError;
pub use conversation::{Part, ResultBlock, Role, called, result_blocks};
pub use declaration::{Declaration, Declared};
pub use delta::{ChoiceIndex, Delta, End, Fate, ReleasePolicy};
pub use dialect::{Answer, AnswerOrError, Dialect, Earlier, OutputLimit, Request, Stream, Wants};
pub use error::{AnswerError, ApiError, RequestError, StreamError};
pub use members::{UnknownMembers, is_judged};
pub use namespace::name_in_contract;
pub use registry::{Api, DIALECTS, Row};
pub use replacements::Replacements;
pub use skeleton::document::RequestScan;
pub use target::{Target, decoded};
pub use usage::ReportedUsage;
