//! Roles: which tools each may use, resolved to names.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conditions::{self, Names};
use super::fields::{Fields, Located, Report};
use super::limits;
use crate::glob::Glob;
use crate::kinds::RoleProfile;
use crate::model::{NameTable, Role};
use crate::nearest::nearest;
use crate::source::node::join;
use crate::tool_names::{beginning, takes_part_of};

pub(super) fn roles(
    item: &Located<'_>,
    tools: &[&str],
    names: &Names,
    profiles: Option<&NameTable<Arc<RoleProfile>>>,
    currency: Option<&str>,
    report: &mut Report<'_>,
) -> Option<NameTable<Role>> {
    let entries = item.entries(report)?;
    if entries.is_empty() {
        return report.fault(item, "expected at least one role, such as `clerk: { tools: [\"get_*\"] }`");
    }
    let mut roles = NameTable::default();
    for entry in entries {
        let name = entry.key.as_str();
        let role = Located { node: &entry.value, path: join(&item.path, name) };
        if name.is_empty() || name.len() > 128 || !name.chars().all(|c| c.is_ascii_graphic()) {
            let expected = "expected a role name of 1 to 128 printable ASCII characters without spaces";
            report.fault_at::<()>(&entry.at, role.path.clone(), expected);
        }
        let known = [&["tools", "profile", "when"][..], &limits::OF_A_ROLE[..]].concat();
        let Some(fields) = Fields::open(&role, &known, &[], report) else { continue };
        let when = fields.get("when").map(|item| conditions::when(&item, &names.of_a_role(), None, report));
        let profile = match fields.get("profile") {
            // Faulty profiles are reported once.
            Some(item) => profiles.and_then(|profiles| profile(&item, profiles, report)).map(Some),
            None => Some(None),
        };
        let limits = limits::limits(&fields, &limits::OF_A_ROLE, currency, report);
        if let (Some(tools), Some(profile), Some(limits)) = (role_tools(&fields, tools, report), profile, limits) {
            let when = when.flatten();
            let beginnings = tools.iter().filter_map(|tool| beginning(tool)).map(str::to_owned).collect();
            roles.insert(name.to_owned(), Role { name: name.into(), tools, beginnings, profile, when, limits });
        }
    }
    Some(roles)
}

fn profile(
    item: &Located<'_>,
    profiles: &NameTable<Arc<RoleProfile>>,
    report: &mut Report<'_>,
) -> Option<Arc<RoleProfile>> {
    let name = item.text(report)?;
    if let Some(profile) = profiles.get(name) {
        return Some(Arc::clone(profile));
    }
    let message = match nearest(name, profiles.keys().map(String::as_str)) {
        Some(near) => format!("expected the name of a profile in `spec.profiles`; did you mean `{near}`?"),
        None => "expected the name of a profile in `spec.profiles`".to_owned(),
    };
    report.fault(item, message)
}

/// Reads the list of tools: names and globs, and with `!` those that the role may not use. The order has no meaning.
fn role_tools(fields: &Fields<'_>, tools: &[&str], report: &mut Report<'_>) -> Option<BTreeSet<String>> {
    let listed = fields.need("tools", "a list of tool names, globs with `*` allowed", report)?;
    let (mut allowed, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (item, entry) in listed.texts(report)? {
        let (text, named) = match entry.strip_prefix('!') {
            Some(text) => (text, &mut refused),
            None => (entry, &mut allowed),
        };
        let glob = Glob::new(text);
        let matched: Vec<&str> = tools.iter().copied().filter(|tool| glob.matches(tool)).collect();
        let part = part_of_a_glob(text, &matched, tools);
        // A name that a role may not use would be left to the glob.
        let is_left = entry.starts_with('!') && part.is_some();
        if !matched.is_empty() && !is_left {
            named.extend(matched.into_iter().map(str::to_owned));
            continue;
        }
        let message = match (part, nearest(text, tools.iter().copied())) {
            (Some(tool), _) => format!(
                "expected the whole glob `{tool}` or a tool of its own; `{text}` is a part of it, so add a tool of that name to `spec.tools`"
            ),
            _ if text.contains('*') => {
                "expected a glob that matches a tool of this contract; it matches none".to_owned()
            }
            (None, Some(near)) => format!("expected the name of a tool of this contract; did you mean `{near}`?"),
            (None, None) => "expected the name of a tool of this contract; it has no tool of this name".to_owned(),
        };
        report.fault::<()>(&item, message);
    }
    Some(allowed.difference(&refused).cloned().collect())
}

/// Returns a glob of the tools of which a pattern takes a part that no tool of its own decides. A tool with just the pattern's
/// beginning decides all of its names.
fn part_of_a_glob<'t>(pattern: &str, matched: &[&str], tools: &[&'t str]) -> Option<&'t str> {
    let decides_all =
        pattern.ends_with('*') && matched.contains(&pattern) || !pattern.contains('*') && !matched.is_empty();
    tools.iter().copied().filter(|_| !decides_all).find(|tool| takes_part_of(pattern, tool))
}
