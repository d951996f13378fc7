//! The table of dialects: which there are, what configuration calls them, and where their APIs stand by default.

use crate::{Dialect, anthropic_messages, gemini, ollama, openai_chat};

/// An API whose traffic is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenAI Chat Completions, and what imitates it.
    OpenAiChat,
    /// Google's Gemini API.
    Gemini,
    /// Anthropic Messages, and what imitates it.
    AnthropicMessages,
    /// Ollama's own chat API.
    Ollama,
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
    pub dialect: &'static dyn Dialect,
}

/// Every dialect.
pub static DIALECTS: &[Row] = &[
    Row {
        kind: Kind::OpenAiChat,
        key: "chatCompletions",
        paths: &["/v1/chat/completions"],
        dialect: &openai_chat::OpenAiChat,
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
        dialect: &gemini::Gemini,
    },
    Row {
        kind: Kind::AnthropicMessages,
        key: "messages",
        paths: &["/v1/messages", "/v1/messages/count_tokens"],
        dialect: &anthropic_messages::AnthropicMessages,
    },
    Row { kind: Kind::Ollama, key: "ollama", paths: &["/api/chat"], dialect: &ollama::Ollama },
];
