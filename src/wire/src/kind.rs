//! The table of dialects: which there are, what configuration calls them, and where their APIs stand by default.

use crate::{Dialect, gemini, openai_chat, openai_responses};

/// An API whose traffic is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenAI Chat Completions, and what imitates it.
    OpenAiChat,
    /// OpenAI Responses, and what imitates it.
    OpenAiResponses,
    /// Google's Gemini API.
    Gemini,
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
pub static DIALECTS: [Row; 3] = [
    Row {
        kind: Kind::OpenAiChat,
        key: "chatCompletions",
        paths: &["/v1/chat/completions"],
        dialect: &openai_chat::OpenAiChat,
    },
    Row {
        kind: Kind::OpenAiResponses,
        key: "responses",
        paths: &["/v1/responses"],
        dialect: &openai_responses::OpenAiResponses,
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
];
