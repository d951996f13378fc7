//! A scripted LLM API over HTTP/1.1 and HTTP/2 (prior knowledge) on one loopback port. It speaks, by path ([`dialect`]):
//! OpenAI Chat Completions and Responses, Anthropic Messages, Gemini, Ollama chat, Bedrock Converse.
//!
//! What it answers is decided, in this order, by
//! 1. the header `x-script`: the name of a script ([`library`]) or a script itself, as JSON ([`script::Script`]);
//! 2. a user message that begins with `script ` and a script, so that it survives every round of a conversation;
//! 3. the conversation ([`improvise`]): `call NAME {…}` lines of the user are called, tool results are quoted.
//!
//! Every request is recorded ([`record`]), so that a test can say what the model API was sent, and when its answer was given up.
//! Over HTTP the same is at `/_/requests` (GET lists, DELETE forgets) and `/_/release` (POST lets a held answer go on).

pub mod chat;
pub mod dialect;
mod framing;
pub mod improvise;
pub mod library;
pub mod record;
pub mod script;
mod send;
mod server;

pub use record::{Ending, Recorded, Recorder};
pub use server::Upstream;
