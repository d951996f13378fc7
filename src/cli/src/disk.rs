//! Contracts and their files, read from the file system.

use std::path::{Path, PathBuf};

use callgate_contract::{Contract, ContractPool, Files};
use serde_json::Value;

/// Reasons why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{file}: cannot be read: {reason}", file = file.display())]
    Read { file: PathBuf, reason: std::io::Error },
    #[error("{file}: cannot be written: {reason}", file = file.display())]
    Write { file: PathBuf, reason: std::io::Error },
    #[error("{file}: is not UTF-8 text", file = file.display())]
    NotText { file: PathBuf },
    /// One line for each diagnostic, each with file, line and column.
    #[error("{0}")]
    Contract(callgate_contract::Errors),
}

/// The files named by `$ref` in a contract, relative to the contract's folder.
struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|reason| reason.to_string())
    }
}

/// Returns the folder of the contract `file`; paths inside the contract are relative to it.
pub(crate) fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns the text of `file`, which must be UTF-8.
pub(crate) fn text(file: &Path) -> Result<String, FileError> {
    let bytes = std::fs::read(file).map_err(|reason| FileError::Read { file: file.into(), reason })?;
    String::from_utf8(bytes).map_err(|_| FileError::NotText { file: file.into() })
}

/// Reads and compiles the contract in `file`.
pub(crate) fn contract(file: &Path) -> Result<Contract, FileError> {
    compile(file, &text(file)?)
}

/// The same for one of several contracts, which share compiled schemas.
pub(crate) fn compile_in(pool: &mut ContractPool, file: &Path, text: &str) -> Result<Contract, FileError> {
    pool.load(&file.display().to_string(), text, &Beside(folder(file))).map_err(FileError::Contract)
}

/// Compiles `text` as the content of `file`.
pub(crate) fn compile(file: &Path, text: &str) -> Result<Contract, FileError> {
    callgate_contract::load(&file.display().to_string(), text, &Beside(folder(file))).map_err(FileError::Contract)
}

/// Returns the names of the contract's roles, in alphabetical order.
pub(crate) fn roles(contract: &Contract) -> Vec<String> {
    let value: Value = serde_json::from_str(contract.canonical()).unwrap_or_default();
    let roles = value.pointer("/spec/roles").and_then(Value::as_object);
    roles.map(|roles| roles.keys().cloned().collect()).unwrap_or_default()
}

/// Writes a file, and the folders above it. An existing file is an error unless `force` is set.
pub(crate) fn write_new(file: &Path, text: &str, force: bool) -> Result<(), FileError> {
    use std::io::Write as _;

    let failed = |reason| FileError::Write { file: file.into(), reason };
    std::fs::create_dir_all(folder(file)).map_err(failed)?;
    if force && file.symlink_metadata().is_ok() {
        return replace(file, text);
    }
    let options = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    options.and_then(|mut written| written.write_all(text.as_bytes())).map_err(failed)
}

/// Replaces the content of `file`, through a second file that is renamed, so that a crash leaves the old text or the new
/// one.
pub(crate) fn replace(file: &Path, text: &str) -> Result<(), FileError> {
    let failed = |reason| FileError::Write { file: file.into(), reason };
    let target = std::fs::canonicalize(file).map_err(failed)?;
    let mut beside = target.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&target)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, &target))
        .map_err(failed)
}
