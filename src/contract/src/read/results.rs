//! `results`: the policy on what tools return and people write.

use std::collections::HashMap;

use callgate_provenance::Place;
use callgate_redact::{Exemption, Kind, Pattern, Policy, Redactor, Rule};

use super::fields::{Fields, Located, Report};
use super::units;

/// Each pattern is one pass over every text.
const MOST_PATTERNS: usize = 32;

const REDACT: &str = "`kind`, a built-in kind, or `pattern` and `as`";

/// Compiled patterns by their texts.
type Patterns = HashMap<String, Pattern>;

/// Reads the policy. A pattern in `known` is not compiled again. `tools` are the names of the contract's tools.
pub(super) fn policy(
    item: &Located<'_>,
    tools: &[&str],
    known: &mut Patterns,
    report: &mut Report<'_>,
) -> Option<Policy> {
    let fields = Fields::open(item, &["redact", "deny", "maxBytes", "exempt", "users"], &[], report)?;
    let (mut rules, mut deny) = (Vec::new(), Vec::new());
    if let Some(list) = fields.get("redact").and_then(|item| listed(&item, report)) {
        let mut names = Vec::new();
        rules.extend(list.iter().filter_map(|item| rule(item, &mut names, known, report)));
    }
    if let Some(list) = fields.get("deny").and_then(|item| listed(&item, report)) {
        for item in &list {
            let pattern = Fields::open(item, &["pattern"], &[], report)
                .and_then(|fields| fields.need("pattern", "a regular expression", report));
            deny.extend(pattern.and_then(|item| pattern_of(&item, known, report)));
        }
    }
    let mut policy = Policy { redactor: Redactor::new(rules, deny), ..Policy::default() };
    if let Some(item) = fields.get("maxBytes") {
        policy.max_bytes = units::size(&item, report);
    }
    if let Some(list) = fields.get("exempt").and_then(|item| listed(&item, report)) {
        policy.exempt.extend(list.iter().filter_map(|item| exemption(item, tools, report)));
    }
    if let Some(item) = fields.get("users") {
        policy.users = item.switch(report)?;
    }
    if policy.is_empty() {
        return report
            .fault(item, "expected `redact`, `deny` or `maxBytes`; without one of them the policy does nothing");
    }
    Some(policy)
}

fn listed<'n>(item: &Located<'n>, report: &mut Report<'_>) -> Option<Vec<Located<'n>>> {
    let list = item.list(report)?;
    if list.len() > MOST_PATTERNS {
        return report.fault(item, format!("expected at most {MOST_PATTERNS} items; each is one pass over every text"));
    }
    Some(list)
}

fn rule(item: &Located<'_>, names: &mut Vec<String>, known: &mut Patterns, report: &mut Report<'_>) -> Option<Rule> {
    let fields = Fields::open(item, &["kind", "pattern", "as"], &[], report)?;
    let (rule, place) = match (fields.get("kind"), fields.get("pattern")) {
        (Some(kind), None) => {
            if let Some(name) = fields.get("as") {
                report.fault::<()>(&name, "expected `as` beside a `pattern` only; a kind has its own name");
            }
            (Rule::Kind(kind.word(&Kind::ALL.map(|kind| (kind.as_str(), kind)), report)?), kind)
        }
        (None, Some(pattern)) => {
            let compiled = pattern_of(&pattern, known, report);
            let place = fields.need("as", "the name in the mark, such as `employee_number`", report)?;
            let name = name_of(&place, report)?.to_owned();
            (Rule::Pattern { pattern: compiled?, name }, place)
        }
        (Some(_), Some(pattern)) => return report.fault(&pattern, format!("expected {REDACT}; found both")),
        (None, None) => return report.fault(item, format!("expected {REDACT}")),
    };
    let name = match &rule {
        Rule::Kind(kind) => kind.as_str().to_owned(),
        Rule::Pattern { name, .. } => name.clone(),
    };
    if names.contains(&name) {
        return report.fault(&place, format!("expected each name once; `{name}` is there twice, remove or rename one"));
    }
    names.push(name);
    Some(rule)
}

fn name_of<'n>(item: &Located<'n>, report: &mut Report<'_>) -> Option<&'n str> {
    let name = item.text(report)?;
    if !Redactor::is_name(name) || Kind::ALL.iter().any(|kind| kind.as_str() == name) {
        let message =
            "expected 1 to 32 of `a-z`, `0-9` and `_`, beginning with a letter, and not the name of a built-in kind";
        return report.fault(item, message);
    }
    Some(name)
}

fn pattern_of(item: &Located<'_>, known: &mut Patterns, report: &mut Report<'_>) -> Option<Pattern> {
    let text = item.text(report)?;
    if let Some(pattern) = known.get(text) {
        return Some(pattern.clone());
    }
    match Pattern::new(text) {
        Ok(pattern) => {
            known.insert(text.to_owned(), pattern.clone());
            Some(pattern)
        }
        Err(error) => report.fault(item, error.to_string()),
    }
}

fn exemption(item: &Located<'_>, tools: &[&str], report: &mut Report<'_>) -> Option<Exemption> {
    let fields = Fields::open(item, &["tool", "at"], &[], report)?;
    let tool = fields.need("tool", "the name of a tool of this contract", report);
    let tool = tool.and_then(|item| {
        let name = item.text(report)?;
        if tools.contains(&name) {
            return Some(name.to_owned());
        }
        report.fault(&item, "expected the name of a tool of this contract")
    });
    let at = fields.need("at", "a place in its results, such as `#/order_id`", report);
    let at = at.and_then(|item| match item.text(report)?.parse::<Place>() {
        Ok(_) if item.node.text().is_some_and(|text| text.ends_with("/{key}")) => {
            report.fault(&item, "expected the place of a value; names of members are never exempt")
        }
        Ok(place) => Some(place),
        Err(error) => report.fault(&item, error.to_string()),
    });
    Some(Exemption { tool: tool?, at: at? })
}
