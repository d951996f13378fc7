//! The rule `origin`: values literally come from the named sources.

use std::collections::HashMap;

use callgate_json::Value;
use callgate_provenance::{Finding, History, Needle};

use super::leaves::{Leaf, LeafValue, Leaves};
use super::{Check, OriginRule, Otherwise, schema};
use crate::violation::{Code, Violation};

/// The maximum number of different values of one call that are searched. Each costs a search of the conversation.
pub(super) const MAX_SEARCHED: usize = 256;

/// The result of a rule on a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OriginOutcome {
    Holds,
    Missing,
    Foreign,
}

pub(super) fn check(check: &mut Check<'_>, history: Option<&History>, leaves: &Leaves<'_>) -> Result<(), Violation> {
    let rules = &check.tool.sources.origins;
    let mut known: HashMap<(usize, bool, Needle), OriginOutcome> = HashMap::new();
    let mut searched = 0;
    for leaf in &leaves.list {
        let Some(needle) = needle(check, leaf) else { continue };
        let is_enumerated = is_enumerated(check, leaf);
        let needle = if is_enumerated { needle.exact() } else { needle };
        for position in &leaf.rules {
            let Some(rule) = rules.get(*position) else { continue };
            let key = (*position, is_enumerated, needle.clone());
            let outcome = match known.get(&key) {
                Some(outcome) => *outcome,
                None if searched >= MAX_SEARCHED => {
                    let message =
                        format!("expected at most {MAX_SEARCHED} different values under rules about their sources");
                    let otherwise = match rule.missing {
                        Otherwise::Deny => Otherwise::Deny,
                        Otherwise::Shadow => Otherwise::Shadow,
                        Otherwise::Approve | Otherwise::Feedback => Otherwise::Approve,
                    };
                    check.broken(otherwise, Code::OriginMissing, &leaf.pointer(), message)?;
                    return Ok(());
                }
                None => {
                    searched += 1;
                    let outcome = outcome(history, rule, &needle, is_enumerated);
                    known.insert(key, outcome);
                    outcome
                }
            };
            report(check, rule, outcome, leaf)?;
        }
    }
    Ok(())
}

fn report(check: &mut Check<'_>, rule: &OriginRule, outcome: OriginOutcome, leaf: &Leaf<'_>) -> Result<(), Violation> {
    let expected = match &rule.from {
        Some(from) => format!("expected a value from {}", from.shown),
        None => "expected no copy of an outsider's words".to_owned(),
    };
    match outcome {
        OriginOutcome::Holds => Ok(()),
        OriginOutcome::Missing => {
            let message = format!("{expected}; it is nowhere in the conversation, look it up first");
            check.broken(rule.missing, Code::OriginMissing, &leaf.pointer(), message)
        }
        OriginOutcome::Foreign => {
            let message = match rule.from {
                Some(_) => format!("{expected}; it is elsewhere in the conversation"),
                None => expected,
            };
            check.broken(rule.otherwise, Code::OriginForeign, &leaf.pointer(), message)
        }
    }
}

fn outcome(history: Option<&History>, rule: &OriginRule, needle: &Needle, is_enumerated: bool) -> OriginOutcome {
    if is_enumerated && rule.from.as_ref().is_none_or(|from| from.contract) {
        return OriginOutcome::Holds;
    }
    let Some(history) = history else { return OriginOutcome::Missing };
    let finding = history.find(needle);
    // A summary of earlier parts may hold an outsider's words.
    if rule.not_from_untrusted && (history.is_partial() || history.copies_untrusted(&finding)) {
        return OriginOutcome::Foreign;
    }
    match &rule.from {
        None => OriginOutcome::Holds,
        Some(from) if comes_from_one(history, &finding, from) => OriginOutcome::Holds,
        Some(_) if finding.is_empty() => OriginOutcome::Missing,
        Some(_) => OriginOutcome::Foreign,
    }
}

fn comes_from_one(history: &History, finding: &Finding, from: &super::From) -> bool {
    from.sources.iter().any(|source| history.comes_from(finding, source))
}

/// Returns the value to search for. The schema's own names of members are no words of the model.
fn needle(check: &Check<'_>, leaf: &Leaf<'_>) -> Option<Needle> {
    if leaf.rules.is_empty() {
        return None;
    }
    match leaf.value {
        LeafValue::Value(value) => Needle::of(value),
        LeafValue::Name(name) => {
            let is_declared = schema::declares(check.tool.parameters(), &leaf.path, name);
            Some(name).filter(|_| !is_declared).and_then(Needle::text)
        }
    }
}

/// Returns true if the schema enumerates the value.
pub(super) fn is_enumerated(check: &Check<'_>, leaf: &Leaf<'_>) -> bool {
    let parameters: &Value = check.tool.parameters();
    match leaf.value {
        LeafValue::Value(value) => schema::enumerates(parameters, &leaf.path, value),
        LeafValue::Name(name) => schema::declares(parameters, &leaf.path, name),
    }
}
