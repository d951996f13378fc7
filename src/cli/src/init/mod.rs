//! `callgate init`: proposes a contract from captured requests and lists of tools.
//!
//! 1. [`proposal`](crate::proposal) collects the declared tools and drafts them.
//! 2. The advice of `callgate lint --suggest` gives the sources of arguments.
//! 3. [`header`] lists what a person has to review.
//!
//! The proposal compiles before anything is written. The same files give the same text.

mod args;
mod header;

use std::path::{Path, PathBuf};

use callgate_contract::{Contract, Files, advice};
use serde_json::Value;

pub(crate) use self::args::InitArguments;
use crate::disk::{self, FileError};
use crate::new::contract_name;
use crate::proposal::draft::{ToolDraft, drafts};
use crate::proposal::error::ProposalError;
use crate::proposal::read::{EntryReader, known};
use crate::proposal::served;
use crate::proposal::sketch::Sketch;
use crate::proposal::yaml;

/// The size of requests that a contract allows by default.
const MIB: usize = 1 << 20;

/// A profile to begin with, as comments: a profile that nobody thought about allows too much or nothing.
const PROFILE: &str = "  # With marks (`x-callgate`), a profile says what strings may mean; the role takes it with `profile: agent`:\n  \
                       # workspace: { root: /work/project }\n  \
                       # profiles:\n  \
                       #   agent: { read: [\".\", \"!.git\", \"!@secrets\"], write: [], run: [ls, cat], hosts: [] }\n";

/// A proposal: the contract's text, and the files of its schemas.
struct Proposal {
    text: String,
    schemas: Vec<(String, String)>,
    contract: Contract,
}

/// Proposes a contract and writes it.
pub(crate) fn init(arguments: &InitArguments) -> Result<String, ProposalError> {
    let to_stdout = arguments.out == Path::new("-");
    if to_stdout && arguments.schemas {
        return Err(ProposalError::NoFolder);
    }
    let mut reader = EntryReader::strict(arguments.api.as_deref().map(known).transpose()?);
    arguments.from.iter().try_for_each(|file| reader.file(file))?;
    arguments.mcp_servers.iter().try_for_each(|given| served::read(reader.sketch(), given))?;
    let sketch = reader.finish()?;
    let Proposal { text, schemas, contract } = propose(&sketch, arguments)?;
    if to_stdout {
        return Ok(text);
    }
    let file = &arguments.out;
    let folder = disk::folder(file);
    let mut written: Vec<(PathBuf, &str)> =
        schemas.iter().map(|(path, text)| (folder.join(path), text.as_str())).collect();
    written.push((file.clone(), text.as_str()));
    if !arguments.force
        && let Some((file, _)) = written.iter().find(|(file, _)| file.symlink_metadata().is_ok())
    {
        return Err(ProposalError::Exists { file: file.clone() });
    }
    for (file, text) in &written {
        disk::write_new(file, text, arguments.force)?;
    }
    let (shown, tools) = (file.display(), contract.tools().len());
    let skipped = match sketch.skipped {
        0 => String::new(),
        count => format!("note: {count} entries are neither requests nor lists of tools\n"),
    };
    Ok(format!(
        "{shown}: proposed, {tools} tools, digest {digest}\n{skipped}next:\n  review the points in its first lines\n  callgate lint {shown} --suggest\n  \
         callgate check {shown} --role {role} --tool TOOL --arguments JSON --conversation REQUEST --api API\n",
        digest = contract.digest(),
        role = arguments.role,
    ))
}

fn propose(sketch: &Sketch, arguments: &InitArguments) -> Result<Proposal, ProposalError> {
    let (mut tools, unfit) = drafts(sketch);
    if tools.is_empty() {
        return Err(ProposalError::NoTools);
    }
    let schemas: Vec<(String, String)> = match arguments.schemas {
        true => tools.iter().map(|tool| (tool.schema_file(), pretty(&tool.parameters.schema))).collect(),
        false => Vec::new(),
    };
    let compile = |text: &str| {
        let files = Schemas(&schemas);
        callgate_contract::load(&arguments.out.display().to_string(), text, &files)
            .map_err(|errors| ProposalError::Invalid(FileError::Contract(errors)))
    };
    // Advice on a tool may depend on the fields of another one, and is about the contract without any.
    let bare = compile(&written(sketch, arguments, &tools, &unfit))?;
    for one in advice(&bare).into_iter().filter(|one| !one.is_warning) {
        if let Some(tool) = one.position.and_then(|position| tools.get_mut(position)) {
            tool.stanzas.push_str(&one.stanza);
        }
    }
    let text = written(sketch, arguments, &tools, &unfit);
    let contract = compile(&text)?;
    Ok(Proposal { text, schemas, contract })
}

/// Writes the contract.
fn written(sketch: &Sketch, arguments: &InitArguments, tools: &[ToolDraft<'_>], unfit: &[&str]) -> String {
    let mut out = String::new();
    header::write(&mut out, sketch, arguments, tools, unfit);
    let name = arguments.name.clone().unwrap_or_else(|| contract_name(&disk::folder(&arguments.out)));
    let models: Vec<Value> = match (&arguments.model, &sketch.models) {
        (given, _) if !given.is_empty() => given.iter().map(|model| Value::from(model.as_str())).collect(),
        (_, seen) if !seen.is_empty() => seen.iter().map(|model| Value::from(model.as_str())).collect(),
        _ => vec![Value::from("*")],
    };
    out.push_str("apiVersion: callgate.dev/v1\nkind: Contract\n");
    out.push_str(&format!("metadata: {{ name: {}, version: 0.1.0 }}\nspec:\n", yaml::scalar_of(&name)));
    out.push_str(&format!("  models: {}\n", yaml::flow(&Value::Array(models))));
    if sketch.largest > 4 * MIB {
        let mib = (sketch.largest * 2).div_ceil(MIB).next_power_of_two();
        out.push_str(&format!("  limits: {{ requestBytes: {mib}MiB }} # twice the largest request\n"));
    }
    if arguments.shadow {
        out.push_str("  enforce: false # shadow mode: decide and report, refuse nothing\n");
    }
    if tools.iter().any(|tool| !tool.marks.is_empty()) {
        out.push_str(PROFILE);
    }
    out.push_str(&format!("  roles:\n    {}: {{ tools: [\"*\"] }}\n  tools:\n", yaml::scalar_of(&arguments.role)));
    tools.iter().for_each(|tool| tool.write(&mut out, arguments.schemas));
    out
}

fn pretty(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// The schemas that are about to be written.
struct Schemas<'s>(&'s [(String, String)]);

impl Files for Schemas<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(name, _)| name == path).map(|(_, text)| text.clone());
        found.ok_or_else(|| "it is not in the proposal".to_owned())
    }
}
