//! Code mode: the calls of a straight-line JavaScript program.

use crate::Refusal;

/// A call that a program makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerCall {
    /// The name of the tool, as the program writes it after `tools.`.
    pub name: String,
    /// The argument as JSON text: an object, or a string for a tool that takes a text.
    pub arguments: String,
    /// The line of the call, counted from 1.
    pub line: usize,
}

/// Lists the calls of a program, in order.
///
/// # Errors
///
/// The program holds anything else than calls with literal arguments and the output of their results.
pub fn read(_text: &str) -> Result<Vec<InnerCall>, Refusal> {
    Err(Refusal::whole("no program is read yet"))
}
