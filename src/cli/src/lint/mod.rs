//! `callgate lint` and `callgate digest`: validates contracts and identifies them.

mod json;

use std::path::{Path, PathBuf};

use callgate_contract::{Advice, Contract, Diagnostic, Run, advice, explain_profiles};
use clap::Args;

use self::json::LintReport;
use crate::contracts::Contracts;
use crate::disk::{self, FileError};
use crate::output::{Exit, Outcome};
use crate::terminal::plain;

/// Validate contracts, and report every fault with its line
#[derive(Args)]
#[command(
    after_help = "Examples:\n  callgate lint contracts/*/contract.yaml\n  callgate lint contracts.yaml     (a contract set: all its contracts, and the requests that get them)\n  callgate lint contract.yaml --json | jq '.faults[] | [.line, .message]'"
)]
pub(crate) struct LintArguments {
    /// Files of contracts or contract sets (YAML or JSON)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Propose rules about the sources of values, as finished fields
    #[arg(long)]
    pub(crate) suggest: bool,
    /// Print the profiles with all their entries, the marked strings, and the named sets of paths
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print one JSON object: valid contracts, contract sets, and faults with file, line and column
    #[arg(long, conflicts_with = "explain")]
    pub(crate) json: bool,
}

/// Print a contract's digest, which the filter and the executor must agree on
#[derive(Args)]
#[command(
    after_help = "The digest is the SHA-256 of the contract's canonical JSON (RFC 8785) with every $ref file inlined.\n\
                  Comments, layout and key order do not change it; every other change does."
)]
pub(crate) struct DigestArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Returns one line for each valid contract; the diagnostics of the others are errors.
pub(crate) fn lint(LintArguments { files, suggest, explain, json }: &LintArguments) -> Outcome {
    if *json {
        return report(files, *suggest);
    }
    let mut lines = String::new();
    let mut errors = Vec::new();
    for file in files {
        match Contracts::read(file) {
            Ok(contracts) => {
                for entry in contracts.files() {
                    lines.push_str(&summary(&entry.file, &entry.contract));
                    lines.push_str(&advised(&entry.file, &entry.contract, *suggest));
                    if *explain {
                        lines.extend(explain_profiles(&entry.contract).lines().map(|line| format!("  {line}\n")));
                    }
                }
                match contracts.selector() {
                    Ok(_) if contracts.is_set => {
                        let (entries, files) = (contracts.entries.len(), contracts.files().count());
                        let file = file.display();
                        lines.push_str(&format!("{file}: ok, {entries} entries, {}\n", plural(files, "contract")));
                    }
                    Ok(_) => {}
                    Err(error) => errors.push(error.into()),
                }
            }
            Err(error) => errors.push(error.into()),
        }
    }
    Outcome::of_files(lines, errors)
}

/// Returns the same as one JSON object.
fn report(files: &[PathBuf], suggest: bool) -> Outcome {
    let mut report = LintReport::default();
    for file in files {
        match Contracts::read(file) {
            Ok(contracts) => {
                contracts.files().for_each(|entry| report.contract(entry, suggest));
                match contracts.selector() {
                    Ok(_) if contracts.is_set => report.set(&contracts),
                    Ok(_) => {}
                    Err(error) => report.selector(&contracts, &error),
                }
            }
            Err(error) => report.file(&error),
        }
    }
    let exit = if report.is_clean() { Exit::Success } else { Exit::Failed(Vec::new()) };
    Outcome { out: report.text(), exit }
}

/// Returns the digest alone, for scripts.
pub(crate) fn digest(file: &Path) -> Result<String, FileError> {
    Ok(format!("{}\n", disk::contract(file)?.digest()))
}

fn summary(file: &Path, contract: &Contract) -> String {
    let file = file.display();
    let tools = plural(contract.tools().len(), "tool");
    let roles = plural(disk::roles(contract).len(), "role");
    let ok = format!("{file}: ok, {tools}, {roles}, digest {}\n", contract.digest());
    let notes: String = contract.notes().iter().map(|note| format!("{}\n", noted(note))).collect();
    let unpinned = unpinned(contract);
    if unpinned.is_empty() {
        return ok + &notes;
    }
    format!(
        "{ok}{notes}{file}: note: {unpinned}: sha256 is only zeros; run `callgate pin {file}` to write the modules' checksums\n"
    )
}

/// Returns the warnings about rules on sources, and with `suggest` the rules that tools lack.
fn advised(file: &Path, contract: &Contract, suggest: bool) -> String {
    let mut out = String::new();
    for one in advice(contract).iter().filter(|one| one.is_warning || suggest) {
        let kind = if one.is_warning { "warning" } else { "suggestion" };
        let Advice { tool, position, message, stanza, .. } = one;
        let place = match position {
            Some(position) => format!("spec.tools[{position}] ({tool})"),
            None => "spec".to_owned(),
        };
        out.push_str(&format!("{}: {kind}: {place}: {}\n", file.display(), plain(message)));
        out.extend(stanza.lines().map(|line| format!("      {line}\n")));
    }
    out
}

/// `file:line:column: note: spec.tools[0]…: message`.
fn noted(note: &Diagnostic) -> String {
    let text = note.to_string();
    let place = format!("{}:{}:{}: ", note.file, note.line, note.column);
    match text.strip_prefix(&place) {
        Some(rest) => format!("{place}note: {rest}"),
        None => format!("note: {text}"),
    }
}

/// Returns the tools whose checksum is still only zeros; the executor refuses them.
pub(crate) fn unpinned(contract: &Contract) -> String {
    unpinned_tools(contract).join(", ")
}

fn unpinned_tools(contract: &Contract) -> Vec<&str> {
    let tools = contract.tools().iter();
    let zeros = tools.filter(|tool| matches!(tool.run(), Run::Wasm(wasm) if wasm.sha256 == [0; 32]));
    zeros.map(|tool| tool.name()).collect()
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
