//! The table of dialects: their names in configuration and the default paths of their APIs.

use crate::{Dialect, anthropic_messages, bedrock_converse, gemini, ollama, openai_chat, openai_responses};

/// The party that answers at an API, which decides whether answers or requests make calls.
#[derive(Debug, Clone, Copy)]
pub enum Api {
    /// A model: its answers make calls.
    Model(&'static dyn Dialect),
    /// A server that runs tools ([`mcp`](crate::mcp)): its requests are calls.
    Mcp,
    /// The same without a server: the gate answers by itself, and each call is one of a tool that Callgate's executor runs.
    McpMerged,
    /// Lists of models ([`catalog`](crate::catalog)). Nothing in them is a call.
    Catalog,
    /// A sign of life, which clients ask for without credentials.
    Hello,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// Its name in configuration: the key of its list of paths.
    pub key: &'static str,
    /// Its name in metrics and logs: the key in lower case.
    pub name: &'static str,
    /// Its paths, unless configuration names others. `{model}` stands for one segment, or a part of one.
    pub paths: &'static [&'static str],
    /// Its format.
    pub api: Api,
}

// === impl Row ===

impl Row {
    /// Returns the format of a model's API, and `None` for anything else.
    #[must_use]
    pub fn dialect(&self) -> Option<&'static dyn Dialect> {
        match self.api {
            Api::Model(dialect) => Some(dialect),
            Api::Mcp | Api::McpMerged | Api::Catalog | Api::Hello => None,
        }
    }
}

/// Every dialect.
pub static DIALECTS: &[Row] = &[
    Row {
        key: "chatCompletions",
        name: "chat_completions",
        paths: &["/v1/chat/completions"],
        api: Api::Model(&openai_chat::OpenAiChat),
    },
    Row {
        key: "responses",
        name: "responses",
        paths: &["/v1/responses", "/v1/responses/input_tokens", "/v1/responses/compact"],
        api: Api::Model(&openai_responses::OpenAiResponses),
    },
    Row {
        key: "gemini",
        name: "gemini",
        paths: &[
            "/v1beta/models/{model}:generateContent",
            "/v1beta/models/{model}:streamGenerateContent",
            "/v1beta/models/{model}:countTokens",
            "/v1/models/{model}:generateContent",
            "/v1/models/{model}:streamGenerateContent",
            "/v1/models/{model}:countTokens",
        ],
        api: Api::Model(&gemini::Gemini),
    },
    Row {
        key: "messages",
        name: "messages",
        paths: &["/v1/messages", "/v1/messages/count_tokens"],
        api: Api::Model(&anthropic_messages::AnthropicMessages),
    },
    Row { key: "ollama", name: "ollama", paths: &["/api/chat"], api: Api::Model(&ollama::Ollama) },
    Row {
        key: "converse",
        name: "converse",
        paths: &["/model/{model}/converse", "/model/{model}/converse-stream", "/model/{model}/count-tokens"],
        api: Api::Model(&bedrock_converse::BedrockConverse),
    },
    Row { key: "mcp", name: "mcp", paths: &["/mcp"], api: Api::Mcp },
    // Only where a configuration names a path.
    Row { key: "mcpMerged", name: "mcp_merged", paths: &[], api: Api::McpMerged },
    // Behind Gemini's row, whose paths are below these.
    Row {
        key: "models",
        name: "models",
        paths: &["/v1/models", "/v1/models/{model}", "/v1beta/models", "/v1beta/models/{model}", "/api/tags"],
        api: Api::Catalog,
    },
    Row { key: "hello", name: "hello", paths: &["/api/hello"], api: Api::Hello },
];
