//! The judgement of a line: what was understood, for people and for conditions.

use std::sync::Arc;

use crate::path::ResolvedPath;
use crate::{Decision, PathMode};

/// The judgement of a line that is not refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The strictest decision of all commands.
    pub decision: Decision,
    /// The line as it was understood.
    pub reading: CommandReading,
}

/// A line as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandReading {
    /// The commands, in the order of the text. Those of `sh -c` follow their shell.
    pub commands: Vec<JudgedCommand>,
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedCommand {
    /// The number of shells (`sh -c`) around the command.
    pub depth: u32,
    /// The words, in the order of the text.
    pub words: Vec<JudgedWord>,
    /// The program, after those that only run it: `timeout`, `cargo`.
    pub programs: Vec<String>,
    /// The directories in which the command may run.
    pub bases: Arc<[ResolvedPath]>,
    /// The paths that it uses, as far as the line shows them.
    pub paths: Vec<JudgedPath>,
    /// The hosts that it names.
    pub hosts: Vec<String>,
    /// The entries of the profile that decided, as the contract writes them.
    pub entries: Vec<String>,
    /// The decision.
    pub decision: Decision,
    /// It reaches the network.
    pub is_network: bool,
    /// It runs code of the project.
    pub is_project_code: bool,
    /// An entry with `args: any` allowed words that nobody judged, or a word is not known.
    pub is_unknown: bool,
}

/// A word with its sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedWord {
    /// The text as far as it is known; `…` stands for the rest.
    pub text: String,
    /// The sort.
    pub sort: WordSort,
}

/// The sort of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordSort {
    /// The name of a program.
    Program,
    /// A word that selects what the program does, such as `commit`.
    Subcommand,
    /// An option, with its value if that is in the same word.
    Option,
    /// A text that the program does not take for a path.
    Text,
    /// A number.
    Number,
    /// A path.
    Path,
    /// A revision of git, or a path.
    Revision,
    /// A script that was read: of `sed`, `awk`, `jq`, or a line of a shell.
    Script,
    /// A URL.
    Url,
    /// Nobody judged the word: `args: any`.
    #[default]
    Unjudged,
}

/// A path with its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPath {
    /// The path. For a pattern: its literal directory.
    pub path: ResolvedPath,
    /// The use.
    pub mode: PathMode,
    /// The extent.
    pub extent: Extent,
}

/// The files that a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The file or directory itself.
    One,
    /// Files below it that match a pattern.
    Pattern,
    /// All that lies below it.
    Tree,
}

// === impl CommandReading ===

impl CommandReading {
    /// Returns the names of all programs, those that only run another one included.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().flat_map(|command| &command.programs).map(String::as_str)
    }

    /// Returns the paths that the line reads.
    pub fn reads(&self) -> impl Iterator<Item = &JudgedPath> {
        self.paths().filter(|path| path.mode == PathMode::Read)
    }

    /// Returns the paths that the line writes or deletes.
    pub fn writes(&self) -> impl Iterator<Item = &JudgedPath> {
        self.paths().filter(|path| path.mode != PathMode::Read)
    }

    /// Returns the hosts that the line names.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().flat_map(|command| &command.hosts).map(String::as_str)
    }

    /// Returns true if a program of the line reaches the network.
    #[must_use]
    pub fn is_network(&self) -> bool {
        self.commands.iter().any(|command| command.is_network)
    }

    /// Returns true if a part of the line is not known: a word without text, or one that nobody judged.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.commands.iter().any(|command| command.is_unknown)
    }

    /// Returns all paths.
    fn paths(&self) -> impl Iterator<Item = &JudgedPath> {
        self.commands.iter().flat_map(|command| &command.paths)
    }
}

// === impl WordSort ===

impl WordSort {
    /// Returns its name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Subcommand => "subcommand",
            Self::Option => "option",
            Self::Text => "text",
            Self::Number => "number",
            Self::Path => "path",
            Self::Revision => "revision",
            Self::Script => "script",
            Self::Url => "url",
            Self::Unjudged => "unjudged",
        }
    }
}
