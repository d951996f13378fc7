//! Reasons why no tool is created.

use std::path::PathBuf;

use crate::disk::FileError;
use crate::document::NotYaml;

/// The reason why no tool was created; nothing was written then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    #[error("invalid tool name; use 1 to 64 of `a-z`, `A-Z`, `0-9`, `_` and `-`, and begin with a letter")]
    Name,
    #[error("invalid contract file name {file}: scripts will hold it; use letters, digits, `.`, `_` and `-`", file = file.display())]
    FileName { file: PathBuf },
    #[error("{folder} exists already; choose another name, or remove it", folder = folder.display())]
    Exists { folder: PathBuf },
    #[error("{file} has a tool {tool} already; choose another name", file = file.display())]
    Known { file: PathBuf, tool: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    NotYaml(#[from] NotYaml),
    #[error("{file}: cannot add an entry ({reason}); write `spec.tools` as a YAML list of `- name: …` entries, or add this one yourself:\n{entry}", file = file.display())]
    Append { file: PathBuf, reason: &'static str, entry: String },
    #[error("broken template ({0}); please report this")]
    Template(#[from] minijinja::Error),
}
