//! A profile's rules of queries.

use super::SqlReading;
use crate::{ProfileFault, Refusal};

/// Rules of queries as a contract writes them. An absent list allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlSource {
    /// The kinds of statements: `select`.
    pub statements: Vec<String>,
    /// Tables as the query must write them: `public.orders`, `sales.*` for all of a schema.
    pub tables: Vec<String>,
    /// Functions; `@pure` for the list of functions that only compute. Absent means `@pure`.
    pub functions: Option<Vec<String>>,
    /// The maximum of the query's own `limit`, which the query must then state.
    pub limit: Option<u64>,
}

/// Compiled rules of queries.
#[derive(Clone, Debug, Default)]
pub struct SqlRules {}

// === impl SqlRules ===

impl SqlRules {
    /// Compiles the rules.
    ///
    /// # Errors
    ///
    /// Every entry that has no meaning.
    pub fn compile(_source: &SqlSource) -> Result<Self, Vec<ProfileFault>> {
        Ok(Self {})
    }

    /// Checks that the rules allow the statement, each table, each function and the limit.
    ///
    /// # Errors
    ///
    /// No entry allows a part of the query, or the query states no limit.
    pub fn check(&self, _reading: &SqlReading) -> Result<(), Refusal> {
        Err(Refusal::whole("no query is read yet"))
    }
}
