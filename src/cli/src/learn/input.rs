//! The forms of input: captured requests, HTTP archives, audit logs.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::LearnError;
use super::infer;
use crate::disk::{self, FileError};
use crate::proposal::error::ProposalError;
use crate::proposal::read::EntryReader;
use crate::proposal::sketch::ToolSketch;
use crate::replay::each_record;

/// The maximum bytes of a file.
const FILE: u64 = 1 << 30;

/// Reads a file of requests.
pub(super) fn requests(reader: &mut EntryReader, file: &Path) -> Result<(), LearnError> {
    bounded(file)?;
    Ok(reader.file(file)?)
}

/// Reads an HTTP archive. A request with a body is an exchange of its address.
pub(super) fn har(reader: &mut EntryReader, file: &Path) -> Result<(), LearnError> {
    bounded(file)?;
    let text = disk::text(file).map_err(ProposalError::from)?;
    let shown = file.display().to_string();
    let not_har = |reason: String| LearnError::Har { file: shown.clone(), reason };
    let value = callgate_json::read_nearest(text.as_bytes()).map_err(|error| not_har(error.to_string()))?;
    let entries = value.pointer("/log/entries").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| not_har("it has no `log.entries`".to_owned()))?;
    for (number, entry) in entries.iter().enumerate() {
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
        let Some(body) = text("/request/postData/text") else {
            reader.sketch().skipped += 1;
            continue;
        };
        let mut exchange =
            json!({ "method": text("/request/method"), "path": text("/request/url"), "headers": {}, "request": body });
        // The answer of an MCP server may be a list of tools.
        if let (Some(answer), Some(members)) = (text("/response/content/text"), exchange.as_object_mut()) {
            members.insert("response_body".to_owned(), answer.into());
        }
        reader.entry(&format!("{shown}: entry {number}"), &exchange)?;
    }
    Ok(())
}

/// Reads an audit log, and adds the names of its tools to `names`. Returns the number of calls that were refused, from which nothing is
/// learned.
pub(super) fn audit(reader: &mut EntryReader, log: &Path, names: &mut BTreeSet<String>) -> Result<usize, LearnError> {
    let (mut refused, mut bare) = (0, 0);
    each_record(log, &mut |record| {
        if record.kind != "decision" || record.tool.is_empty() {
            return;
        }
        if !matches!(&*record.verdict, "allow" | "approved") {
            refused += 1;
            return;
        }
        let arguments = record.arguments.as_deref();
        match arguments.and_then(|text| callgate_json::read_nearest(text.as_bytes()).ok()).filter(Value::is_object) {
            Some(arguments) => {
                names.insert(record.tool.to_string());
                reader.sketch().call(&record.tool, arguments);
            }
            None => bare += 1,
        }
    })?;
    if bare > 0 {
        let note = format!("{}: {bare} records have no arguments; `audit: full` of a tool keeps them", log.display());
        reader.sketch().note_unread(note);
    }
    Ok(refused)
}

/// Declares the tools of a log that nothing declares, with schemas of the calls.
pub(super) fn declare_called(reader: &mut EntryReader, names: &BTreeSet<String>) -> Vec<String> {
    let sketch = reader.sketch();
    let inferred: Vec<(String, Value)> = infer::schemas(&sketch.calls)
        .into_iter()
        .filter(|(name, _)| names.contains(name))
        .filter(|(name, _)| sketch.tools.iter().all(|tool| tool.name != *name))
        .collect();
    for (name, parameters) in &inferred {
        sketch.add(ToolSketch { name: name.clone(), parameters: parameters.clone(), ..ToolSketch::default() });
    }
    inferred.into_iter().map(|(name, _)| name).collect()
}

fn bounded(file: &Path) -> Result<(), LearnError> {
    let length = std::fs::metadata(file).map(|data| data.len());
    let length = length.map_err(|reason| ProposalError::File(FileError::Read { file: file.into(), reason }))?;
    if length > FILE { Err(LearnError::Large { file: file.display().to_string() }) } else { Ok(()) }
}
