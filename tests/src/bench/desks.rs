//! Contracts with many tools.

use std::fs;
use std::path::{Path, PathBuf};

use super::case::Desk;
use crate::stack::{StackError, workspace};

/// Returns the contract's file; a generated one goes to `folder`.
pub(super) fn contract(desk: Desk, folder: &Path) -> Result<PathBuf, StackError> {
    let Desk::Tools(tools) = desk else { return Ok(workspace().join("tests/contracts/bench/contract.yaml")) };
    let folder = folder.join(format!("tools-{tools}"));
    fs::create_dir_all(&folder).map_err(StackError::io(folder.display().to_string()))?;
    let file = folder.join("contract.yaml");
    fs::write(&file, text(tools)).map_err(StackError::io(file.display().to_string()))?;
    Ok(file)
}

/// A contract with `get_weather` and others like it, which clients run.
fn text(tools: usize) -> String {
    let mut text = format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: tools-{tools}, version: 1.0.0 }}\nspec:\n  \
         models: [\"gpt-4o*\"]\n  \
         limits: {{ maxOutputTokens: 1024, maxToolCallsPerTurn: 8, maxRounds: 4, requestBytes: 1MiB, responseBytes: 4MiB }}\n  \
         onViolation: refuse\n  roles: {{ clerk: {{ tools: [\"*\"] }} }}\n  tools:\n"
    );
    for n in 0..tools {
        let name = if n == 0 { "get_weather".to_owned() } else { format!("get_weather_{n}") };
        text += &format!(
            "    - {{ name: {name}, description: \"The weather in a city, for up to a week.\", effects: read, run: {{ client: {{}} }}, \
             parameters: {{ type: object, required: [city], additionalProperties: false, properties: {{ city: {{ type: string, \
             minLength: 1, maxLength: 64 }}, days: {{ type: integer, minimum: 1, maximum: 7 }}, unit: {{ enum: [celsius, fahrenheit] }} \
             }} }} }}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_contract_has_its_tools() {
        let text = text(100);
        assert_eq!(text.matches("- { name: get_weather").count(), 100);
        assert_eq!(text.matches("name: get_weather,").count(), 1);
    }
}
