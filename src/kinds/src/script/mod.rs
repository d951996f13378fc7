//! Code mode: the calls of a straight-line JavaScript program.
//!
//! ```text
//! program   = { [statement] (";" | newline) }
//! statement = ["const" NAME "="] "await" "tools" "." NAME "(" value ")"
//!           | "const" NAME "=" string
//!           | "text" "(" output ")"
//! value     = JSON with the strings, keys and trailing commas of JavaScript, or the NAME of a string
//! output    = item { ("??" | "||" | "+") item }
//! item      = NAME { [?].member | [number] } | string | "JSON" "." "stringify" "(" NAME … ")"
//! ```
//!
//! Nothing is evaluated. Each call stands at the top level, so the engine makes all of them in this order, or fails and makes fewer.
//! Strings have only the escapes that JavaScript and JSON share, and numbers only digits that JavaScript keeps.

mod literal;
mod scanner;

use crate::Refusal;
use scanner::Scanner;

/// The maximum length of a program, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The maximum number of calls.
pub const MAX_CALLS: usize = 64;
/// The maximum length of the arguments of all calls, in bytes.
const MAX_ARGUMENTS: usize = 1 << 21;

/// Words that are no name of a constant: they begin other statements, or hide what the program calls.
const TAKEN: [&str; 10] = ["tools", "text", "await", "const", "JSON", "let", "static", "yield", "eval", "arguments"];

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

/// A constant of the program.
struct Constant<'a> {
    name: &'a str,
    /// The text, if the constant is a string and no result.
    text: Option<String>,
}

/// The state between statements.
struct Program<'a> {
    scanner: Scanner<'a>,
    constants: Vec<Constant<'a>>,
    calls: Vec<InnerCall>,
    /// The bytes of arguments so far.
    size: usize,
}

/// Lists the calls of a program, in order.
///
/// # Errors
///
/// The program holds anything else than calls with literal arguments and the output of their results.
pub fn read(text: &str) -> Result<Vec<InnerCall>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::whole("the program is over 1 MiB"));
    }
    let mut program = Program { scanner: Scanner::new(text), constants: Vec::new(), calls: Vec::new(), size: 0 };
    loop {
        program.scanner.blanks()?;
        if program.scanner.is_end() {
            return Ok(program.calls);
        }
        if program.scanner.take(";") {
            continue;
        }
        program.statement()?;
        // A statement ends at `;`, at a newline or with the program. The next one begins with a word, so no newline joins the two.
        let has_newline = program.scanner.blanks()?;
        if !program.scanner.take(";") && !has_newline && !program.scanner.is_end() {
            return program.scanner.refuse("a semicolon or a newline is expected");
        }
        if has_newline && !program.scanner.is_statement() {
            return program.scanner.refuse("the statement goes over the newline");
        }
    }
}

impl<'a> Program<'a> {
    /// Reads one statement.
    fn statement(&mut self) -> Result<(), Refusal> {
        match self.scanner.word() {
            "const" => {
                self.scanner.blanks()?;
                let name = self.scanner.word();
                let is_known = self.constants.iter().any(|constant| constant.name == name);
                if name.is_empty() || is_known || TAKEN.contains(&name) {
                    return self.scanner.refuse("the constant has no name of its own");
                }
                self.scanner.expect("=", "= is expected after the name of a constant")?;
                self.scanner.blanks()?;
                let text = if self.scanner.is_quote() {
                    Some(self.scanner.string()?)
                } else if self.scanner.word() == "await" {
                    self.call()?;
                    None
                } else {
                    return self.scanner.refuse("a constant is a string or await tools.NAME(…)");
                };
                if self.constants.len() >= MAX_CALLS {
                    return self.scanner.refuse("the program has more than 64 constants");
                }
                self.constants.push(Constant { name, text });
                Ok(())
            }
            "await" => self.call(),
            "text" => self.output(),
            _ => self.scanner.refuse("the statement is neither const, await tools.NAME(…) nor text(…)"),
        }
    }

    /// Reads a call after `await`.
    fn call(&mut self) -> Result<(), Refusal> {
        self.scanner.blanks()?;
        let line = self.scanner.line();
        if self.scanner.word() != "tools" {
            return self.scanner.refuse("only tools.NAME(…) may be awaited");
        }
        self.scanner.expect(".", "only tools.NAME(…) may be awaited")?;
        self.scanner.blanks()?;
        let name = self.scanner.word();
        if name.is_empty() {
            return self.scanner.refuse("the name of a tool is expected");
        }
        self.scanner.expect("(", "the argument of the tool is expected")?;
        self.scanner.blanks()?;
        let mut arguments = String::new();
        let is_string = !self.scanner.is("{");
        self.value(&mut arguments, 0)?;
        if is_string && !arguments.starts_with('"') {
            return self.scanner.refuse("the argument is neither an object nor a string");
        }
        self.scanner.blanks()?;
        if self.scanner.take(",") {
            self.scanner.blanks()?;
        }
        self.scanner.expect(")", "the call has more than one literal argument")?;
        self.size += arguments.len();
        if self.calls.len() >= MAX_CALLS {
            return self.scanner.refuse("the program makes more than 64 calls");
        }
        self.calls.push(InnerCall { name: name.to_owned(), arguments, line });
        Ok(())
    }

    /// Reads `(…)` after `text`.
    fn output(&mut self) -> Result<(), Refusal> {
        self.scanner.expect("(", "( is expected after text")?;
        loop {
            self.scanner.blanks()?;
            if self.scanner.is_quote() {
                self.scanner.string()?;
            } else {
                self.reference()?;
            }
            self.scanner.blanks()?;
            if !(self.scanner.take("??") || self.scanner.take("||") || self.scanner.take("+")) {
                break;
            }
        }
        self.scanner.expect(")", "text may show strings and results only")
    }

    /// Reads a result and its members, or `JSON.stringify(…)` of one.
    fn reference(&mut self) -> Result<(), Refusal> {
        let mut name = self.scanner.word();
        let is_stringified = name == "JSON";
        if is_stringified {
            self.scanner.expect(".", "text may show strings and results only")?;
            if self.scanner.word() != "stringify" {
                return self.scanner.refuse("text may show strings and results only");
            }
            self.scanner.expect("(", "text may show strings and results only")?;
            self.scanner.blanks()?;
            name = self.scanner.word();
        }
        if !self.constants.iter().any(|constant| constant.name == name) {
            return self.scanner.refuse("text may show strings and results only");
        }
        loop {
            self.scanner.blanks()?;
            if self.scanner.take("?.") || !self.scanner.is("..") && self.scanner.take(".") {
                self.scanner.blanks()?;
                if self.scanner.word().is_empty() {
                    return self.scanner.refuse("the name of a member is expected");
                }
            } else if self.scanner.take("[") {
                self.scanner.blanks()?;
                let mut index = String::new();
                self.number(&mut index)?;
                self.scanner.expect("]", "] is expected after an index")?;
            } else {
                break;
            }
        }
        if is_stringified {
            self.scanner.expect(")", "text may show strings and results only")?;
        }
        Ok(())
    }
}
