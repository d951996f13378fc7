//! The report of `callgate lint --json`.

use callgate_contract::{Diagnostic, advice};
use serde_json::{Value, json};

use super::unpinned_tools;
use crate::contracts::{Contracts, ContractsError, ListedContract};
use crate::disk::{self, FileError};

/// The findings of `lint` in several files.
#[derive(Default)]
pub(super) struct LintReport {
    contracts: Vec<Value>,
    sets: Vec<Value>,
    faults: Vec<Value>,
}

// === impl LintReport ===

impl LintReport {
    /// Adds a valid contract.
    pub(super) fn contract(&mut self, entry: &ListedContract, suggest: bool) {
        let contract = &entry.contract;
        let advice: Vec<Value> = advice(contract)
            .iter()
            .filter(|one| one.is_warning || suggest)
            .map(|one| {
                let kind = if one.is_warning { "warning" } else { "suggestion" };
                let tool = (!one.tool.is_empty()).then_some(&one.tool);
                let stanza = (!one.stanza.is_empty()).then_some(&one.stanza);
                json!({ "kind": kind, "tool": tool, "message": one.message, "stanza": stanza })
            })
            .collect();
        self.contracts.push(json!({
            "file": entry.file.display().to_string(),
            "name": contract.name(),
            "version": contract.version(),
            "digest": contract.digest().to_string(),
            "tools": contract.tools().iter().map(|tool| tool.name()).collect::<Vec<_>>(),
            "roles": disk::roles(contract),
            "unpinned": unpinned_tools(contract),
            "notes": contract.notes().iter().map(placed).collect::<Vec<_>>(),
            "advice": advice,
        }));
    }

    /// Adds a valid contract set.
    pub(super) fn set(&mut self, contracts: &Contracts) {
        self.sets.push(json!({
            "file": contracts.file().display().to_string(),
            "entries": contracts.entries.len(),
            "contracts": contracts.files().count(),
        }));
    }

    /// Adds the faults of a file that cannot be used.
    pub(super) fn file(&mut self, error: &FileError) {
        let whole =
            |file: &std::path::Path| json!({ "file": file.display().to_string(), "message": error.to_string() });
        match error {
            FileError::Contract(faults) => self.faults.extend(faults.iter().map(placed)),
            FileError::Read { file, .. } | FileError::Write { file, .. } | FileError::NotText { file } => {
                self.faults.push(whole(file));
            }
        }
    }

    /// Adds the fault of a set.
    pub(super) fn selector(&mut self, contracts: &Contracts, error: &ContractsError) {
        let line = if let ContractsError::Entry { line, .. } = error { Some(*line) } else { None };
        let file = contracts.file().display().to_string();
        self.faults.push(json!({ "file": file, "line": line, "message": error.to_string() }));
    }

    /// Returns true without a fault.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Returns one object, on one line.
    pub(super) fn text(&self) -> String {
        let Self { contracts, sets, faults } = self;
        format!("{}\n", json!({ "contracts": contracts, "sets": sets, "faults": faults }))
    }
}

/// Returns a diagnostic with its place; an unknown line or column is null.
fn placed(fault: &Diagnostic) -> Value {
    let known = |number: u32| Some(number).filter(|number| *number > 0);
    json!({
        "file": fault.file, "line": known(fault.line), "column": known(fault.column),
        "path": fault.path, "message": fault.message,
    })
}
