//! The workspace of a contract, and paths resolved against it.
//!
//! Resolution is lexical: `.` and empty names are dropped, and `..` removes the name before it. The kernel goes another way if that name is
//! a symbolic link, so a strict workspace refuses `..` after a name.

use super::root::Root;
use super::{text, windows};
use crate::Refusal;
use std::fmt;

/// The most directories of a root.
pub(super) const MOST_ROOT_NAMES: usize = 64;

/// The most names of a path.
const MOST_NAMES: usize = 256;

/// Names in `/proc/PID` that lead to other places of the file system.
const MAGIC_LINKS: [&str; 6] = ["cwd", "exe", "fd", "map_files", "root", "task"];

/// The operating system whose rules of paths hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Os {
    /// `/` separates components, and case counts.
    #[default]
    Posix,
    /// `\` and `/` separate components, names have drives, and case does not count.
    Windows,
}

/// The directory in which relative paths begin, and to which the entries of a profile are relative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    os: Os,
    root: Root,
    is_strict: bool,
}

/// An absolute path after `.`, `..` and repeated separators are resolved. On Windows the first component is the drive, such as `C:`.
///
/// `Default` is the root of a POSIX file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedPath {
    components: Vec<String>,
}

// === impl Workspace ===

impl Workspace {
    /// Reads the root: an absolute path without `..`, of at most 64 directories.
    ///
    /// # Errors
    ///
    /// The root is refused as a path, or is not absolute.
    pub fn new(root: &str, os: Os) -> Result<Self, Refusal> {
        let strict = Self { os, root: Root::default(), is_strict: true };
        text::check_length(root)?;
        if !strict.is_absolute(root) {
            return Err(Refusal::whole("is not an absolute path"));
        }
        let root = strict.resolve(root, &ResolvedPath::default())?;
        let names = root.components.len();
        if names > MOST_ROOT_NAMES {
            return Err(Refusal::whole("has more than 64 directories"));
        }
        Ok(Self::at(Root::new(root, names), os))
    }

    /// Reads a root that the request states: as [`new`](Self::new), and neither the root of a file system, which holds every workspace,
    /// nor a value with a comma, which joins two headers.
    ///
    /// # Errors
    ///
    /// The text cannot be such a root.
    pub fn stated(root: &str, os: Os) -> Result<Self, Refusal> {
        if let Some(at) = root.find(',') {
            return Err(Refusal::byte(at, "has a comma, as two headers in one have"));
        }
        let workspace = Self::new(root, os)?;
        if workspace.root.path().components.len() == usize::from(os == Os::Windows) {
            return Err(Refusal::whole("is the root of a file system"));
        }
        Ok(workspace)
    }

    /// Returns the workspace that is a whole file system. Rules whose root is not known yet compile for it.
    #[must_use]
    pub fn whole(os: Os) -> Self {
        let drive = (os == Os::Windows).then(|| "C:".to_owned());
        let root = ResolvedPath { components: drive.into_iter().collect() };
        let names = root.components.len();
        Self::at(Root::new(root, names), os)
    }

    /// Returns the workspace with a root.
    pub(super) fn at(root: Root, os: Os) -> Self {
        Self { os, root, is_strict: false }
    }

    /// Sets if `..` after a name is refused. It is not at first.
    #[must_use]
    pub fn strict(self, is_strict: bool) -> Self {
        Self { is_strict, ..self }
    }

    /// Returns the operating system.
    #[must_use]
    pub fn os(&self) -> Os {
        self.os
    }

    /// Returns the root as a path.
    #[must_use]
    pub fn root(&self) -> ResolvedPath {
        self.root.path().clone()
    }

    /// Returns the root, as rules take it.
    pub(super) fn shared_root(&self) -> &Root {
        &self.root
    }

    /// Resolves a path. A relative one begins at `base`.
    ///
    /// # Errors
    ///
    /// The text is one that programs or systems could read in two ways, or `..` leads above the root of the file system.
    pub fn resolve(&self, text: &str, base: &ResolvedPath) -> Result<ResolvedPath, Refusal> {
        self.resolve_above(text, base, usize::from(self.os == Os::Windows))
    }

    /// Resolves a path whose first `lowest` components no `..` removes.
    pub(super) fn resolve_above(
        &self,
        text: &str,
        base: &ResolvedPath,
        lowest: usize,
    ) -> Result<ResolvedPath, Refusal> {
        text::check_length(text)?;
        let (mut components, names_at) = self.start(text, base)?;
        text::check(text, self.os)?;
        // Names up to this many may be removed by `..`: those of the root are directories, as the contract says so.
        let floor = if self.is_strict { self.root.path().components.len() } else { usize::MAX };
        let is_system = lowest == usize::from(self.os == Os::Windows);
        let mut at = names_at;
        for name in text.get(names_at..).unwrap_or_default().split(|c| self.is_separator(c)) {
            match name {
                "" | "." => {}
                ".." if components.len() > floor => {
                    return Err(Refusal::byte(at, "has `..` after a name, which may be a symbolic link"));
                }
                ".." if components.len() <= lowest && !is_system => {
                    return Err(Refusal::byte(at, "has `..` among the directories of a workspace's root"));
                }
                ".." if components.len() <= lowest => {
                    return Err(Refusal::byte(at, "has `..` that leads above the root of the file system"));
                }
                ".." => drop(components.pop()),
                name => {
                    text::check_name(name, at)?;
                    if self.os == Os::Windows {
                        windows::check_name(name, at)?;
                    }
                    if components.len() == MOST_NAMES {
                        return Err(Refusal::byte(at, "has more than 256 directories"));
                    }
                    components.push(name.to_owned());
                }
            }
            at += name.len() + 1;
        }
        // `a /` ends with a blank, too, after its separator is dropped.
        if components.last().is_some_and(|name| name.ends_with(char::is_whitespace)) {
            return Err(Refusal::byte(text.len(), "ends with a blank"));
        }
        if self.os == Os::Posix && is_magic(&components) {
            return Err(Refusal::whole("names a link of the kernel that leads to another place"));
        }
        Ok(ResolvedPath { components })
    }

    /// Returns the components that the names of the text follow, and the byte at which they begin.
    fn start(&self, text: &str, base: &ResolvedPath) -> Result<(Vec<String>, usize), Refusal> {
        let mut letters = text.chars();
        let begin = (letters.next(), letters.next(), letters.next());
        match (self.os, begin) {
            (Os::Posix, (Some('/'), Some('/'), third)) if third != Some('/') => {
                Err(Refusal::byte(0, "begins with exactly two `/`, which some systems read as a network name"))
            }
            (Os::Posix, (Some('/'), ..)) => Ok((Vec::new(), 0)),
            (Os::Windows, (Some('/' | '\\'), Some('/' | '\\'), _)) => {
                Err(Refusal::byte(0, "names a device or a network share"))
            }
            (Os::Windows, (Some('/' | '\\'), ..)) => Err(Refusal::byte(0, "begins at the root of an unnamed drive")),
            (Os::Windows, (Some(drive), Some(':'), Some('/' | '\\'))) if drive.is_ascii_alphabetic() => {
                Ok((vec![format!("{}:", drive.to_ascii_uppercase())], 2))
            }
            (Os::Windows, (_, Some(':'), _)) => Err(Refusal::byte(0, "names a drive without an absolute path")),
            _ => Ok((base.components.clone(), 0)),
        }
    }

    /// Returns true if the text begins at the root of the file system or of a drive.
    pub(crate) fn is_absolute(&self, text: &str) -> bool {
        match self.os {
            Os::Posix => text.starts_with('/'),
            Os::Windows => text.as_bytes().get(1) == Some(&b':') || text.starts_with(['/', '\\']),
        }
    }

    /// Returns true for a character that separates names.
    pub(crate) fn is_separator(&self, c: char) -> bool {
        c == '/' || (c == '\\' && self.os == Os::Windows)
    }
}

/// Returns true for a path through a link that the Linux kernel makes up.
fn is_magic(components: &[String]) -> bool {
    let mut names = components.iter().map(String::as_str);
    match (names.next(), names.next(), names.next()) {
        (Some("proc"), Some(_), Some(name)) => MAGIC_LINKS.contains(&name),
        (Some("dev"), Some("fd"), _) => true,
        _ => false,
    }
}

// === impl ResolvedPath ===

impl ResolvedPath {
    /// Takes resolved components.
    pub(super) fn of(components: &[String]) -> Self {
        Self { components: components.to_vec() }
    }

    /// Returns the components, from the root.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// Returns true if the path is the directory, or lies below it. Names are compared exactly.
    #[must_use]
    pub fn is_within(&self, directory: &Self) -> bool {
        self.components.starts_with(&directory.components)
    }
}

impl fmt::Display for ResolvedPath {
    /// Writes `/work/project/a`, or `C:\work\project\a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_windows = self.components.first().is_some_and(|name| name.ends_with(':'));
        let separator = if is_windows { "\\" } else { "/" };
        for (index, name) in self.components.iter().enumerate() {
            if index > 0 || !is_windows {
                f.write_str(separator)?;
            }
            f.write_str(name)?;
        }
        if self.components.len() == usize::from(is_windows) { f.write_str(separator) } else { Ok(()) }
    }
}
