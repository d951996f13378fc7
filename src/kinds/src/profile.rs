//! Profiles: what may be done, as a contract writes it and as it is compiled.

use crate::PathMode;
use crate::Refusal;
use crate::path::{PathRules, ResolvedPath, Workspace};

/// A profile as a contract writes it. An absent rule allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileSource {
    /// The profile whose entries this one has too.
    pub like: Option<String>,
    /// The paths that may be read.
    pub read: Vec<String>,
    /// The paths that may be written.
    pub write: Vec<String>,
}

/// A compiled profile.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    read: PathRules,
    write: PathRules,
}

/// A fault of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ProfileFault {
    /// The field of the profile, such as `read`.
    pub field: &'static str,
    /// The position of the entry in the field, counted from 0; `None` for the field as a whole.
    pub entry: Option<usize>,
    /// The problem, as a sentence.
    pub problem: String,
}

// === impl ProfileSource ===

impl ProfileSource {
    /// Adds the entries of another profile. Nothing of either is taken away: a `!` entry of one forbids for both.
    pub fn add(&mut self, other: &Self) {
        join(&mut self.read, &other.read);
        join(&mut self.write, &other.write);
    }
}

// === impl Profile ===

impl Profile {
    /// Compiles the rules. `like` must be resolved before, by [`ProfileSource::add`].
    ///
    /// # Errors
    ///
    /// Every entry that has no meaning.
    pub fn compile(source: &ProfileSource, workspace: &Workspace) -> Result<Self, Vec<ProfileFault>> {
        let mut faults = Vec::new();
        let mut paths = |field: &'static str, entries: &[String]| {
            PathRules::compile(entries, workspace).unwrap_or_else(|error| {
                faults.push(ProfileFault { field, entry: Some(error.entry), problem: error.problem });
                PathRules::default()
            })
        };
        let profile = Self { read: paths("read", &source.read), write: paths("write", &source.write) };
        if faults.is_empty() { Ok(profile) } else { Err(faults) }
    }

    /// Checks a path in the rules of its mode.
    pub(crate) fn check_path(&self, path: &ResolvedPath, mode: PathMode) -> Result<(), Refusal> {
        match mode {
            PathMode::Read => self.read.check(path),
            PathMode::Write | PathMode::Delete => self.write.check(path),
        }
    }
}

/// Appends the entries that are not there.
fn join<T: Clone + PartialEq>(entries: &mut Vec<T>, more: &[T]) {
    for entry in more {
        if !entries.contains(entry) {
            entries.push(entry.clone());
        }
    }
}
