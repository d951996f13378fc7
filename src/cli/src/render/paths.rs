//! `--path` and `--passthrough`: other paths of APIs than their own.

use std::collections::BTreeMap;

use callgate_engine::DIALECTS;

use super::args::RenderArguments;
use super::error::RenderError;

/// Reads the paths of each API that an option names, by the key of the API, and checks those that pass unread.
pub(super) fn read(arguments: &RenderArguments) -> Result<BTreeMap<String, Vec<String>>, RenderError> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for argument in &arguments.paths {
        let is_known = |key: &str| DIALECTS.iter().any(|row| row.key == key);
        let (key, path) = argument.split_once('=').filter(|(key, _)| is_known(key)).ok_or_else(|| {
            let known = DIALECTS.iter().map(|row| row.key).collect::<Vec<_>>().join(", ");
            let expected = format!("API=PATH, where API is one of {known}");
            RenderError::option("--path", argument, expected, "chatCompletions=/v2/chat")
        })?;
        absolute("--path", path)?;
        model_in_path(key, path, argument)?;
        paths.entry(key.to_owned()).or_default().push(path.to_owned());
    }
    for path in &arguments.passthrough {
        absolute("--passthrough", path)?;
    }
    Ok(paths)
}

fn absolute(option: &'static str, path: &str) -> Result<(), RenderError> {
    let fine = path.starts_with('/') && !path.contains(['?', '#']) && !path.contains(char::is_whitespace);
    if fine {
        Ok(())
    } else {
        Err(RenderError::option(option, path, "a path that begins with / and has no query", "/v1/models"))
    }
}

/// Checks that a path names at most one model, and only for APIs with models.
fn model_in_path(key: &str, path: &str, given: &str) -> Result<(), RenderError> {
    let models = path.matches("{model}").count();
    let expected = match key {
        "mcp" | "mcpMerged" if models > 0 => "a path without {model}, because MCP servers have no models",
        _ if models > 1 => "a path that has {model} once at most",
        _ => return Ok(()),
    };
    Err(RenderError::option("--path", given, expected, "chatCompletions=/openai/deployments/{model}/chat/completions"))
}
