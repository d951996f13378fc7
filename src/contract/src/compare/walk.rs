//! The walk over two contracts side by side.

use std::collections::BTreeSet;

use callgate_json::{Map, Value};

use super::rules::{self, Rule};
use super::{ChangeEffect, ChangeKind, ContractChange, profiles, schema, sets, users};
use crate::model::Contract;
use crate::prices::Rate;
use crate::source::node::join;
use crate::typed::type_of;

/// Fields of a tool about its results.
const OF_RESULTS: [&str; 3] = ["output", "result", "confidential"];

/// The walk: both contracts, and the differences so far.
pub(super) struct Walk<'c> {
    before: &'c Contract,
    after: &'c Contract,
    pub(super) found: Vec<ContractChange>,
}

// === impl Walk ===

impl<'c> Walk<'c> {
    pub(super) fn new(before: &'c Contract, after: &'c Contract) -> Self {
        Self { before, after, found: Vec::new() }
    }

    /// Compares two whole contracts, but for the tools' order and the roles' tools.
    pub(super) fn document(&mut self, a: &Value, b: &Value) {
        let (mut a, mut b) = (a.clone(), b.clone());
        for document in [&mut a, &mut b] {
            by_name(document);
        }
        self.field(&mut Vec::new(), Some(&a), Some(&b));
    }

    /// The roles that a field of this tool, or of the whole contract, affects: those of both contracts.
    pub(super) fn roles_of(&self, tool: Option<&str>) -> Vec<String> {
        let all = |contract: &Contract| match tool {
            Some(tool) => users(contract, tool),
            None => contract.roles().map(|role| role.name().to_owned()).collect::<BTreeSet<_>>(),
        };
        all(self.before).intersection(&all(self.after)).cloned().collect()
    }

    fn field(&mut self, path: &mut Vec<String>, a: Option<&Value>, b: Option<&Value>) {
        // A tool or role of one contract only is a change of access; a new role is listed whole as well.
        if let [_, section, _] = path.as_slice()
            && (a.is_none() || b.is_none())
        {
            if section == "tools" {
                return;
            }
            if section == "roles" {
                let effect = if a.is_none() { ChangeEffect::Opens } else { ChangeEffect::Closes };
                self.push(path, effect, a, b);
                return;
            }
        }
        if a == b {
            return;
        }
        let is_present = |value: Option<&Value>| value.is_some_and(|value| value != &Value::Bool(false));
        match rules::of(path) {
            // Two forms of the same rule are compared by their fields.
            Some(Rule::Restriction | Rule::Origin) if is_present(a) && is_present(b) => {}
            Some(rule) => return self.rule(path, rule, a, b),
            None if profiles::is_host_list(path, a, b) => return self.rule(path, Rule::Items, a, b),
            None => {}
        }
        let empty = Map::new();
        match (a, b) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => self.members(path, a, b),
            (None, Some(Value::Object(b))) if !b.is_empty() => self.members(path, &empty, b),
            (Some(Value::Object(a)), None) if !a.is_empty() => self.members(path, a, &empty),
            _ => self.push(path, ChangeEffect::Unclear, a, b),
        }
    }

    fn members(&mut self, path: &mut Vec<String>, a: &Map<String, Value>, b: &Map<String, Value>) {
        let removed = a.keys().filter(|key| !b.contains_key(*key));
        for key in b.keys().chain(removed) {
            path.push(key.clone());
            self.field(path, a.get(key), b.get(key));
            path.pop();
        }
    }

    fn rule(&mut self, path: &[String], rule: Rule, a: Option<&Value>, b: Option<&Value>) {
        let effect = match rule {
            Rule::Note => ChangeEffect::Nothing,
            Rule::Items => sets::items(&sets::list(a), &sets::list(b)),
            Rule::Paths => profiles::paths(&sets::list(a), &sets::list(b)),
            Rule::Commands => profiles::commands([self.before, self.after], &sets::list(a), &sets::list(b)),
            Rule::Globs => sets::globs(&sets::list(a), &sets::list(b)),
            Rule::Words(words, absent) => {
                let place = |value: Option<&Value>| match value {
                    None => Some(absent),
                    Some(value) => words.iter().position(|word| value == *word),
                };
                match (place(a), place(b)) {
                    (Some(a), Some(b)) => sets::most(Some(a), Some(b)),
                    _ => ChangeEffect::Unclear,
                }
            }
            Rule::Limit(of) => sets::most(of(self.before.limits()), of(self.after.limits())),
            Rule::Most(absent) => {
                match (a.map_or(Some(absent), sets::quantity), b.map_or(Some(absent), sets::quantity)) {
                    (Some(a), Some(b)) => sets::most(Some(a), Some(b)),
                    _ => ChangeEffect::Unclear,
                }
            }
            Rule::Restriction => {
                let is_on = |value: Option<&Value>| value.is_some_and(|value| value != &Value::Bool(false));
                sets::most(Some(is_on(a)), Some(is_on(b))).reversed()
            }
            Rule::Switch(open) => {
                let is_open = |value: Option<&Value>| Some(value.and_then(Value::as_bool).unwrap_or(!open) == open);
                sets::most(is_open(a), is_open(b))
            }
            Rule::Consequence(of) => {
                let strictness = |contract: &Contract| {
                    let tool = path.get(2).and_then(|name| contract.entry(name));
                    tool.map(|tool| rules::strictness(of(tool)))
                };
                sets::most(strictness(self.before), strictness(self.after)).reversed()
            }
            Rule::Budget => match (a.map(rate), b.map(rate)) {
                // A rate that cannot be read is in no valid contract.
                (Some(None), _) | (_, Some(None)) => ChangeEffect::Unclear,
                (a, b) => {
                    let most = |amount: Option<Option<Rate>>| amount.flatten().map_or(u64::MAX, Rate::billionths);
                    sets::most(Some(most(a)), Some(most(b)))
                }
            },
            Rule::Price => match (a.and_then(rate), b.and_then(rate)) {
                (Some(a), Some(b)) => sets::most(Some(a), Some(b)).reversed(),
                _ => ChangeEffect::Unclear,
            },
            Rule::Origin if self.has_entity_rules(path) => ChangeEffect::Unclear,
            Rule::Origin => sets::most(Some(a.is_some()), Some(b.is_some())).reversed(),
            Rule::Approval => match (approval(a), approval(b)) {
                (Some((least, most)), Some(after)) if (least, most) == after && least == most => ChangeEffect::Nothing,
                (Some((_, most)), Some((least, _))) if least >= most => ChangeEffect::Closes,
                (Some((least, _)), Some((_, most))) if least >= most => ChangeEffect::Opens,
                _ => ChangeEffect::Unclear,
            },
            Rule::Schema => return self.schema(path, a, b),
            Rule::Result => {
                let of = |contract: &'c Contract| path.get(2).and_then(|name| contract.entry(name));
                match (of(self.before), of(self.after)) {
                    (Some(before), Some(after)) if before.sources.output.format == after.sources.output.format => {
                        return self.schema(path, before.result(), after.result());
                    }
                    _ => ChangeEffect::Unclear,
                }
            }
            Rule::RoleTools => match path {
                // The lines about access tell the effect of another list.
                [.., role, _] if self.same_tools(role) => ChangeEffect::Nothing,
                _ => return,
            },
        };
        self.push(path, effect, a, b);
    }

    fn same_tools(&self, role: &str) -> bool {
        let tools = |contract: &Contract| {
            let role = contract.role(role).into_iter();
            role.flat_map(|role| role.tools(contract)).map(|tool| tool.name().to_owned()).collect::<BTreeSet<_>>()
        };
        tools(self.before) == tools(self.after)
    }

    fn schema(&mut self, path: &[String], a: Option<&Value>, b: Option<&Value>) {
        let every = Value::Bool(true);
        let (a, b) = (a.unwrap_or(&every), b.unwrap_or(&every));
        // The types of arguments decide what a condition means.
        let is_retyped = self.has_conditions(path) && type_of(a) != type_of(b);
        for difference in schema::compare(a, b) {
            let effect = match difference.effect {
                ChangeEffect::Opens | ChangeEffect::Closes if is_retyped => ChangeEffect::Unclear,
                effect => effect,
            };
            let mut change = self.change(path, effect, difference.before, difference.after);
            change.pointer.push_str(&difference.pointer);
            self.found.push(change);
        }
    }

    /// Returns true if a condition may read the arguments of the tool at `path`.
    fn has_conditions(&self, path: &[String]) -> bool {
        let name = path.get(2).map_or("", String::as_str);
        [self.before, self.after].iter().any(|contract| {
            contract.roles().any(|role| role.when.is_some())
                || contract.entry(name).is_some_and(|tool| tool.when.is_some() || tool.approval_when.is_some())
        })
    }

    /// Returns true if a rule for values without `from` holds for the tool at `path`.
    fn has_entity_rules(&self, path: &[String]) -> bool {
        let name = path.get(2).map_or("", String::as_str);
        let tools = [self.before, self.after].into_iter().filter_map(|contract| contract.entry(name));
        tools.into_iter().any(|tool| tool.sources.egress.is_some() || tool.sources.entities.is_some())
    }

    fn push(&mut self, path: &[String], effect: ChangeEffect, a: Option<&Value>, b: Option<&Value>) {
        let change = self.change(path, effect, a.cloned(), b.cloned());
        self.found.push(change);
    }

    fn change(
        &self,
        path: &[String],
        effect: ChangeEffect,
        before: Option<Value>,
        after: Option<Value>,
    ) -> ContractChange {
        let tool = match path {
            // Results and their trust are facts for the calls of every tool.
            [_, section, _, field, ..] if section == "tools" && OF_RESULTS.contains(&field.as_str()) => None,
            [_, section, tool, ..] if section == "tools" => Some(tool.clone()),
            _ => None,
        };
        let roles = match path {
            [_, section, role, ..] if section == "roles" => vec![role.clone()],
            [_, section, profile, ..] if section == "profiles" => profiles::roles([self.before, self.after], profile),
            _ => self.roles_of(tool.as_deref()),
        };
        let pointer = path.iter().fold(String::new(), |pointer, segment| join(&pointer, segment));
        ContractChange { kind: ChangeKind::Field, effect, tool, roles, pointer, before, after }
    }
}

/// Replaces the list of tools by a map from their names, so that they are compared by name.
fn by_name(document: &mut Value) {
    let Some(tools) = document.pointer_mut("/spec/tools") else { return };
    if let Value::Array(list) = tools.take() {
        let named = list.into_iter().map(|tool| {
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            (name, tool)
        });
        *tools = Value::Object(named.collect());
    }
}

fn rate(value: &Value) -> Option<Rate> {
    match value {
        Value::Number(number) => Rate::per_million(number),
        _ => None,
    }
}

/// The persons who must agree, at least and at most. With a condition it depends on the call.
fn approval(value: Option<&Value>) -> Option<(u64, u64)> {
    match value {
        None => Some((0, 0)),
        Some(Value::String(word)) if word == "never" => Some((0, 0)),
        Some(Value::String(word)) if word == "always" => Some((1, 1)),
        Some(Value::Object(fields)) => {
            let most = fields.get("approvers").map_or(Some(1), Value::as_u64)?;
            // A condition without a value denies, which is stricter than any number of persons.
            Some(if fields.contains_key("when") { (0, u64::MAX) } else { (most, most) })
        }
        Some(_) => None,
    }
}
