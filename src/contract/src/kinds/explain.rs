//! The profiles and sets of a contract in words, for `callgate lint --explain`.

use std::fmt::Write as _;

use callgate_kinds::command::{CommandEntry, EntryArguments, models};
use callgate_kinds::path::{SETS, SETS_VERSION};
use callgate_kinds::{ProfileSource, path};

use crate::model::Contract;

/// Returns the workspace, the profiles with the entries of `like`, the roles that take them, the marked strings, and the named sets. Empty
/// for a contract without profiles.
#[must_use]
pub fn explain_profiles(contract: &Contract) -> String {
    let mut out = String::new();
    if contract.profiles.is_empty() {
        return out;
    }
    // Writing to a string does not fail.
    if let Some(workspace) = &contract.workspace {
        let os = match workspace.rules().os() {
            path::Os::Posix => "posix",
            path::Os::Windows => "windows",
        };
        let _ = writeln!(out, "workspace {workspace} ({os})");
    }
    let mut profiles: Vec<_> = contract.profiles.values().collect();
    profiles.sort_by(|one, other| one.name.cmp(&other.name));
    for profile in profiles {
        let of = |role: &&crate::Role| role.profile.as_ref().is_some_and(|own| own.name == profile.name);
        let mut roles: Vec<&str> = contract.roles().filter(of).map(crate::Role::name).collect();
        roles.sort_unstable();
        let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
        let _ = writeln!(out, "profile {} for {roles}", profile.name);
        add_profile(&mut out, &profile.source);
    }
    for tool in contract.tools().iter().filter(|tool| !tool.marks.is_empty()) {
        let marks: Vec<String> =
            tool.marks.iter().map(|mark| format!("{} is {}", mark.place, mark.kind.noun())).collect();
        let _ = writeln!(out, "tool {}: {}", tool.name(), marks.join("; "));
    }
    let _ = writeln!(out, "models of programs: {}", models().collect::<Vec<_>>().join(", "));
    for set in SETS {
        let _ = writeln!(out, "set {} (version {SETS_VERSION}, {}): {}", set.name, set.purpose, set.entries.join(" "));
    }
    out
}

fn add_profile(out: &mut String, source: &ProfileSource) {
    let mut line = |name: &str, entries: Vec<String>| {
        let entries = if entries.is_empty() { "nothing".to_owned() } else { entries.join(", ") };
        let _ = writeln!(out, "  {name:<10}{entries}");
    };
    line("read", source.read.clone());
    line("write", source.write.clone());
    line("run", source.run.iter().map(shown).collect());
    line("ask", source.ask.iter().map(shown).collect());
    line("recursive", vec![if source.recursive.unwrap_or(true) { "allow" } else { "refuse" }.to_owned()]);
    for hosts in &source.hosts {
        line("hosts", [&hosts.names[..], &hosts.schemes[..], &hosts.paths[..]].concat());
    }
    if let Some(email) = &source.email {
        line("email", email.domains.clone());
    }
    if !source.cidr.is_empty() {
        line("cidr", source.cidr.clone());
    }
    if let Some(sql) = &source.sql {
        line("sql", [&sql.statements[..], &sql.tables[..]].concat());
        line("functions", sql.functions.clone().unwrap_or_else(|| vec!["@pure".to_owned()]));
        line("limit", vec![sql.limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())]);
    }
}

fn shown(entry: &CommandEntry) -> String {
    match &entry.arguments {
        None | Some(EntryArguments::Model) => entry.words.clone(),
        Some(EntryArguments::None) => format!("{} (no arguments)", entry.words),
        Some(EntryArguments::Any) => format!("{} (any arguments)", entry.words),
        Some(EntryArguments::Words(words)) => format!("{} (only {})", entry.words, words.join(" ")),
    }
}
