//! From text to a tree of values with their places.

mod ids;
pub(crate) mod json_text;
pub(crate) mod node;
pub(crate) mod refs;
mod scalar;
mod yaml;

use crate::Files;
use crate::error::Diagnostic;
use crate::paths;
use node::Node;

/// The schema files of a contract, as trees.
///
/// Only [`Folder`] parses YAML. A program that reads inlined contracts alone, such as the filter, links no parser for it.
pub(crate) trait SchemaFiles {
    /// Reads the file at `path`, relative to the folder of the contract in the file `contract`.
    fn tree(&self, contract: &str, path: &str) -> Result<Node, Unreadable>;
}

/// The reason why a schema file gives no tree.
pub(crate) enum Unreadable {
    /// No text, with the reason for a person.
    NoText(String),
    /// The faults of the text.
    Malformed(Vec<Diagnostic>),
}

/// The folder beside a contract.
pub(crate) struct Folder<'f>(pub(crate) &'f dyn Files);

impl SchemaFiles for Folder<'_> {
    fn tree(&self, contract: &str, path: &str) -> Result<Node, Unreadable> {
        let text = self.0.read(path).map_err(Unreadable::NoText)?;
        read(&paths::beside(contract, path), &text).map_err(Unreadable::Malformed)
    }
}

/// The files of a contract without its folder: none.
pub(crate) struct NoFiles;

impl SchemaFiles for NoFiles {
    fn tree(&self, _contract: &str, _path: &str) -> Result<Node, Unreadable> {
        let reason = "this contract came without its folder; inline its files, as `callgate render` does";
        Err(Unreadable::NoText(reason.to_owned()))
    }
}

/// Reads YAML or JSON. A file called `.json` is strict JSON; any other text is JSON if it reads as JSON, else YAML.
pub(crate) fn read(file: &str, text: &str) -> Result<Node, Vec<Diagnostic>> {
    if file.ends_with(".json") {
        return json_text::read(file, text).map_err(|fault| vec![fault]);
    }
    if text.trim_start().starts_with('{')
        && let Ok(node) = json_text::read(file, text)
    {
        return Ok(node);
    }
    yaml::read(file, text)
}
