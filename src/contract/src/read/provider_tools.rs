//! `providerTools`: what runs at the provider. A tool that the client runs is a tool of the contract.

use super::fields::{Located, Report};

/// The beginnings of types of tools that an API defines and the client runs, and what a contract has instead.
const CLIENT_RUN: [(&str, &str); 6] = [
    ("bash_2", "a tool `bash` with `command` and `restart`"),
    (
        "text_editor_2",
        "a tool `str_replace_based_edit_tool` (in older versions `str_replace_editor`) with `command` and `path`",
    ),
    ("computer_2", "a tool `computer` with `action`"),
    ("memory_2", "a tool `memory` with `command` and `path`"),
    ("browser_toolset_2", "a tool for each of its members, such as `browser__navigate`, or a glob `browser__*`"),
    ("computer_toolset_2", "a tool for each of its members, such as `computer__left_click`, or a glob `computer__*`"),
];

const COMPUTER: &str = "a tool `computer` with the members of its `action`, or with a list `actions`";

/// Names of kinds of tools, of their lists and of tools that the client runs, and what a contract has instead.
const OF_THE_CLIENT: [(&str, &str); 10] = [
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
    ("computer", COMPUTER),
    ("computer_use_preview", COMPUTER),
    ("computer_use", COMPUTER),
];

fn instead_of(name: &str) -> Option<&'static str> {
    let of_the_client = OF_THE_CLIENT.iter().find(|(known, _)| *known == name);
    let typed = || CLIENT_RUN.iter().find(|(beginning, _)| name.starts_with(beginning));
    of_the_client.or_else(typed).map(|(_, instead)| *instead)
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
