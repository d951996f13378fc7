//! `callgate pin`: writes the SHA-256 of every tool's module into the contract, or the digest of an MCP server's definition of it.
//!
//! Only the `sha256` scalars change, or are added if missing; every other byte of the file stays. Before anything is
//! written, the new text is read again and compared with the old one. So a wrongly located scalar is an error and never a
//! damaged contract.

mod definitions;
mod error;
mod modules;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest as _, Sha256};

use self::error::PinError;
use self::modules::{PinnedModule, modules};
use crate::disk;
use crate::output::Outcome;

/// Write the SHA-256 of each tool's module, or of an MCP server's definitions, into its contract
#[derive(Args)]
#[command(
    after_help = "Only the values of `sha256` or `definition` change, or are added if missing; comments and layout stay byte for byte.\n\
                  Nothing is written unless every module exists and the result is a valid contract."
)]
pub(crate) struct PinArguments {
    /// Contract files; module paths are relative to each
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Pin only this tool's module; the others need not exist
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Option<String>,
    /// Pin the definitions of an MCP server's tools in place of modules: the JSON of its answer to `tools/list`
    #[arg(long, value_name = "LIST", conflicts_with = "tool")]
    pub(crate) definitions: Option<PathBuf>,
}

/// Returns one line for each module, and the digest of each resulting contract.
pub(crate) fn pin(arguments: &PinArguments) -> Outcome {
    let mut lines = String::new();
    let mut errors = Vec::new();
    for file in &arguments.files {
        let pinned = match &arguments.definitions {
            Some(list) => definitions::pin(file, list),
            None => pin_one(file, arguments.tool.as_deref()),
        };
        match pinned {
            Ok(told) => lines.push_str(&told),
            Err(error) => errors.push(error.into()),
        }
    }
    Outcome::of_files(lines, errors)
}

fn pin_one(file: &Path, only: Option<&str>) -> Result<String, PinError> {
    let name = file.display().to_string();
    let before = disk::text(file)?;
    let mut after = before.clone();
    let mut told = String::new();
    let found = modules(&name, &before)?;
    // From last to first, so that a replacement moves no byte before it.
    let mut pinned = Vec::new();
    if let Some(tool) = only.filter(|only| found.iter().all(|module| module.tool != *only)) {
        return Err(PinError::NoTool { file: name, tool: tool.to_owned() });
    }
    for module in found.iter().rev() {
        let meant = only.is_none_or(|only| module.tool == only);
        let sum = if meant { checksum(&name, file, module)? } else { module.sha256.clone() };
        pinned.push((module, sum.clone()));
        if module.sha256 != sum {
            after.replace_range(module.range.clone(), &module.written(&sum));
        }
    }
    unharmed(&name, &found, &pinned, &after)?;
    let contract = disk::compile(file, &after)?;
    for (PinnedModule { tool, module, sha256, .. }, sum) in pinned.iter().rev() {
        if only.is_some_and(|only| tool != only) {
            continue;
        }
        let change = if sha256 == sum { "unchanged" } else { "pinned" };
        let _ = writeln!(told, "{name}: {tool}: {module} sha256 {sum} {change}");
    }
    if after != before {
        disk::replace(file, &after)?;
    }
    let _ = writeln!(told, "{name}: digest {}", contract.digest());
    Ok(told)
}

fn checksum(name: &str, file: &Path, pinned: &PinnedModule) -> Result<String, PinError> {
    let path = disk::folder(file).join(&pinned.module);
    let bytes = std::fs::read(&path).map_err(|reason| PinError::Module {
        file: name.to_owned(),
        tool: pinned.tool.clone(),
        module: path.display().to_string(),
        reason,
    })?;
    if !bytes.starts_with(b"\0asm") {
        let module = path.display().to_string();
        return Err(PinError::NotWasm { file: name.to_owned(), tool: pinned.tool.clone(), module });
    }
    let sum = Sha256::digest(&bytes);
    Ok(sum.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Checks that the tools and modules are the same, and that each has its own sum.
fn unharmed(
    name: &str,
    before: &[PinnedModule],
    pinned: &[(&PinnedModule, String)],
    after: &str,
) -> Result<(), PinError> {
    let now = modules(name, after)?;
    let same = now.len() == before.len()
        && now
            .iter()
            .zip(pinned.iter().rev())
            .all(|(now, (then, sum))| now.tool == then.tool && now.module == then.module && now.sha256 == *sum);
    if same { Ok(()) } else { Err(PinError::Damage { file: name.to_owned() }) }
}
