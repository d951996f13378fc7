//! A reading as lines of text, for people.

use crate::command::{CommandReading, Extent, JudgedCommand, JudgedPath};
use crate::patch::PatchOperation;
use crate::{Decision, Reading};

// === impl Reading ===

impl Reading {
    /// Returns what was understood, line by line. The lines hold parts of the value: they are for those who may see it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Path(path, mode) => vec![format!("{} {path}", mode.as_str())],
            Self::Glob(glob) => glob.directories().map(|directory| format!("read matches below {directory}")).collect(),
            Self::Command(reading) => command(reading),
            Self::Patch(files) => files
                .iter()
                .map(|file| format!("{} {} (line {})", verb(file.operation), file.path, file.line))
                .collect(),
            Self::Url(url) => vec![format!("connects to {}", url.host()), url.to_string()],
            Self::Email(address) => vec![format!("writes to {address}")],
            Self::Cidr(block) => vec![block.to_string()],
            Self::Sql(query) => {
                let tables = query.tables.iter().map(|table| format!("reads table {table}"));
                let functions = query.functions.iter().map(|function| format!("calls {}", function.name));
                let limit = query.limit.map(|limit| format!("returns at most {limit} rows"));
                tables.chain(functions).chain(limit).collect()
            }
            Self::Script(calls) => {
                calls.iter().map(|call| format!("line {}: calls {}", call.line, call.name)).collect()
            }
        }
    }
}

const fn verb(operation: PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add => "add",
        PatchOperation::Update => "update",
        PatchOperation::Delete => "delete",
        PatchOperation::MoveFrom => "move from",
        PatchOperation::MoveTo => "move to",
        PatchOperation::CopyFrom => "copy from",
        PatchOperation::CopyTo => "copy to",
    }
}

fn command(reading: &CommandReading) -> Vec<String> {
    let mut lines = Vec::new();
    for command in &reading.commands {
        let indent = "  ".repeat(usize::try_from(command.depth).unwrap_or_default());
        lines.push(format!("{indent}{}", head(command)));
        lines.extend(command.paths.iter().map(|path| format!("{indent}  {}", used(path))));
        lines.extend(command.hosts.iter().map(|host| format!("{indent}  connects to {host}")));
    }
    lines
}

/// Returns the words with their sorts, the directories and the entries that decided.
fn head(command: &JudgedCommand) -> String {
    let words: Vec<String> =
        command.words.iter().map(|word| format!("{:?} {}", word.text, word.sort.as_str())).collect();
    let bases: Vec<String> = command.bases.iter().map(ToString::to_string).collect();
    let entries: Vec<String> = command.entries.iter().map(|entry| format!("`{entry}`")).collect();
    let facts = [
        (command.decision == Decision::Ask, "asks a person"),
        (command.is_network, "reaches the network"),
        (command.is_project_code, "runs code of the project"),
        (command.is_unknown, "holds a part that is not known"),
    ];
    let facts = facts.iter().filter(|(is_true, _)| *is_true).map(|(_, fact)| format!("; {fact}"));
    let by = if entries.is_empty() { String::new() } else { format!("; by {}", entries.join(", ")) };
    format!("{}; in {}{by}{}", words.join(", "), bases.join(" or "), facts.collect::<String>())
}

fn used(path: &JudgedPath) -> String {
    let extent = match path.extent {
        Extent::One => "",
        Extent::Pattern => " (matches of a pattern)",
        Extent::Tree => " and all below",
    };
    format!("{} {}{extent}", path.mode.as_str(), path.path)
}
