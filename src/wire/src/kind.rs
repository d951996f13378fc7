//! The table of dialects: which there are, what configuration calls them, and where their APIs stand by default.

use crate::{Dialect, openai_chat};

/// An API whose traffic is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenAI Chat Completions, and what imitates it.
    OpenAiChat,
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

/// Every dialect.
pub static DIALECTS: [Row; 2] = [
    Row {
        kind: Kind::OpenAiChat,
        key: "chatCompletions",
        paths: &["/v1/chat/completions"],
        api: Api::Model(&openai_chat::OpenAiChat),
    },
    Row { kind: Kind::Mcp, key: "mcp", paths: &["/mcp"], api: Api::Mcp },
];
