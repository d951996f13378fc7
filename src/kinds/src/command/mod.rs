//! Shell lines: read as every shell reads them, and judged program by program.

mod reading;

pub use reading::{
    Assignment, Body, Connector, Part, Redirect, RedirectKind, ShellLine, ShellSyntax, SimpleCommand, Span, Word,
    WordText,
};
