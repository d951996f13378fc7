//! `providerTools`: what runs at the provider. A tool that the client runs is a tool of the contract.

use super::fields::{Located, Report};

/// Names of kinds of tools, of their lists and of tools that the client runs, and what a contract has instead.
const OF_THE_CLIENT: [(&str, &str); 7] = [
    ("custom", "each custom tool by its name, with one text `input`"),
    ("namespace", "each tool of a namespace as `NAMESPACE__NAME`"),
    ("additional_tools", "each tool that such an item declares"),
    ("tool_search_output", "each tool that a search can find"),
    ("local_shell", "a tool `local_shell` with the members of its `action`"),
    (
        "shell",
        "a tool `shell` with the members of its `action` (a shell in the provider's container is `hosted_shell` here)",
    ),
    ("apply_patch", "a tool `apply_patch` with the members of its `operation`"),
];

fn instead_of(name: &str) -> Option<&'static str> {
    OF_THE_CLIENT.iter().find(|(known, _)| *known == name).map(|(_, instead)| *instead)
}

pub(super) fn names(item: &Located<'_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (item, text) in item.texts(report)? {
        if text.contains(['*', '?']) {
            report.fault::<()>(&item, "expected the exact name of a provider-run tool; globs are not allowed here");
        } else if let Some(instead) = instead_of(text) {
            let message = format!(
                "expected a tool that runs at the provider; the client runs this one, so add {instead} to `spec.tools`"
            );
            report.fault::<()>(&item, message);
        } else {
            names.push(text.to_owned());
        }
    }
    Some(names)
}
