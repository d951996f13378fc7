//! Conditions: `when` of tools and roles, `approval.when`.

use std::sync::Arc;

use callgate_condition::{Condition, Environment, Patterns};
use callgate_kinds::Workspace;

use super::fields::{Fields, Located, Report};
use crate::claims::ClaimTypes;
use crate::conditions::{environment, faulty_literal};
use crate::kinds::mark::Mark;
use crate::model::When;
use crate::schema::Schema;
use crate::source::node::Data;
use crate::typed::type_of;

/// The names of the contract that a condition may use.
pub(super) struct Names {
    tools: Arc<[String]>,
    claims: ClaimTypes,
    workspace: Option<Workspace>,
    patterns: Patterns,
}

// === impl Names ===

impl Names {
    pub(super) fn new(tools: &[&str], claims: ClaimTypes, workspace: Option<Workspace>, patterns: &Patterns) -> Self {
        let tools = tools.iter().map(|name| (*name).to_owned()).collect();
        Self { tools, claims, workspace, patterns: patterns.clone() }
    }

    /// The contract's workspace.
    pub(super) fn workspace(&self) -> Option<&Workspace> {
        self.workspace.as_ref()
    }

    /// The names of the tools.
    pub(super) fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(String::as_str)
    }

    /// The declared claims.
    pub(super) fn claims(&self) -> &ClaimTypes {
        &self.claims
    }

    /// The names in a condition of a tool: the arguments too, with the types of their schema.
    pub(super) fn of_a_tool(&self, parameters: Option<&Schema>, marks: &[Mark]) -> Environment {
        let kind = parameters.map(|schema| type_of(schema.value()));
        environment(&self.tools, &self.claims, kind, marks).sharing(&self.patterns)
    }

    /// The names in a condition of a role, which has many tools and so no arguments.
    pub(super) fn of_a_role(&self) -> Environment {
        environment(&self.tools, &self.claims, None, &[]).sharing(&self.patterns)
    }
}

/// Reads `when`: a condition, or a mapping with a condition and `shadow`.
pub(super) fn when(
    item: &Located<'_>,
    environment: &Environment,
    workspace: Option<&Workspace>,
    report: &mut Report<'_>,
) -> Option<When> {
    if !matches!(item.node.data, Data::Map(_)) {
        return condition(item, environment, workspace, report).map(|condition| When { condition, shadow: false });
    }
    let fields = Fields::open(item, &["condition", "shadow"], &[], report)?;
    let found = fields.need("condition", "a condition, such as `args.amount <= 1000`", report);
    let condition = found.and_then(|item| condition(&item, environment, workspace, report));
    let shadow = shadow(&fields, report);
    Some(When { condition: condition?, shadow: shadow? })
}

/// Reads the field `shadow` of a rule; false if it is absent.
pub(super) fn shadow(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<bool> {
    match fields.get("shadow") {
        Some(item) => item.switch(report),
        None => Some(false),
    }
}

/// Reads and compiles a condition. A fault has its place inside of the condition.
pub(super) fn condition(
    item: &Located<'_>,
    environment: &Environment,
    workspace: Option<&Workspace>,
    report: &mut Report<'_>,
) -> Option<Condition> {
    let source = item.any_text(report)?;
    let (place, problem) = match Condition::compile(source, environment) {
        Ok(condition) => match faulty_literal(&condition, workspace) {
            None => return Some(condition),
            Some(fault) => fault,
        },
        Err(error) => (error.place, error.problem.to_string()),
    };
    match item.node.at.inside(source, place.line, place.column) {
        Some(at) => report.fault_at(&at, item.path.clone(), problem),
        None => report.fault(item, format!("{problem} ({place})")),
    }
}
