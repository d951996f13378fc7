//! Conditions: `when` of tools and roles, `approval.when`.

use std::sync::Arc;

use callgate_condition::{Condition, Environment};

use super::fields::{Located, Report};
use crate::conditions::environment;
use crate::schema::Schema;
use crate::typed::type_of;

/// The names of the contract that a condition may use.
pub(super) struct Names {
    tools: Arc<[String]>,
}

// === impl Names ===

impl Names {
    pub(super) fn new(tools: &[&str]) -> Self {
        Self { tools: tools.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// The names of the tools.
    pub(super) fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(String::as_str)
    }

    /// The names in a condition of a tool: the arguments too, with the types of their schema.
    pub(super) fn of_a_tool(&self, parameters: Option<&Schema>) -> Environment {
        environment(&self.tools, parameters.map(|schema| type_of(schema.value())))
    }

    /// The names in a condition of a role, which has many tools and so no arguments.
    pub(super) fn of_a_role(&self) -> Environment {
        environment(&self.tools, None)
    }
}

/// Reads and compiles a condition. A fault has its place inside of the condition.
pub(super) fn condition(item: &Located<'_>, environment: &Environment, report: &mut Report<'_>) -> Option<Condition> {
    let source = item.any_text(report)?;
    let error = match Condition::compile(source, environment) {
        Ok(condition) => return Some(condition),
        Err(error) => error,
    };
    match item.node.at.inside(source, error.place.line, error.place.column) {
        Some(at) => report.fault_at(&at, item.path.clone(), error.problem.to_string()),
        None => report.fault(item, error.to_string()),
    }
}
