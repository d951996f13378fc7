//! `callgate diff`: the calls that become possible or stop from one contract to another. The contract crate compares.

use std::fmt::Write as _;
use std::path::PathBuf;

use callgate_contract::{ChangeEffect, ChangeKind, Contract, ContractChange, compare};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::disk::{self, FileError};
use crate::output::{Exit, Outcome};

/// The longest value in a line, in characters.
const VALUE: usize = 60;

/// Compare two contracts: what becomes possible, what stops, and for which roles
#[derive(Args)]
#[command(
    after_help = "A change opens if calls may become possible and none stops, closes if calls may stop and none becomes possible, and is\n\
                  unclear if a person has to look. Every difference is listed: one that this version cannot judge is unclear.\n\n\
                  Exit code 0: the same rules, byte for byte (equal digests). 1: they differ. 2: no comparison, because of an error.\n\n\
                  Examples:\n  \
                  callgate diff active.yaml candidate.yaml\n  \
                  callgate diff active.yaml candidate.yaml --format json | jq '.changes[] | select(.effect == \"opens\")'"
)]
pub(crate) struct DiffArguments {
    /// Contract file before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// Contract file after
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
    /// The form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DiffFormat,
}

/// The forms of the output.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DiffFormat {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

/// Compares the two files.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<Outcome, FileError> {
    let before = disk::contract(&arguments.before)?;
    let after = disk::contract(&arguments.after)?;
    let changes = compare(&before, &after);
    let out = match arguments.format {
        DiffFormat::Text => text(&before, &after, &changes),
        DiffFormat::Json => format!("{}\n", machine(&before, &after, &changes)),
    };
    Ok(Outcome { out, exit: if changes.is_empty() { Exit::Success } else { Exit::Different } })
}

fn text(before: &Contract, after: &Contract, changes: &[ContractChange]) -> String {
    let named = |contract: &Contract| format!("{} {} ({})", contract.name(), contract.version(), contract.digest());
    let mut out = format!("before  {}\nafter   {}\n", named(before), named(after));
    if changes.is_empty() {
        out.push_str("\nno difference\n");
        return out;
    }
    for (effect, title) in [
        (ChangeEffect::Opens, "becomes possible"),
        (ChangeEffect::Closes, "stops"),
        (ChangeEffect::Unclear, "unclear, look at it"),
        (ChangeEffect::Nothing, "decides no call"),
    ] {
        let lines: Vec<&ContractChange> = changes.iter().filter(|change| change.effect == effect).collect();
        if !lines.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        for change in lines {
            let _ = writeln!(out, "  {}", line(change, before, after));
        }
    }
    out
}

fn line(change: &ContractChange, before: &Contract, after: &Contract) -> String {
    let roles = match change.roles.as_slice() {
        [] => "no role".to_owned(),
        // A role's own line already names the role; a line about the whole contract is about every role.
        roles if change.tool.is_none() && roles.len() == common(before, after) => "every role".to_owned(),
        roles => roles.join(", "),
    };
    let subject = match &change.tool {
        Some(tool) => format!("{tool} for {roles}"),
        None => roles,
    };
    let what = match change.kind {
        ChangeKind::Access => match (&change.before, &change.after, change.effect) {
            (None, _, ChangeEffect::Opens) => "new tool".to_owned(),
            (None, _, _) => "new tool, which no role may use".to_owned(),
            (_, None, ChangeEffect::Closes) => "the tool is removed".to_owned(),
            (_, None, _) => "the tool is removed; no role may use it".to_owned(),
            (_, _, ChangeEffect::Opens) => "the role gains the tool".to_owned(),
            _ => "the role loses the tool".to_owned(),
        },
        ChangeKind::Order => "the tools stand in another order".to_owned(),
        ChangeKind::Field => {
            let place = match &change.tool {
                Some(tool) => change.pointer.strip_prefix(&format!("/spec/tools/{tool}/")).unwrap_or(&change.pointer),
                None => change.pointer.strip_prefix("/spec/").unwrap_or(&change.pointer),
            };
            format!("{place}: {} → {}", shown(change.before.as_ref()), shown(change.after.as_ref()))
        }
    };
    format!("{subject}: {what}")
}

fn common(before: &Contract, after: &Contract) -> usize {
    before.roles().filter(|role| after.role(role.name()).is_some()).count()
}

/// A value on one line, cut if it is long.
fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "none".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn machine(before: &Contract, after: &Contract, changes: &[ContractChange]) -> Value {
    let named = |contract: &Contract| json!({ "name": contract.name(), "version": contract.version(), "digest": contract.digest() });
    let changes = changes.iter().map(|change| {
        let mut line = json!({
            "effect": change.effect.as_str(),
            "kind": change.kind.as_str(),
            "roles": change.roles,
            "pointer": change.pointer,
        });
        if let Value::Object(line) = &mut line {
            for (key, value) in [("before", &change.before), ("after", &change.after)] {
                line.extend(
                    value.clone().filter(|_| change.kind == ChangeKind::Field).map(|value| (key.to_owned(), value)),
                );
            }
            line.extend(change.tool.clone().map(|tool| ("tool".to_owned(), tool.into())));
        }
        line
    });
    json!({ "before": named(before), "after": named(after), "changes": changes.collect::<Vec<_>>() })
}
