//! From text to a tree of values with their places.

mod ids;
pub(crate) mod json_text;
pub(crate) mod node;
pub(crate) mod refs;
mod yaml;

use crate::error::Diagnostic;
use node::Node;

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
