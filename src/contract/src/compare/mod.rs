//! The comparison of two contracts: the calls that become possible, the calls that stop, and the roles.
//!
//! Both canonical texts are walked side by side. A table of rules knows the effect of some fields; every other difference is
//! listed as [`ChangeEffect::Unclear`]. So a new field of the format is never left out, and two contracts with different digests
//! always differ in a line.
//!
//! [`ChangeEffect::Opens`] and [`ChangeEffect::Closes`] are promises. If every line about a role and a tool closes, no call of
//! that tool by that role is newly possible under the same facts of the conversation, and the other way round. They bound the effect:
//! a line that opens may open nothing, as a higher `maximum` does beside a lower one.

mod profiles;
mod rules;
mod schema;
mod sets;
mod walk;

use std::collections::BTreeSet;

use callgate_json::Value;

use crate::model::Contract;
use walk::Walk;

/// The effect of a change on calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeEffect {
    /// Calls may become possible, and none stops.
    Opens,
    /// Calls may stop, and none becomes possible.
    Closes,
    /// Calls may become possible and others may stop: a person has to look.
    Unclear,
    /// The change decides no call: a description, a version, another way to write the same.
    Nothing,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Roles gain or lose a tool.
    Access,
    /// A field has another value.
    Field,
    /// The tools stand in another order.
    Order,
}

/// One difference between two contracts.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractChange {
    /// The kind.
    pub kind: ChangeKind,
    /// The effect on calls.
    pub effect: ChangeEffect,
    /// The tool; `None` for a change that is not about the calls of one tool.
    pub tool: Option<String>,
    /// The affected roles in alphabetical order. Empty if no role may use the tool.
    pub roles: Vec<String>,
    /// The place in the contract as a JSON Pointer, with a tool's name in place of its number.
    pub pointer: String,
    /// The value before; `None` if it was added.
    pub before: Option<Value>,
    /// The value after; `None` if it was removed.
    pub after: Option<Value>,
}

// === impl ChangeEffect ===

impl ChangeEffect {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Closes => "closes",
            Self::Unclear => "unclear",
            Self::Nothing => "nothing",
        }
    }

    /// The effect of two changes together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, effect) | (effect, Self::Nothing) => effect,
            (one, other) if one == other => one,
            _ => Self::Unclear,
        }
    }

    /// The effect of the change made backwards.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Opens => Self::Closes,
            Self::Closes => Self::Opens,
            same => same,
        }
    }
}

// === impl ChangeKind ===

impl ChangeKind {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Field => "field",
            Self::Order => "order",
        }
    }
}

/// Lists the differences from contract `before` to contract `after`, in the order of the contract's fields.
///
/// The list is empty only if both have the same digest.
#[must_use]
pub fn compare(before: &Contract, after: &Contract) -> Vec<ContractChange> {
    if before.digest() == after.digest() {
        return Vec::new();
    }
    let (a, b) = (document(before), document(after));
    let mut walk = Walk::new(before, after);
    walk.document(&a, &b);
    access(before, after, &mut walk);
    order(before, after, &mut walk);
    if walk.found.is_empty() {
        // No rule explains the difference, so nothing is promised.
        walk.found.push(ContractChange {
            kind: ChangeKind::Field,
            effect: ChangeEffect::Unclear,
            tool: None,
            roles: walk.roles_of(None),
            pointer: String::new(),
            before: None,
            after: None,
        });
    }
    walk.found
}

/// The canonical text as a value. A contract's own text is always readable; `null` would differ from every other.
fn document(contract: &Contract) -> Value {
    callgate_json::read(contract.canonical().as_bytes()).unwrap_or_default()
}

/// Adds the tools that roles gain or lose.
fn access(before: &Contract, after: &Contract, walk: &mut Walk<'_>) {
    let names = |contract: &Contract| contract.tools().iter().map(|tool| tool.name().to_owned()).collect::<Vec<_>>();
    let (old, new) = (names(before), names(after));
    let lost = old.iter().filter(|name| !new.contains(name));
    for name in new.iter().chain(lost) {
        let (had, has) = (users(before, name), users(after, name));
        let gained: Vec<String> = has.difference(&had).cloned().collect();
        let gone: Vec<String> = had.difference(&has).cloned().collect();
        let (was, is) = (old.contains(name), new.contains(name));
        let pointer = if was && is { "/spec/roles".to_owned() } else { crate::source::node::join("/spec/tools", name) };
        let mut push = |effect, roles: Vec<String>| {
            walk.found.push(ContractChange {
                kind: ChangeKind::Access,
                effect,
                tool: Some(name.clone()),
                roles,
                pointer: pointer.clone(),
                before: was.then(|| was.into()),
                after: is.then(|| is.into()),
            });
        };
        // A glob decided the calls on one side, so their rules are others now.
        let both: Vec<String> = had.intersection(&has).cloned().collect();
        if was != is && !both.is_empty() {
            push(ChangeEffect::Unclear, both);
        } else if was != is && gained.is_empty() && gone.is_empty() {
            // A tool that no role may use is still a change of the contract.
            push(ChangeEffect::Nothing, Vec::new());
        }
        if !gained.is_empty() {
            push(ChangeEffect::Opens, gained);
        }
        if !gone.is_empty() {
            push(ChangeEffect::Closes, gone);
        }
    }
}

fn order(before: &Contract, after: &Contract, walk: &mut Walk<'_>) {
    let kept = |of: &Contract, other: &Contract| {
        let names = of.tools().iter().map(|tool| tool.name().to_owned());
        names.filter(|name| other.entry(name).is_some()).collect::<Vec<_>>()
    };
    if kept(before, after) != kept(after, before) {
        let (pointer, roles) = ("/spec/tools".to_owned(), walk.roles_of(None));
        let change = ContractChange {
            kind: ChangeKind::Order,
            effect: ChangeEffect::Nothing,
            tool: None,
            roles,
            pointer,
            before: None,
            after: None,
        };
        walk.found.push(change);
    }
}

/// The roles that may use a tool, in alphabetical order. A tool that the contract lacks may be a part of a glob.
fn users(contract: &Contract, tool: &str) -> BTreeSet<String> {
    let Some(tool) = contract.deciding(tool) else { return BTreeSet::new() };
    contract.roles().filter(|role| role.may_use(tool)).map(|role| role.name().to_owned()).collect()
}
