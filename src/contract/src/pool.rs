//! Parts that the contracts of one configuration share: equal contracts, equal schemas and equal patterns are compiled once.
//!
//! Schemas are equal if their texts are, with the members in the order of their author: a model reads the declaration in that order. In
//! a rendered configuration every contract is in canonical form, so there equal schemas have equal texts.

use std::collections::HashMap;
use std::sync::Arc;

use callgate_condition::Patterns;
use callgate_json::Value;
use callgate_redact::Pattern;

use crate::error::Errors;
use crate::model::Contract;
use crate::schema::Schema;
use crate::source::NoFiles;
use crate::source::node::Node;
use crate::{Files, compile, load_in};

/// Contracts that share compiled parts.
#[derive(Debug, Default)]
pub struct ContractPool {
    contracts: HashMap<String, Arc<Contract>>,
    parts: Parts,
}

/// Compiled parts by their texts.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) schemas: HashMap<String, Arc<Schema>>,
    /// The patterns of conditions.
    pub(crate) patterns: Patterns,
    /// The patterns of policies on results.
    pub(crate) redactions: HashMap<String, Pattern>,
}

// === impl ContractPool ===

impl ContractPool {
    /// Reads a contract as [`from_value`](crate::from_value) does. Equal texts give the same contract.
    ///
    /// # Errors
    /// Every fault, with JSON Pointers.
    pub fn from_value(&mut self, value: &Value) -> Result<Arc<Contract>, Errors> {
        let text = value.to_string();
        if let Some(contract) = self.contracts.get(&text) {
            return Ok(Arc::clone(contract));
        }
        let mut found = Vec::new();
        let contract = compile(Node::without_text(value), "", &NoFiles, &mut self.parts, &mut found);
        let contract = Arc::new(contract.ok_or_else(|| Errors::new(found, ""))?);
        self.contracts.insert(text, Arc::clone(&contract));
        Ok(contract)
    }

    /// Reads a contract as [`load`](crate::load) does.
    ///
    /// # Errors
    /// Every fault, with line and column.
    pub fn load(&mut self, file: &str, text: &str, files: &dyn Files) -> Result<Contract, Errors> {
        load_in(&mut self.parts, file, text, files)
    }

    /// Forgets the parts that no contract uses any more.
    pub fn shrink(&mut self) {
        self.contracts.retain(|_, contract| Arc::strong_count(contract) > 1);
        self.parts.schemas.retain(|_, schema| Arc::strong_count(schema) > 1);
        self.parts.patterns.clear();
        self.parts.redactions.clear();
    }

    /// Returns the number of different schemas.
    #[must_use]
    pub fn schemas(&self) -> usize {
        self.parts.schemas.len()
    }
}
