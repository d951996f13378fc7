//! The fence around contracts' grants on this machine: only things the operator allows, and none of the executor's own. Programs, which
//! the operator lists, get none of the executor's own either; they may read what everybody may.
//!
//! The executor's own files are its state, configuration, certificates, keys, tokens, secrets and sockets, and all
//! files of contracts. A granted folder neither contains nor lies in any of them: a tool could otherwise read the
//! approvers' token, replace compiled code, or rewrite its own contract. The same holds for the secrets of tools: a
//! tool could otherwise read another's, or replace it with a link. Everything is compared by identity, not by path, so
//! links bypass nothing. A folder with a link on the way to any of it counts as well.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{AdmissionError, ToolFault};
use super::settings::{AdmissionSettings, OwnPath, ProgramPath};
use callgate_sandbox::{FileId, Handle};
use callgate_settings::Allow;

/// The maximum links on the way to one file, as in the system.
const LINKS: usize = 40;

/// The limits of grants: the operator's lists, and the files no tool may have.
pub(super) struct Fence {
    own: Vec<Own>,
    /// The secrets of tools. No granted folder contains them.
    handed: Vec<Own>,
    folders: AllowList,
    secrets: AllowList,
    variables: Vec<String>,
    /// The configuration file.
    file: PathBuf,
}

/// One of the executor's own files.
struct Own {
    what: &'static str,
    path: PathBuf,
    /// Its own identity, and its target's if it is a link; none if it does not exist yet.
    ids: Vec<FileId>,
    /// The folders above it, above its target, and above each link on the way.
    above: Vec<FileId>,
    /// Its real path, if it exists.
    real: Option<PathBuf>,
    /// True if everybody may read it.
    public: bool,
}

/// One of the operator's lists.
struct AllowList {
    allow: Allow,
    ids: Vec<FileId>,
}

// === impl Fence ===

impl Fence {
    /// Looks up the executor's own paths: those of `config`, those `in_use`, and the files of `contracts`. `secrets`
    /// are the files contracts pass to tools.
    pub(super) fn new(
        settings: &AdmissionSettings,
        in_use: &[OwnPath],
        contracts: impl Iterator<Item = PathBuf>,
        secrets: impl Iterator<Item = PathBuf>,
    ) -> Result<Self, AdmissionError> {
        let own: BTreeSet<_> = settings.own.iter().chain(in_use).cloned().collect();
        let own = own.into_iter().map(|OwnPath { what, path, public }| Own { public, ..Own::find(what, path) });
        let own = own.chain(contracts.map(|path| Own::find("a file of a contract", path)));
        let base = settings.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let list = |field: &'static str, allow: &Allow| {
            AllowList::new(field, base, allow).map_err(|(path, reason)| AdmissionError::Allow {
                file: settings.file.display().to_string(),
                field,
                path,
                reason: reason.to_string(),
            })
        };
        Ok(Self {
            own: own.collect(),
            handed: secrets.map(|path| Own::find("a secret of a tool", path)).collect(),
            folders: list("sandbox.allow", &settings.sandbox.allow)?,
            secrets: list("secrets.allow", &settings.secrets)?,
            variables: settings.sandbox.env.clone(),
            file: settings.file.clone(),
        })
    }

    /// Checks an environment variable a contract grants.
    pub(super) fn variable(&self, name: &str) -> Result<(), ToolFault> {
        if self.variables.iter().any(|allowed| allowed == name) {
            return Ok(());
        }
        let all: Vec<_> = self.variables.iter().map(String::as_str).chain([name]).collect();
        Err(ToolFault::VariableNotAllowed {
            name: name.to_owned(),
            line: format!("sandbox: {{ env: [{}] }}", all.join(", ")),
            configuration: self.file.clone(),
        })
    }

    /// Checks a folder a contract grants.
    pub(super) fn folder(&self, folder: &Handle) -> Result<(), ToolFault> {
        if let Some(own) = self.own.iter().chain(&self.handed).find(|own| own.conflicts_with(folder)) {
            return Err(ToolFault::OwnFolder { host: folder.path().to_owned(), what: own.what, own: own.path.clone() });
        }
        if self.folders.allows(folder.chain()) {
            return Ok(());
        }
        Err(ToolFault::FolderNotAllowed {
            host: folder.path().to_owned(),
            line: format!("sandbox: {{ {} }}", self.folders.allow.with(&self.relative(folder.path()))),
            configuration: self.file.clone(),
        })
    }

    /// Checks a file or folder that the configuration gives to a program. A missing one is refused when the program is tried.
    pub(super) fn program(&self, ProgramPath { program, writes, path }: &ProgramPath) -> Result<(), AdmissionError> {
        let field = if *writes { "write" } else { "read" };
        let unread = |reason: io::Error| AdmissionError::ProgramPath {
            file: self.file.display().to_string(),
            program: program.clone(),
            field,
            path: path.clone(),
            reason: reason.to_string(),
        };
        let Ok(real) = path.canonicalize() else { return Ok(()) };
        let fenced = self.own.iter().chain(&self.handed).filter(|own| *writes || !own.public);
        let found = real.metadata().map_err(unread)?;
        let conflict = if found.is_dir() {
            let folder = Handle::open(&real).map_err(unread)?;
            fenced.into_iter().find(|own| own.conflicts_with(&folder))
        } else {
            let folder = Handle::open(or_here(real.parent().unwrap_or(&real))).map_err(unread)?;
            let chain: Vec<_> = folder.chain().iter().copied().chain([FileId::of_metadata(&found)]).collect();
            fenced.into_iter().find(|own| own.is_or_holds(&chain, &real))
        };
        conflict.map_or(Ok(()), |own| {
            Err(AdmissionError::OwnProgramPath {
                file: self.file.display().to_string().into(),
                program: program.as_str().into(),
                field,
                path: path.clone(),
                what: own.what,
                own: own.path.clone(),
            })
        })
    }

    /// Opens a file a contract passes to a tool as a secret.
    pub(super) fn secret(&self, variable: &str, path: &Path) -> Result<File, ToolFault> {
        let unread = |reason: io::Error| ToolFault::Secret {
            variable: variable.to_owned(),
            file: path.to_owned(),
            reason: reason.to_string(),
        };
        let real = path.canonicalize().map_err(unread)?;
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(unread(io::Error::other("it is not a file")));
        };
        let folder = Handle::open(folder).map_err(unread)?;
        let file = folder.file(name).map_err(unread)?;
        let id = FileId::of(&file).map_err(unread)?;
        let chain: Vec<_> = folder.chain().iter().copied().chain([id]).collect();
        if let Some(own) = self.own.iter().find(|own| own.is_or_holds(&chain, &real)) {
            return Err(ToolFault::OwnSecret {
                variable: variable.to_owned(),
                file: path.to_owned(),
                what: own.what,
                own: own.path.clone(),
            });
        }
        if self.secrets.allows(&chain) {
            return Ok(file);
        }
        Err(ToolFault::SecretNotAllowed {
            variable: variable.to_owned(),
            file: path.to_owned(),
            line: format!("secrets: {{ {} }}", self.secrets.allow.with(&self.relative(&real))),
            configuration: self.file.clone(),
        })
    }

    /// Returns the path as the configuration would write it.
    fn relative(&self, path: &Path) -> PathBuf {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let inside = folder.canonicalize().ok().and_then(|folder| Some(path.strip_prefix(folder).ok()?.to_owned()));
        match inside {
            Some(inside) if inside.as_os_str().is_empty() => PathBuf::from("."),
            Some(inside) => inside,
            None => path.to_owned(),
        }
    }
}

// === impl Own ===

impl Own {
    fn find(what: &'static str, path: PathBuf) -> Self {
        let (mut ids, mut above) = (Vec::new(), Vec::new());
        let mut add = |path: &Path| {
            if let Ok(found) = path.symlink_metadata() {
                ids.push(FileId::of_metadata(&found));
            }
            // A missing folder will be created below the nearest existing one.
            let existing = path.ancestors().skip(1).find_map(|folder| Handle::open(or_here(folder)).ok());
            above.extend(existing.iter().flat_map(Handle::chain));
        };
        add(&path);
        let real = path.canonicalize().ok();
        if let Some(real) = &real {
            add(real);
        }
        let mut way = path.clone();
        for _ in 0..LINKS {
            let Some((folder, led)) = first_link(&way) else { break };
            // A process that can write there can redirect the path.
            above.extend(Handle::open(&folder).iter().flat_map(Handle::chain));
            way = led;
        }
        Self { what, path, ids, above, real, public: false }
    }

    /// Returns true if a file is this, or lies in it. `chain` is the file's, `path` its real path.
    fn is_or_holds(&self, chain: &[FileId], path: &Path) -> bool {
        self.ids.iter().any(|own| chain.contains(own)) || self.real.as_ref().is_some_and(|real| path.starts_with(real))
    }

    fn conflicts_with(&self, folder: &Handle) -> bool {
        let same = |real: &PathBuf| real.starts_with(folder.path()) || folder.path().starts_with(real);
        self.above.contains(&folder.id())
            || self.ids.iter().any(|own| folder.chain().contains(own))
            // Some layered file systems change an identity while nobody holds the folder open.
            || self.real.as_ref().is_some_and(same)
    }
}

/// Returns the first link on a path: its folder, and the path with the link replaced by its target.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let steps: Vec<_> = path.ancestors().collect();
    steps.into_iter().rev().find_map(|step| {
        let target = step.read_link().ok()?;
        let folder = or_here(step.parent()?);
        let rest = path.strip_prefix(step).ok()?;
        let led = folder.join(target);
        Some((folder.to_owned(), if rest.as_os_str().is_empty() { led } else { led.join(rest) }))
    })
}

fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

// === impl AllowList ===

impl AllowList {
    fn new(field: &'static str, base: &Path, allow: &Allow) -> Result<Self, (PathBuf, io::Error)> {
        let mut ids = Vec::new();
        for allowed in allow.paths() {
            match Self::find(base, Path::new(&allowed.written)) {
                Ok(id) => ids.push(id),
                // It contains nothing a contract could grant.
                Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
                    tracing::warn!(field, path = %allowed.path.display(), "a path that contracts may grant does not exist");
                }
                Err(reason) => return Err((allowed.path.clone(), reason)),
            }
        }
        Ok(Self { ids, allow: allow.clone() })
    }

    /// Returns the identity of a file or folder, without following a link below `base`.
    fn find(base: &Path, written: &Path) -> io::Result<FileId> {
        let path = base.canonicalize()?.join(written);
        match Handle::walk(&path) {
            Ok(folder) => Ok(folder.id()),
            Err(reason) => {
                let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(reason) };
                let found = path.symlink_metadata()?;
                if found.is_symlink() {
                    return Err(io::Error::other("it is a symbolic link; write the path that it leads to"));
                }
                if !found.is_file() {
                    return Err(reason);
                }
                FileId::of(&Handle::walk(folder)?.file(OsStr::new(name))?)
            }
        }
    }

    fn allows(&self, chain: &[FileId]) -> bool {
        self.ids.iter().any(|allowed| chain.contains(allowed))
    }
}
