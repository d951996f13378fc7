//! The table of dialects: which there are, what configuration calls them, and where their APIs stand by default.

use crate::{Dialect, anthropic_messages, bedrock_converse, gemini, ollama, openai_chat, openai_responses};

/// An API whose traffic is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenAI Chat Completions, and what imitates it.
    OpenAiChat,
    /// OpenAI Responses, and what imitates it.
    OpenAiResponses,
    /// Google's Gemini API.
    Gemini,
    /// Anthropic Messages, and what imitates it.
    AnthropicMessages,
    /// Ollama's own chat API.
    Ollama,
    /// Amazon Bedrock, Converse and ConverseStream.
    BedrockConverse,
    /// Model Context Protocol over streamable HTTP.
    Mcp,
}

/// Who answers at an API, which decides where calls come from.
#[derive(Debug, Clone, Copy)]
pub enum Api {
    /// A model: its answers make calls.
    Model(&'static dyn Dialect),
    /// A server that runs tools, as [`mcp`](crate::mcp) says: the requests are calls.
    Mcp,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// Which API.
    pub kind: Kind,
    /// Its name in configuration: the key of its list of paths.
    pub key: &'static str,
    /// Its paths, unless configuration names others. `{model}` stands for one segment, or a part of one.
    pub paths: &'static [&'static str],
    /// Its format.
    pub api: Api,
}

// === impl Row ===

impl Row {
    /// The format of a model's API; `None` for [`Api::Mcp`].
    #[must_use]
    pub fn dialect(&self) -> Option<&'static dyn Dialect> {
        match self.api {
            Api::Model(dialect) => Some(dialect),
            Api::Mcp => None,
        }
    }
}

/// Every dialect.
pub static DIALECTS: &[Row] = &[
    Row {
        kind: Kind::OpenAiChat,
        key: "chatCompletions",
        paths: &["/v1/chat/completions"],
        api: Api::Model(&openai_chat::OpenAiChat),
    },
    Row {
        kind: Kind::OpenAiResponses,
        key: "responses",
        paths: &["/v1/responses"],
        api: Api::Model(&openai_responses::OpenAiResponses),
    },
    Row {
        kind: Kind::Gemini,
        key: "gemini",
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
        kind: Kind::AnthropicMessages,
        key: "messages",
        paths: &["/v1/messages", "/v1/messages/count_tokens"],
        api: Api::Model(&anthropic_messages::AnthropicMessages),
    },
    Row { kind: Kind::Ollama, key: "ollama", paths: &["/api/chat"], api: Api::Model(&ollama::Ollama) },
    Row {
        kind: Kind::BedrockConverse,
        key: "converse",
        paths: &["/model/{model}/converse", "/model/{model}/converse-stream"],
        api: Api::Model(&bedrock_converse::BedrockConverse),
    },
    Row { kind: Kind::Mcp, key: "mcp", paths: &["/mcp"], api: Api::Mcp },
];
