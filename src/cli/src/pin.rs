//! `callgate pin`: the SHA-256 of every tool's module, written into the contract.
//!
//! Only the `sha256` scalars change; every other byte of the file stays. The new text is read again and compared with the old
//! one before anything is written, so a place that was located wrongly is an error and never a damaged contract.

mod places;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::{Outcome, disk};
use places::{Place, places};

/// Why a contract was not pinned; nothing was written then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error("{file}:{line}:{column}: {reason}")]
    NotYaml { file: String, line: usize, column: usize, reason: String },
    #[error("{file}:{line}:{column}: nothing is pinned: {reason}")]
    Place { file: String, line: usize, column: usize, reason: &'static str },
    #[error("{file}: nothing is pinned: the module of {tool} cannot be read: {module}: {reason}")]
    Module { file: String, tool: String, module: String, reason: std::io::Error },
    #[error("{file}: nothing is pinned: the module of {tool}, {module}, is not a WebAssembly module or component")]
    NotWasm { file: String, tool: String, module: String },
    #[error("{file}: nothing is pinned: replacing the sha256 values would change more than them; please report this")]
    Damage { file: String },
}

/// One line for each module, and the digest of each contract that came out.
pub(crate) fn pin(files: &[PathBuf]) -> Outcome {
    let mut lines = String::new();
    let mut errors = Vec::new();
    for file in files {
        match pin_one(file) {
            Ok(told) => lines.push_str(&told),
            Err(error) => errors.push(error),
        }
    }
    Outcome::of_files(lines, errors)
}

fn pin_one(file: &Path) -> Result<String, Error> {
    let name = file.display().to_string();
    let before = disk::text(file)?;
    let mut after = before.clone();
    let mut told = String::new();
    let places = places(&name, &before)?;
    // From the last one to the first, so that the places in front of a replacement stay where they are.
    let mut pinned = Vec::new();
    for place in places.iter().rev() {
        let sum = checksum(&name, file, place)?;
        pinned.push((place, sum.clone()));
        if place.sha256 != sum {
            after.replace_range(place.range.clone(), &place.written(&sum));
        }
    }
    unharmed(&name, &places, &pinned, &after)?;
    let contract = disk::compile(file, &after)?;
    for (place, sum) in pinned.iter().rev() {
        let change = if place.sha256 == *sum { "unchanged" } else { "pinned" };
        let _ =
            writeln!(told, "{name}: {tool}: {module} sha256 {sum} {change}", tool = place.tool, module = place.module);
    }
    if after != before {
        write(file, &after)?;
    }
    let _ = writeln!(told, "{name}: digest {}", contract.digest());
    Ok(told)
}

fn checksum(name: &str, file: &Path, place: &Place) -> Result<String, PinError> {
    let path = disk::folder(file).join(&place.module);
    let bytes = std::fs::read(&path).map_err(|reason| PinError::Module {
        file: name.to_owned(),
        tool: place.tool.clone(),
        module: path.display().to_string(),
        reason,
    })?;
    if !bytes.starts_with(b"\0asm") {
        let module = path.display().to_string();
        return Err(PinError::NotWasm { file: name.to_owned(), tool: place.tool.clone(), module });
    }
    let sum = Sha256::digest(&bytes);
    Ok(sum.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// The same tools with the same modules, and at each the sum that was meant for it.
fn unharmed(name: &str, before: &[Place], pinned: &[(&Place, String)], after: &str) -> Result<(), PinError> {
    let now = places(name, after)?;
    let same = now.len() == before.len()
        && now
            .iter()
            .zip(pinned.iter().rev())
            .all(|(now, (place, sum))| now.tool == place.tool && now.module == place.module && now.sha256 == *sum);
    if same { Ok(()) } else { Err(PinError::Damage { file: name.to_owned() }) }
}

/// Through a second file that is renamed, so that a crash leaves the old contract or the new one.
fn write(file: &Path, text: &str) -> Result<(), Error> {
    let failed = |reason| Error::Write { file: file.into(), reason };
    let target = std::fs::canonicalize(file).map_err(failed)?;
    let mut beside = target.clone().into_os_string();
    beside.push(".pin");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&target)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, &target))
        .map_err(failed)
}
