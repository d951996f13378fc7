//! `callgate new tool`: creates a folder with a tool that builds, its schema, a test, and its entry in the contract.
//!
//! Everything is checked before the first byte is written: the new contract is compiled in memory. An existing folder is
//! never touched, and in an existing contract only the new entry changes.

mod append;
mod args;
mod error;
mod language;
mod template;

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use callgate_contract::{Contract, Files};

use self::append::append;
pub(crate) use self::args::NewArguments;
use self::args::{NewCommand, NewToolArguments};
use self::error::NewError;
use self::template::{Filled, TemplateNames};
use crate::disk::{self, FileError};

/// The contract's own files, and the schema that is about to be written.
struct WithSchema {
    folder: PathBuf,
    path: String,
}

pub(crate) fn new(arguments: &NewArguments) -> Result<String, NewError> {
    match &arguments.command {
        NewCommand::Tool(arguments) => new_tool(arguments),
    }
}

fn new_tool(arguments: &NewToolArguments) -> Result<String, NewError> {
    let NewToolArguments { name, lang, contract: file } = arguments;
    if !is_name(name) {
        return Err(NewError::Name);
    }
    let language = lang.language();
    let parent = disk::folder(file);
    let folder = parent.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(NewError::Exists { folder });
    }
    let no_name = || NewError::FileName { file: file.clone() };
    let file_name =
        file.file_name().and_then(|name| name.to_str()).filter(|name| is_plain(name)).ok_or_else(no_name)?;
    let names = TemplateNames { tool: name, file: file_name, folder: &contract_name(&parent), language };
    let before = match file.symlink_metadata() {
        Ok(_) => Some(disk::text(file)?),
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => None,
        Err(reason) => return Err(FileError::Read { file: file.clone(), reason }.into()),
    };
    let entry = names.entry().map_err(NewError::Template)?;
    let schema = WithSchema { folder: parent.clone(), path: format!("{name}/parameters.json") };
    let after = match &before {
        None => names.contract(&entry).map_err(NewError::Template)?,
        Some(before) => {
            let old = compile(file, before, &schema)?;
            if old.entry(name).is_some() {
                return Err(NewError::Known { file: file.clone(), tool: name.clone() });
            }
            let refused = |reason| NewError::Append { file: file.clone(), reason, entry: entry.clone() };
            let after = append(&file.display().to_string(), before, &entry).map_err(|error| match error {
                append::AppendError::NotYaml(error) => NewError::NotYaml(error),
                append::AppendError::Form(reason) => refused(reason),
            })?;
            let grown =
                compile(file, &after, &schema).map_err(|_| refused("the result would not be a valid contract"))?;
            if !append::only_grew(&old, &grown) {
                return Err(refused("more than the entry would change"));
            }
            after
        }
    };
    let contract = compile(file, &after, &schema)?;
    let roles: Vec<_> = disk::roles(&contract).into_iter().filter(|role| may(&contract, role, name)).collect();
    let role = roles.iter().find(|role| is_plain(role)).map(String::as_str);
    let files = names.files(role).map_err(NewError::Template)?;
    fs::create_dir(&folder).map_err(|reason| FileError::Write { file: folder.clone(), reason })?;
    let written = write(&folder, &files).and_then(|()| match &before {
        Some(_) => disk::replace(file, &after),
        None => create(file, &after, 0o644),
    });
    if let Err(error) = written {
        // The folder is new, and a tool without its entry would only be in the way.
        let _ = fs::remove_dir_all(&folder);
        return Err(error.into());
    }
    let how = if before.is_some() { "added to" } else { "written to" };
    Ok(told(&folder, file, name, !roles.is_empty(), how))
}

fn told(folder: &Path, file: &Path, name: &str, callable: bool, how: &str) -> String {
    let (folder, file) = (folder.display(), file.display());
    let role = if callable {
        String::new()
    } else {
        format!("note: no role of {file} may call {name} yet; add it to the `tools` of a role\n")
    };
    format!(
        "{folder}: made, its entry is {how} {file}\n{role}next:\n  {folder}/build.sh   # build it and pin it\n  {folder}/test.sh    \
         # run it as the executor would\n  see {folder}/README.md\n"
    )
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain)
}

/// Returns true if scripts may hold the name unquoted.
fn is_plain(name: &str) -> bool {
    !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Returns a contract's name, after its folder.
pub(crate) fn contract_name(folder: &Path) -> String {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A folder that is about to be created has a name too.
    let folder = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
    let name = folder.ok().and_then(|path| path.file_name().map(|name| name.to_string_lossy().to_lowercase()));
    let name = name.unwrap_or_default();
    let plain = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').skip_while(|c| *c == '-');
    let name: String = plain.take(60).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "my-tools".to_owned() } else { name.to_owned() }
}

fn compile(file: &Path, text: &str, files: &WithSchema) -> Result<Contract, FileError> {
    callgate_contract::load(&file.display().to_string(), text, files).map_err(FileError::Contract)
}

fn may(contract: &Contract, role: &str, tool: &str) -> bool {
    let role = contract.role(role);
    contract.permit(role, tool).is_ok()
}

/// Writes all files of the new folder.
fn write(folder: &Path, files: &[Filled]) -> Result<(), FileError> {
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |reason| FileError::Write { file, reason }
    };
    for Filled { path, text, mode } in files {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        create(&file, text, *mode)?;
    }
    Ok(())
}

/// Writes a file, which must not exist yet.
fn create(file: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    use std::io::Write as _;

    let options = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    options
        .and_then(|mut written| written.write_all(text.as_bytes()))
        .map_err(|reason| FileError::Write { file: file.to_owned(), reason })
}

impl Files for WithSchema {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == self.path {
            return Ok(template::PARAMETERS.to_owned());
        }
        fs::read_to_string(self.folder.join(path)).map_err(|reason| reason.to_string())
    }
}
