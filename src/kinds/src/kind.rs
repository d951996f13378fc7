//! The kinds of string arguments, and the judgement of one value.

use crate::path::{ResolvedPath, Workspace};
use crate::{Decision, Profile, Refusal};

/// The use of a path: each has its own rules in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathMode {
    /// The file is read, or the directory is listed.
    Read,
    /// The file is made or changed.
    Write,
    /// The file is deleted, or the directory with all below it.
    Delete,
}

/// The kind of a string argument: what its text means to the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A path, used in this mode.
    Path(PathMode),
}

/// The value of an argument.
#[derive(Clone, Copy, Debug)]
pub enum Given<'v> {
    /// A text.
    Text(&'v str),
    /// The words of an argument vector.
    Words(&'v [&'v str]),
}

/// The judgement of a value that is not refused.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The decision of the profile.
    pub decision: Decision,
    /// The value as it was understood.
    pub reading: Reading,
}

/// A value as it was understood.
#[derive(Clone, Debug)]
pub enum Reading {
    /// An absolute path, and its use.
    Path(ResolvedPath, PathMode),
}

/// The reason why a value is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindRefusal {
    /// Programs could read the value in two ways, or no reader of this crate understands it.
    Unreadable(Refusal),
    /// The value is understood, and the profile does not allow it.
    Forbidden(Refusal),
}

/// Judges a value by the rules of a profile.
///
/// `base` is the directory in which relative paths begin, itself relative to the workspace; `None` is the workspace's root.
///
/// # Errors
///
/// The value cannot be read for certain, or no entry of the profile allows it.
pub fn judge(
    kind: Kind,
    value: Given<'_>,
    base: Option<&str>,
    profile: &Profile,
    workspace: &Workspace,
) -> Result<Judgement, KindRefusal> {
    let root = workspace.root();
    let base = match base {
        Some(text) => workspace.resolve(text, &root).map_err(KindRefusal::Unreadable)?,
        None => root,
    };
    match (kind, value) {
        (Kind::Path(mode), Given::Text(text)) => {
            let path = workspace.resolve(text, &base).map_err(KindRefusal::Unreadable)?;
            profile.check_path(&path, mode).map_err(KindRefusal::Forbidden)?;
            Ok(Judgement { decision: Decision::Allow, reading: Reading::Path(path, mode) })
        }
        (_, Given::Words(_)) => Err(KindRefusal::Unreadable(Refusal::whole("expected a text, not a list of words"))),
    }
}

// === impl PathMode ===

impl PathMode {
    /// Returns its word in a contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

// === impl KindRefusal ===

impl KindRefusal {
    /// Returns the place and the reason.
    #[must_use]
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::Unreadable(refusal) | Self::Forbidden(refusal) => refusal,
        }
    }
}
