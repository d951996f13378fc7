//! Shell lines: read as every shell reads them, and judged program by program.

mod reader;
mod reading;

pub use reader::{MAX_BYTES, MAX_DEPTH, MAX_WORDS, read, read_vector};
pub use reading::{
    Assignment, Connector, HereText, LineStep, Redirect, RedirectKind, ShellLine, ShellSyntax, SimpleCommand, Span,
    Word, WordText,
};
