//! Reads an ELF file: the functions that it exports, the functions that it needs, a constant.

use std::collections::BTreeSet;
use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use super::error::DoctorError;
use crate::disk::FileError;

/// Returns the content of a file.
pub(crate) fn bytes(file: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(file).map_err(|reason| FileError::Read { file: file.into(), reason })
}

/// Returns the exported names that begin with `prefix`.
pub(crate) fn exported(file: &Path, bytes: &[u8], prefix: &str) -> Result<BTreeSet<String>, DoctorError> {
    names(file, bytes, prefix, true)
}

/// Returns the names that begin with `prefix` and that another file must export.
pub(crate) fn needed(file: &Path, bytes: &[u8], prefix: &str) -> Result<BTreeSet<String>, DoctorError> {
    names(file, bytes, prefix, false)
}

fn names(file: &Path, bytes: &[u8], prefix: &str, defined: bool) -> Result<BTreeSet<String>, DoctorError> {
    let symbols = parse(file, bytes)?;
    let symbols = symbols.dynamic_symbols().filter(|symbol| symbol.is_undefined() != defined);
    let names = symbols.filter_map(|symbol| Some(symbol.name().ok()?.to_owned()));
    Ok(names.filter(|name| name.starts_with(prefix)).collect())
}

/// Returns the bytes of an exported constant.
pub(crate) fn constant(file: &Path, bytes: &[u8], name: &str) -> Result<Option<Vec<u8>>, DoctorError> {
    let object = parse(file, bytes)?;
    let value = object.dynamic_symbols().find(|symbol| symbol.name() == Ok(name)).and_then(|symbol| {
        let section = object.section_by_index(symbol.section_index()?).ok()?;
        section.data_range(symbol.address(), symbol.size()).ok().flatten().map(<[u8]>::to_vec)
    });
    Ok(value)
}

fn parse<'bytes>(file: &Path, bytes: &'bytes [u8]) -> Result<object::File<'bytes>, DoctorError> {
    object::File::parse(bytes).map_err(|_| DoctorError::NotElf { file: file.into() })
}
