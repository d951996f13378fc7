//! The effect of changed profiles.

use std::collections::BTreeSet;

use callgate_json::Value;
use callgate_kinds::ProfileSource;

use super::{ChangeEffect, sets};
use crate::model::Contract;

/// Returns the roles that a field of a profile affects in both contracts: those that take it, or one that is like it.
pub(super) fn roles(contracts: [&Contract; 2], profile: &str) -> Vec<String> {
    let of = |contract: &Contract| {
        let takes =
            |role: &&crate::Role| role.profile.as_ref().is_some_and(|own| own.names.iter().any(|name| name == profile));
        contract.roles().filter(takes).map(|role| role.name().to_owned()).collect::<BTreeSet<_>>()
    };
    let [before, after] = contracts.map(of);
    before.intersection(&after).cloned().collect()
}

/// Compares lists of paths. A `!` entry takes away.
pub(super) fn paths(before: &[&Value], after: &[&Value]) -> ChangeEffect {
    let part = |list: &[&Value], is_forbidden: bool| -> Vec<Value> {
        let is_part = |value: &&&Value| value.as_str().is_some_and(|text| text.starts_with('!')) == is_forbidden;
        list.iter().filter(is_part).map(|value| (*value).clone()).collect()
    };
    let covers = |set: &[Value], item: &Value| set.contains(item);
    let allowed = sets::cover(&part(before, false), &part(after, false), covers);
    allowed.and(sets::cover(&part(before, true), &part(after, true), covers).reversed())
}

/// Compares lists of commands. The entry with the most words decides a command, so an entry that begins another one may open or close.
pub(super) fn commands(contracts: [&Contract; 2], before: &[&Value], after: &[&Value]) -> ChangeEffect {
    let changed = before
        .iter()
        .filter(|entry| !after.contains(entry))
        .chain(after.iter().filter(|entry| !before.contains(entry)));
    let all: Vec<&str> =
        contracts.iter().flat_map(|contract| contract.profiles.values()).flat_map(|own| words(&own.source)).collect();
    for entry in changed {
        let Some(own) = entry.as_str().or_else(|| entry.get("cmd").and_then(Value::as_str)) else {
            return ChangeEffect::Unclear;
        };
        let meets = |other: &&str| *other != own && (begins(other, own) || begins(own, other));
        // Equal words may stand in both lists, or twice.
        let twice = |list: &[&Value]| {
            list.iter().filter(|value| value.get("cmd").and_then(Value::as_str) == Some(own)).count() > 1
        };
        if all.iter().any(meets) || is_in_both(contracts, own) || twice(before) || twice(after) {
            return ChangeEffect::Unclear;
        }
    }
    sets::items(before, after)
}

/// Returns true for the hosts of a profile as lists.
pub(super) fn is_host_list(path: &[String], a: Option<&Value>, b: Option<&Value>) -> bool {
    let is_hosts = matches!(path, [_, section, _, field] if section == "profiles" && field == "hosts");
    let is_list = |value: Option<&Value>| value.is_none_or(Value::is_array);
    is_hosts && is_list(a) && is_list(b)
}

fn words(source: &ProfileSource) -> impl Iterator<Item = &str> {
    source.run.iter().chain(&source.ask).map(|entry| entry.words.as_str())
}

/// Returns true if a profile has an entry with these words more than once.
fn is_in_both(contracts: [&Contract; 2], own: &str) -> bool {
    let mut profiles = contracts.into_iter().flat_map(|contract| contract.profiles.values());
    profiles.any(|profile| words(&profile.source).filter(|words| *words == own).count() > 1)
}

/// Returns true if the words of one entry begin another.
fn begins(one: &str, other: &str) -> bool {
    let mut words = other.split_ascii_whitespace();
    one.split_ascii_whitespace().all(|word| words.next() == Some(word))
}
