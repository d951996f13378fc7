//! The table of dialects: which there are, what configuration calls them, and where their APIs stand by default.

use crate::{Dialect, openai_chat};

/// An API whose traffic is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenAI Chat Completions, and what imitates it.
    OpenAiChat,
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
pub static DIALECTS: [Row; 1] = [Row {
    kind: Kind::OpenAiChat,
    key: "chatCompletions",
    paths: &["/v1/chat/completions"],
    dialect: &openai_chat::OpenAiChat,
}];
