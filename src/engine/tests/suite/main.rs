//! Exchanges through the engine: one file or folder for each API, and one for each rule of all APIs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod anthropic_messages;
mod arriving;
mod at_path;
mod authorize;
mod bedrock_converse;
mod beside_turns;
mod budget;
mod catalogs;
mod client_tools;
mod common;
mod computer_calls;
mod conditions;
mod content_types;
mod denials;
mod gemini;
mod gemini_pieces;
mod hang_ups;
mod headers;
mod ledger;
mod limits;
mod mcp;
mod model_header;
mod ollama;
mod openai_chat;
mod openai_responses;
mod provided;
mod redacted;
mod results;
mod shadow;
mod sources;
mod tenants;
mod text_deltas;
mod thinking;
mod time;
mod upstream_errors;
mod usage;
