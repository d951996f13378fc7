//! One table of calls and their verdicts, read by the tests of every place that decides.
//!
//! A place gives a [`Found`] for each [`Case`], and [`differences`] compares them with the one expected column. The places
//! are the decision itself and the engine, natively and as WebAssembly under Node, the gate in Envoy, and the executor.
//!
//! Not covered: approvals, results and the running of calls, because a table of verdicts runs nothing.

#[cfg(not(target_arch = "wasm32"))]
pub mod corpus;
mod decided;
mod gate;
pub mod hostile;

use std::fmt;

use callgate_contract::{Contract, Files, load};
use serde::{Deserialize, Serialize};

pub use decided::decided;
pub use gate::Played;

/// The verdict of an allowed call. Every other verdict is the code of a violation.
pub const ALLOW: &str = "allow";

/// The tool a turn calls before the case's call.
pub const BEFORE: &str = "ping";

/// A contract and the calls decided with it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Names the table in messages.
    pub name: String,
    /// Text of the contract, YAML or JSON.
    pub contract: String,
    /// The calls.
    pub cases: Vec<Case>,
}

/// One call, and the verdict every place must reach.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The caller's role.
    pub role: String,
    /// The tool named by the model.
    pub tool: String,
    /// The arguments as the model writes them.
    pub arguments: String,
    /// Calls of the same turn before this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before: u32,
    /// `allow`, or the code of the violation.
    pub verdict: String,
    /// JSON Pointer of the violation into the arguments.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pointer: String,
    /// Canonical text of the arguments of an allowed call.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub canonical: String,
}

/// The verdict of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `allow`, or a code.
    pub verdict: String,
    /// JSON Pointer of the violation.
    pub pointer: String,
    /// Canonical arguments, if the place shows them.
    pub canonical: Option<String>,
}

// === impl Table ===

impl Table {
    /// Returns the project's own table.
    ///
    /// # Errors
    /// The line of the table that cannot be read.
    pub fn own() -> Result<Self, String> {
        let lines = include_str!("../../../testdata/verdicts/cases.jsonl").lines();
        let cases = lines
            .enumerate()
            .map(|(index, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1)))
            .collect::<Result<_, _>>()?;
        let contract = include_str!("../../../testdata/verdicts/contract.yaml").to_owned();
        Ok(Self { name: "the project's own table".to_owned(), contract, cases })
    }

    /// Reads a table written by [`corpus`]; `None` if the text is empty, because the data was missing.
    ///
    /// # Errors
    /// The fault of the text.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(text).map(Some).map_err(|error| error.to_string())
    }

    /// Compiles the contract.
    ///
    /// # Errors
    /// Every fault of the contract.
    pub fn compile(&self) -> Result<Contract, String> {
        load("contract", &self.contract, &NoFiles).map_err(|errors| errors.to_string())
    }
}

/// A table's contract has no files.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("a table of verdicts has no file {path}"))
    }
}

// === impl Found ===

impl Found {
    /// An allowed call.
    #[must_use]
    pub fn allowed(canonical: Option<String>) -> Self {
        Self { verdict: ALLOW.to_owned(), pointer: String::new(), canonical }
    }

    /// A refused call.
    #[must_use]
    pub fn refused(code: &str, pointer: &str) -> Self {
        Self { verdict: code.to_owned(), pointer: pointer.to_owned(), canonical: None }
    }

    /// Returns true if this is the expected verdict of the case.
    #[must_use]
    pub fn fits(&self, case: &Case) -> bool {
        let shown = self.canonical.as_ref().is_none_or(|canonical| *canonical == case.canonical);
        self.verdict == case.verdict && self.pointer == case.pointer && shown
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.verdict, self.pointer)?;
        match &self.canonical {
            Some(canonical) => write!(f, " as {canonical}"),
            None => Ok(()),
        }
    }
}

// === impl Case ===

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} after {}", self.role, self.tool, self.arguments, self.before)
    }
}

/// Returns one line for each case that `place` decided differently.
pub fn differences(table: &Table, place: &str, mut decide: impl FnMut(&Case) -> Found) -> Vec<String> {
    let found = table.cases.iter().map(|case| (case, decide(case)));
    found.filter(|(case, found)| !found.fits(case)).map(|(case, found)| difference(place, case, &found)).collect()
}

/// Returns the line for one such case.
#[must_use]
pub fn difference(place: &str, case: &Case, found: &Found) -> String {
    format!("{place} decided {case}: {found}; expected {} at {:?} {}", case.verdict, case.pointer, case.canonical)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
