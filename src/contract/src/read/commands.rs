//! The entries of a profile about commands: `run` and `ask`.

use callgate_kinds::command::{CommandEntry, EntryArguments};

use super::fields::{Fields, Located, Report};
use crate::source::node::Data;

/// Reads the entries of a field; none if it is absent.
pub(super) fn entries(fields: &Fields<'_>, name: &str, report: &mut Report<'_>) -> Option<Vec<CommandEntry>> {
    let Some(item) = fields.get(name) else { return Some(Vec::new()) };
    let items = item.list(report)?;
    items.iter().map(|item| entry(item, report)).collect()
}

/// Reads the first words of a command, or a mapping with them and a rule for the rest.
fn entry(item: &Located<'_>, report: &mut Report<'_>) -> Option<CommandEntry> {
    // YAML reads the programs `true` and `false` as booleans.
    if let Data::Bool(program) = item.node.data {
        return Some(CommandEntry { words: program.to_string(), arguments: None });
    }
    if !matches!(item.node.data, Data::Map(_)) {
        return Some(CommandEntry { words: item.text(report)?.to_owned(), arguments: None });
    }
    let fields = Fields::open(item, &["cmd", "args"], &[], report)?;
    let words = fields.need("cmd", "the first words of a command, such as `cargo build`", report)?;
    let words = words.text(report)?.to_owned();
    let arguments = match fields.get("args") {
        Some(item) if matches!(item.node.data, Data::List(_)) => {
            let words: Option<Vec<String>> =
                item.list(report)?.iter().map(|word| word.text(report).map(str::to_owned)).collect();
            Some(EntryArguments::Words(words?))
        }
        Some(item) => {
            let known = [("model", Simple::Model), ("none", Simple::None), ("any", Simple::Any)];
            Some(match item.word(&known, report)? {
                Simple::Model => EntryArguments::Model,
                Simple::None => EntryArguments::None,
                Simple::Any => EntryArguments::Any,
            })
        }
        None => None,
    };
    Some(CommandEntry { words, arguments })
}

/// A rule for arguments that is one word.
#[derive(Clone, Copy)]
enum Simple {
    Model,
    None,
    Any,
}
