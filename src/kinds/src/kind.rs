//! The kinds of string arguments, and the judgement of one value.

use crate::cidr::CidrBlock;
use crate::command::{self, CommandReading, ShellSyntax};
use crate::email::EmailAddress;
use crate::patch::{self, PatchFormat, PatchedFile};
use crate::path::{Glob, ResolvedPath, Workspace};
use crate::script::{self, InnerCall};
use crate::sql::{self, Dialect, SqlReading};
use crate::url::Url;
use crate::{Decision, Profile, Refusal};

const NOT_A_TEXT: Refusal = Refusal::whole("a list of words in place of a text");
const NOT_WORDS: Refusal = Refusal::whole("a text in place of a list of words");

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
    /// A pattern of paths to read.
    Glob,
    /// A command.
    Command(CommandForm),
    /// A patch.
    Patch {
        /// Its form.
        format: PatchFormat,
        /// The number of leading components that the applier removes from each name.
        strip: u8,
    },
    /// A URL.
    Url,
    /// An e-mail address.
    Email,
    /// A block of IP addresses.
    Cidr,
    /// One query.
    Sql(Dialect),
    /// A program of code mode, each of whose calls is decided as a call.
    Script,
}

/// The form of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandForm {
    /// A line for a shell.
    Line(ShellSyntax),
    /// An argument vector, which no shell reads.
    Vector,
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
    /// The directories of a pattern.
    Glob(Glob),
    /// The commands of a line.
    Command(CommandReading),
    /// The files that a patch touches.
    Patch(Vec<PatchedFile>),
    /// A URL.
    Url(Url),
    /// An e-mail address.
    Email(EmailAddress),
    /// A block of IP addresses.
    Cidr(CidrBlock),
    /// A query.
    Sql(SqlReading),
    /// The calls of a program. The caller of [`judge`] decides each.
    Script(Vec<InnerCall>),
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
        Some(text) => {
            let base = workspace.resolve(text, &root).map_err(KindRefusal::Unreadable)?;
            // A program that runs there uses the directory, whatever its words name.
            if matches!(kind, Kind::Command(_)) {
                profile.check_path(&base, PathMode::Read, workspace).map_err(KindRefusal::Forbidden)?;
            }
            base
        }
        None => root,
    };
    match (kind, value) {
        (Kind::Path(mode), Given::Text(text)) => {
            let path = workspace.resolve(text, &base).map_err(KindRefusal::Unreadable)?;
            profile.check_path(&path, mode, workspace).map_err(KindRefusal::Forbidden)?;
            Ok(allowed(Reading::Path(path, mode)))
        }
        (Kind::Glob, Given::Text(text)) => {
            let glob = Glob::read(text, workspace, &base).map_err(KindRefusal::Unreadable)?;
            profile.check_glob(&glob, workspace).map_err(KindRefusal::Forbidden)?;
            Ok(allowed(Reading::Glob(glob)))
        }
        (Kind::Command(form), value) => {
            let line = match (form, value) {
                (CommandForm::Line(syntax), Given::Text(text)) => command::read(text, syntax),
                (CommandForm::Vector, Given::Words(words)) => command::read_vector(words),
                (CommandForm::Line(_), Given::Words(_)) => return Err(KindRefusal::Unreadable(NOT_A_TEXT)),
                (CommandForm::Vector, Given::Text(_)) => return Err(KindRefusal::Unreadable(NOT_WORDS)),
            };
            let line = line.map_err(KindRefusal::Unreadable)?;
            let judged = profile.judge_command(&line, workspace, &base).map_err(KindRefusal::Forbidden)?;
            Ok(Judgement { decision: judged.decision, reading: Reading::Command(judged.reading) })
        }
        (Kind::Patch { format, strip }, Given::Text(text)) => {
            let files = patch::read(text, format, usize::from(strip)).map_err(KindRefusal::Unreadable)?;
            profile.check_patch(&files, workspace, &base)?;
            Ok(allowed(Reading::Patch(files)))
        }
        (Kind::Url, Given::Text(text)) => {
            let url = Url::read(text).map_err(KindRefusal::Unreadable)?;
            profile.check_url(&url).map_err(KindRefusal::Forbidden)?;
            Ok(allowed(Reading::Url(url)))
        }
        (Kind::Email, Given::Text(text)) => {
            let address = EmailAddress::read(text).map_err(KindRefusal::Unreadable)?;
            profile.check_email(&address).map_err(KindRefusal::Forbidden)?;
            Ok(allowed(Reading::Email(address)))
        }
        (Kind::Cidr, Given::Text(text)) => {
            let block = CidrBlock::read(text).map_err(KindRefusal::Unreadable)?;
            profile.check_cidr(&block).map_err(KindRefusal::Forbidden)?;
            Ok(allowed(Reading::Cidr(block)))
        }
        (Kind::Sql(dialect), Given::Text(text)) => {
            let query = sql::read(text, dialect).map_err(KindRefusal::Unreadable)?;
            profile.check_sql(&query).map_err(KindRefusal::Forbidden)?;
            Ok(allowed(Reading::Sql(query)))
        }
        (Kind::Script, Given::Text(text)) => {
            Ok(allowed(Reading::Script(script::read(text).map_err(KindRefusal::Unreadable)?)))
        }
        (_, Given::Words(_)) => Err(KindRefusal::Unreadable(NOT_A_TEXT)),
    }
}

fn allowed(reading: Reading) -> Judgement {
    Judgement { decision: Decision::Allow, reading }
}

// === impl Kind ===

impl Kind {
    /// Returns its word in a contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Glob => "glob",
            Self::Command(_) => "command",
            Self::Patch { .. } => "patch",
            Self::Url => "url",
            Self::Email => "email",
            Self::Cidr => "cidr",
            Self::Sql(_) => "sql",
            Self::Script => "script",
        }
    }

    /// Returns true if the meaning of a value depends on the workspace.
    #[must_use]
    pub const fn needs_workspace(self) -> bool {
        match self {
            Self::Path(_) | Self::Glob | Self::Command(_) | Self::Patch { .. } => true,
            Self::Url | Self::Email | Self::Cidr | Self::Sql(_) | Self::Script => false,
        }
    }

    /// Returns its name with an article, for a sentence.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Path(_) => "a path",
            Self::Glob => "a pattern of paths",
            Self::Command(_) => "a command",
            Self::Patch { .. } => "a patch",
            Self::Url => "a URL",
            Self::Email => "an e-mail address",
            Self::Cidr => "a block of addresses",
            Self::Sql(_) => "a query",
            Self::Script => "a program",
        }
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
