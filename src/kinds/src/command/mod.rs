//! Shell lines: read as every shell reads them, and judged program by program.

mod archives;
mod bases;
mod builtins;
mod feed;
mod judge;
mod judged;
mod listing;
mod lists;
mod marks;
mod modelled;
mod options;
mod program;
mod programs;
mod reader;
mod reading;
mod rules;
mod scope;
mod scripts;
mod sorts;
mod texts;
mod value;
mod variables;
mod wrappers;

pub use judge::judge;
pub use judged::{CommandReading, Extent, Judged, JudgedCommand, JudgedPath, JudgedWord, WordSort};
pub use listing::{may_run_project_code, models, walks};
pub use programs::{ProgramModel, program_models};
pub use reader::{MAX_BYTES, MAX_DEPTH, MAX_WORDS, read, read_vector};
pub use reading::{
    Assignment, Connector, HereText, LineStep, Redirect, RedirectKind, ShellLine, ShellSyntax, SimpleCommand, Span,
    Word, WordText,
};
pub use rules::{CommandEntry, CommandRules, EntryArguments, EntryFault, EntryList};
pub use scope::PathScope;
