//! The section `programs`: MCP servers on standard input and output, which the executor starts itself.
//!
//! As with an address, a contract only names one: no command ever comes from a contract or a request.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use callgate_confine::{Confinement, Confining};
use callgate_settings::{Bytes, ConfigFile, FieldError, SecretFile};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

/// Bounds of `memory`, in bytes.
const MEMORY_LEAST: u64 = 16 << 20;
const MEMORY_MOST: u64 = 64 << 30;
/// The bound of `processes`.
const PROCESSES_MOST: u64 = 4096;
/// Variables that choose code for the process which confines, before the program begins.
const LOADER: &str = "LD_";

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ProgramsSection(BTreeMap<String, ProgramEntry>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ProgramEntry {
    command: Spanned<Vec<String>>,
    directory: Option<Spanned<String>>,
    #[serde(default)]
    read: Vec<Spanned<String>>,
    #[serde(default)]
    write: Vec<Spanned<String>>,
    #[serde(default)]
    network: bool,
    memory: Option<Spanned<Bytes>>,
    processes: Option<Spanned<u64>>,
    #[serde(default)]
    environment: BTreeMap<String, Spanned<String>>,
}

/// A program, and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramSettings {
    /// The program with its grants.
    pub confinement: Confinement,
    /// Its environment.
    pub environment: Vec<(String, VariableSource)>,
    /// The program that confines it.
    pub confining: Confining,
}

/// The source of a variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// This text.
    Text(String),
    /// A file, read whenever the program starts.
    File(SecretFile),
}

/// The place and the name of one program, for faults.
struct ProgramField<'a> {
    place: &'a ConfigFile<'a>,
    name: &'a str,
}

// === impl ProgramsSection ===

impl ProgramsSection {
    /// Checks the section.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, place: &ConfigFile<'_>) -> Result<BTreeMap<String, ProgramSettings>, FieldError> {
        let resolve = |(name, entry): (String, ProgramEntry)| {
            let program = entry.resolve(&ProgramField { place, name: &name })?;
            Ok((name, program))
        };
        self.0.into_iter().map(resolve).collect()
    }
}

// === impl ProgramEntry ===

impl ProgramEntry {
    fn resolve(self, here: &ProgramField<'_>) -> Result<ProgramSettings, FieldError> {
        let at = self.command.referenced;
        super::section::check_name("programs", here.name, at, here.place)?;
        let mut command = self.command.value.into_iter();
        let program = command.next().filter(|program| Path::new(program).is_absolute());
        let program =
            program.ok_or_else(|| here.fault(at, "command", "expected the absolute path of a program first"))?;
        let mut confinement = Confinement { arguments: command.collect(), ..Confinement::of(program) };
        confinement.read = here.paths("read", &self.read)?;
        confinement.write = here.paths("write", &self.write)?;
        if let Some(directory) = &self.directory {
            confinement.directory = here.path("directory", directory)?;
        }
        confinement.network = self.network;
        if let Some(memory) = self.memory {
            let bytes = memory.value.0;
            if !(MEMORY_LEAST..=MEMORY_MOST).contains(&bytes) {
                return Err(here.fault(memory.referenced, "memory", "expected 16MiB to 64GiB"));
            }
            confinement.memory = bytes;
        }
        if let Some(processes) = self.processes {
            if !(1..=PROCESSES_MOST).contains(&processes.value) {
                return Err(here.fault(processes.referenced, "processes", "expected 1 to 4096"));
            }
            confinement.processes = processes.value;
        }
        let variables = self.environment.into_iter().map(|(name, value)| here.variable(name, &value));
        let environment = variables.collect::<Result<_, _>>()?;
        Ok(ProgramSettings { confinement, environment, confining: Confining::this() })
    }
}

// === impl ProgramField ===

impl ProgramField<'_> {
    fn fault(&self, at: Location, field: &str, message: &str) -> FieldError {
        self.place.fault(at, format!("programs.{}.{field}: {message}", self.name))
    }

    fn paths(&self, field: &str, paths: &[Spanned<String>]) -> Result<Vec<PathBuf>, FieldError> {
        paths.iter().map(|path| self.path(field, path)).collect()
    }

    fn path(&self, field: &str, text: &Spanned<String>) -> Result<PathBuf, FieldError> {
        let path = Path::new(&text.value);
        let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if path.is_absolute() && is_plain {
            return Ok(path.to_owned());
        }
        Err(self.fault(text.referenced, field, "expected an absolute path without `..`"))
    }

    fn variable(&self, name: String, value: &Spanned<String>) -> Result<(String, VariableSource), FieldError> {
        let field = format!("environment.{name}");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_plain) || name.starts_with(LOADER) {
            let expected = "expected a name of letters, digits and `_`, which does not begin with `LD_`";
            return Err(self.fault(value.referenced, &field, expected));
        }
        let source = if value.value.starts_with("file:") {
            VariableSource::File(SecretFile::resolve(&format!("programs.{}.{field}", self.name), value, self.place)?)
        } else if value.value.contains('\0') {
            return Err(self.fault(value.referenced, &field, "expected a text without a zero byte"));
        } else {
            VariableSource::Text(value.value.clone())
        };
        Ok((name, source))
    }
}
