//! The facts of marked strings that conditions read: `path(args.p).within("docs")`, `command(args.c).programs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use callgate_condition::{Environment, Member, ObjectType, Type};
use callgate_json::Value;
use callgate_kinds::command::JudgedPath;
use callgate_kinds::{Kind, Reading, Workspace};
use serde_json::json;

use super::JudgedString;
use super::mark::Mark;
use crate::model::Tool;

/// The position of `path(…).within(…)` among them. The other one is `command(…)`.
const WITHIN: usize = 0;
/// The maximum number of items of a fact, for the bound on the steps of a condition.
const ITEMS: u32 = 256;

/// The readings of a call, by the dotted names of their arguments.
#[derive(Debug, Default)]
pub(crate) struct KindFacts<'j> {
    paths: BTreeMap<&'j str, (&'j Reading, &'j Workspace)>,
    commands: BTreeMap<&'j str, Value>,
}

/// Adds the functions of a tool's marked strings.
pub(crate) fn functions(environment: Environment, marks: &[Mark]) -> Environment {
    let named = |is_one: fn(Kind) -> bool| -> Arc<[String]> {
        marks.iter().filter(|mark| is_one(mark.kind)).filter_map(|mark| mark.place.name()).collect()
    };
    let paths = named(|kind| matches!(kind, Kind::Path(_)));
    let commands = named(is_command);
    environment.method_of_named("path", "within", paths, Type::Bool).function_of_named("command", commands, command())
}

/// Checks the literal arguments of functions. Returns the position of the first faulty one, and the problem.
pub(crate) fn check_literal(function: usize, literal: &str, workspace: Option<&Workspace>) -> Result<(), String> {
    if function != WITHIN {
        return Ok(());
    }
    let Some(workspace) = workspace else {
        return Err("missing `spec.workspace`; a path is within a directory of it".to_owned());
    };
    match workspace.resolve(literal, &workspace.root()) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(format!("expected a directory; {refusal}")),
    }
}

// === impl KindFacts ===

impl<'j> KindFacts<'j> {
    /// Collects the readings that conditions may ask for. Nothing is collected for a tool whose conditions ask for none.
    pub(crate) fn of(tool: &Tool, judged: &'j [JudgedString]) -> Self {
        let mut facts = Self::default();
        if !tool.asks_kinds {
            return facts;
        }
        for JudgedString { name, judgement, workspace, .. } in judged {
            let Some(name) = name.as_deref() else { continue };
            match &judgement.reading {
                reading @ Reading::Path(..) => facts.paths.extend([(name, (reading, workspace))]),
                reading => facts.commands.extend(command_facts(reading).map(|facts| (name, facts))),
            }
        }
        facts
    }

    /// Returns true if a path is the directory of a literal, or below it. `None` if the string was not understood.
    pub(crate) fn within(&self, name: &str, literal: &str) -> Option<bool> {
        let (reading, workspace) = self.paths.get(name)?;
        let Reading::Path(path, _) = reading else { return None };
        let directory = workspace.resolve(literal, &workspace.root()).ok()?;
        Some(path.is_within(&directory))
    }

    /// Returns the facts of a command. `None` if the string was not understood.
    pub(crate) fn command(&self, name: &str) -> Option<&Value> {
        self.commands.get(name)
    }

    /// Returns true for the function `path(…).within(…)`, by its position among the functions of kinds.
    pub(crate) const fn is_within(function: usize) -> bool {
        function == WITHIN
    }
}

/// Returns the type of `command(…)`.
fn command() -> Type {
    let texts = || Member::required(Type::list(Member::required(Type::Text), Some(ITEMS)));
    Type::object(ObjectType::new([
        ("programs".to_owned(), texts()),
        ("reads".to_owned(), texts()),
        ("writes".to_owned(), texts()),
        ("hosts".to_owned(), texts()),
        ("network".to_owned(), Member::required(Type::Bool)),
        ("unknown".to_owned(), Member::required(Type::Bool)),
    ]))
}

fn is_command(kind: Kind) -> bool {
    matches!(kind, Kind::Command(_))
}

fn command_facts(reading: &Reading) -> Option<Value> {
    let Reading::Command(line) = reading else { return None };
    let texts = |texts: Vec<String>| Value::from(texts);
    let paths = |path: &JudgedPath| path.path.to_string();
    Some(json!({
        "programs": texts(line.programs().map(str::to_owned).collect()),
        "reads": texts(line.reads().map(paths).collect()),
        "writes": texts(line.writes().map(paths).collect()),
        "hosts": texts(line.hosts().map(str::to_owned).collect()),
        "network": line.is_network(),
        "unknown": line.is_unknown(),
    }))
}
