//! Prepares a contract for a stack: a copy of its folder, with its modules built and pinned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::StackError;

/// Copies the folder of `contract` to `into`, makes a `.wasm` of every `.wat` in it, sets `onViolation` if given, adds `$LLM_MODEL` to
/// its models, and pins the modules. Returns the path of the copied contract.
pub fn prepare(contract: &Path, into: &Path, on_violation: Option<&str>, cli: &Path) -> Result<PathBuf, StackError> {
    let (Some(folder), Some(file)) = (contract.parent(), contract.file_name()) else {
        return Err(StackError::Unfit { what: format!("{} is not a file in a folder", contract.display()) });
    };
    copy(folder, into)?;
    let copied = into.join(file);
    let failed = || StackError::io(copied.display().to_string());
    let mut text = fs::read_to_string(&copied).map_err(failed())?;
    if let Some(on_violation) = on_violation {
        text = set_on_violation(&text, on_violation);
    }
    if let Some(model) = std::env::var("LLM_MODEL").ok().filter(|model| !model.is_empty()) {
        text = add_model(&text, &model);
    }
    fs::write(&copied, text).map_err(failed())?;
    run(Command::new(cli).arg("pin").arg(&copied))?;
    Ok(copied)
}

/// Runs a command to its end and returns its standard output.
pub fn run(command: &mut Command) -> Result<String, StackError> {
    let line = format!("{command:?}").replace('"', "");
    let output = command.output().map_err(StackError::io(line.clone()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(StackError::Command { command: line, output: String::from_utf8_lossy(&output.stderr).into_owned() })
}

fn copy(from: &Path, into: &Path) -> Result<(), StackError> {
    let failed = |path: &Path| StackError::io(format!("copying {}", path.display()));
    fs::create_dir_all(into).map_err(failed(into))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let Some(name) = path.file_name() else { continue };
        let target = into.join(name);
        if path.is_dir() {
            copy(&path, &target)?;
        } else if path.extension().is_some_and(|extension| extension == "wat") {
            let module = assemble(&path)?;
            fs::write(target.with_extension("wasm"), module).map_err(failed(&path))?;
        } else {
            fs::copy(&path, &target).map_err(failed(&path))?;
        }
    }
    Ok(())
}

/// Turns WebAssembly text into a module.
#[cfg(feature = "assemble")]
fn assemble(path: &Path) -> Result<Vec<u8>, StackError> {
    wat::parse_file(path).map_err(|error| StackError::Unfit { what: error.to_string() })
}

#[cfg(not(feature = "assemble"))]
fn assemble(path: &Path) -> Result<Vec<u8>, StackError> {
    let path = path.display();
    Err(StackError::Unfit {
        what: format!("{path} is WebAssembly text; build callgate-stack with the feature `assemble`"),
    })
}

fn set_on_violation(text: &str, value: &str) -> String {
    let found = text.lines().any(|line| line.trim_start().starts_with("onViolation:"));
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("onViolation:") {
            let indent: String = line.chars().take_while(|c| *c == ' ').collect();
            lines.push(format!("{indent}onViolation: {value}"));
        } else {
            lines.push(line.to_owned());
            if !found && line == "spec:" {
                lines.push(format!("  onViolation: {value}"));
            }
        }
    }
    lines.join("\n") + "\n"
}

fn add_model(text: &str, model: &str) -> String {
    let model = serde_json::Value::from(model);
    text.replacen("  models: [", &format!("  models: [{model}, "), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_violation_is_replaced_or_added() {
        assert_eq!(set_on_violation("spec:\n  onViolation: refuse # x\n", "error"), "spec:\n  onViolation: error\n");
        assert_eq!(set_on_violation("spec:\n  roles: {}\n", "error"), "spec:\n  onViolation: error\n  roles: {}\n");
    }

    #[test]
    fn a_model_is_added_to_those_there_are() {
        assert_eq!(add_model("spec:\n  models: [\"a\"]\n", "b:1"), "spec:\n  models: [\"b:1\", \"a\"]\n");
    }

    #[cfg(feature = "assemble")]
    #[test]
    fn the_tools_of_the_tests_are_modules() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["gate", "bench", "local"] {
            copy(&super::super::artefacts::workspace().join("tests/contracts").join(name), folder.path()).unwrap();
        }
        for tool in ["echo", "spin", "broken", "babble", "nothing", "order"] {
            assert!(folder.path().join(format!("tools/{tool}.wasm")).is_file());
        }
    }
}
