//! Reads a shell line that every shell reads alike, and refuses all others.
//!
//! A state machine walks over the bytes once. A stack of at most [`MAX_DEPTH`] [`OpenLevel`]s holds the open compound commands and
//! substitutions; a substitution's level holds the word that it interrupts. Nothing recurses, and no byte is looked at more than a
//! constant number of times.
//!
//! Not covered: aliases, functions and options that the shell has from its own start files, and an interactive shell's history.

mod ansi;
mod braces;
mod builtins;
mod cases;
mod characters;
mod compound;
mod conditions;
mod documents;
mod effects;
mod expansion;
mod grammar;
mod keywords;
mod level;
mod pipeline;
mod redirects;
mod text;
mod variables;
mod word;

use super::{ShellLine, ShellSyntax, SimpleCommand, Span, Word, WordText};
use crate::Refusal;
use documents::PendingDocument;
use level::{Construct, Expect, OpenLevel};
use text::Budget;
use variables::Variables;
use word::OpenWord;

/// The maximum length of a line, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The maximum number of words in a line, redirect targets and values of assignments included.
pub const MAX_WORDS: usize = 4096;
/// The maximum number of compound commands and substitutions inside each other.
pub const MAX_DEPTH: usize = 16;

/// Reads a shell line.
///
/// # Errors
///
/// The place and the reason of the first construct that two shells could read in two ways, or that the reader does not know.
pub fn read(line: &str, syntax: ShellSyntax) -> Result<ShellLine, Refusal> {
    characters::check(line)?;
    let mut reader = Reader {
        text: line,
        limit: line.len(),
        syntax,
        at: 0,
        out: ShellLine::default(),
        levels: vec![OpenLevel::new(Construct::Line, 0, 0)],
        word: None,
        pending: Vec::new(),
        variables: Variables::default(),
        words: 0,
        numbers: Vec::new(),
        budget: Budget::new(MAX_PRODUCED),
    };
    reader.run()?;
    Ok(reader.out)
}

/// Reads an argument vector: the program's name and its arguments, which no shell reads.
///
/// Spans count bytes of the words joined by single blanks.
///
/// # Errors
///
/// The vector is empty or over a limit, the program has no name, or a word contains a NUL.
pub fn read_vector(words: &[&str]) -> Result<ShellLine, Refusal> {
    let name = words.first().ok_or(Refusal::whole("no program; name one"))?;
    if name.is_empty() {
        return Err(Refusal::whole("the program's name is empty; name a program"));
    }
    if words.len() > MAX_WORDS {
        return Err(Refusal::whole(TOO_MANY_WORDS));
    }
    let mut command = SimpleCommand::default();
    let mut start = 0;
    for word in words {
        let end = start + word.len();
        if end > MAX_BYTES {
            return Err(Refusal::whole(characters::TOO_LONG));
        }
        if word.contains('\0') {
            return Err(Refusal::byte(start, "NUL in a word; no program can take one"));
        }
        let span = Span { start: narrow(start), end: narrow(end) };
        command.words.push(Word { text: WordText::Exact((*word).to_owned()), is_quoted: true, span });
        start = end + 1;
    }
    command.span = Span { start: 0, end: narrow(start.saturating_sub(1)) };
    Ok(ShellLine { commands: vec![command], steps: vec![super::LineStep::Run(0, super::Connector::Always)] })
}

/// The number of bytes that variables and braces may produce.
const MAX_PRODUCED: usize = 4 * MAX_BYTES;

const TOO_MANY_WORDS: &str = "more than 4,096 words; split the line";
const UNFINISHED: &str = "a quote, a group or a substitution has no end; close it";

/// The state of a reading.
struct Reader<'a> {
    text: &'a str,
    /// The byte at which the text ends for the innermost backtick substitution.
    limit: usize,
    syntax: ShellSyntax,
    at: usize,
    out: ShellLine,
    /// The open constructs, the line itself first. Never empty.
    levels: Vec<OpenLevel<'a>>,
    /// The word that is being read.
    word: Option<OpenWord<'a>>,
    /// The here-documents whose text begins after the next newline.
    pending: Vec<PendingDocument>,
    variables: Variables<'a>,
    /// The number of words so far.
    words: usize,
    /// The first bytes of the words that are numbers of the shell, in order.
    numbers: Vec<u32>,
    budget: Budget,
}

/// Narrows a position, which is at most [`MAX_BYTES`] and a few.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads the whole line.
    fn run(&mut self) -> Result<(), Refusal> {
        loop {
            if let Some(word) = self.word.take() {
                self.continue_word(word)?;
                continue;
            }
            self.skip_blanks()?;
            if !self.step()? {
                return Ok(());
            }
        }
    }

    /// Returns the next byte without taking it, or `None` at the end of the text.
    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    /// Returns the byte `ahead` bytes after the next one.
    fn peek_at(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        if at < self.limit { self.text.as_bytes().get(at).copied() } else { None }
    }

    /// Returns the byte before the next one.
    fn previous(&self) -> Option<u8> {
        self.at.checked_sub(1).and_then(|at| self.text.as_bytes().get(at).copied())
    }

    /// Returns a part of the text. Every caller cuts at ASCII bytes.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Returns the text from the next byte up to the limit.
    fn rest(&self) -> &'a str {
        self.slice(self.at, self.limit)
    }

    /// Refuses the line because of the next byte.
    fn refuse<T>(&self, reason: &'static str) -> Result<T, Refusal> {
        Err(Refusal::byte(self.at, reason))
    }

    /// Returns the innermost construct.
    fn level(&mut self) -> Result<&mut OpenLevel<'a>, Refusal> {
        self.levels.last_mut().ok_or(Refusal::whole(UNFINISHED))
    }

    /// Returns what the innermost construct expects next.
    fn expect(&self) -> Expect {
        self.levels.last().map_or(Expect::Start, |level| level.expect)
    }

    /// Counts a word.
    fn count_word(&mut self) -> Result<(), Refusal> {
        self.words += 1;
        if self.words > MAX_WORDS {
            return self.refuse(TOO_MANY_WORDS);
        }
        Ok(())
    }

    /// Returns true if a shell is declared whose own syntax is read too.
    fn is_bash(&self) -> bool {
        self.syntax == ShellSyntax::Bash
    }

    /// Skips blanks, comments, and continuations between words.
    fn skip_blanks(&mut self) -> Result<(), Refusal> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\\') if self.peek_at(1) == Some(b'\n') => self.continuation()?,
                Some(b'#') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Takes a backslash and a newline between words.
    fn continuation(&mut self) -> Result<(), Refusal> {
        if !self.pending.is_empty() {
            return self.refuse("a continued line between `<<` and its text; put both on one line");
        }
        if !matches!(self.previous(), None | Some(b' ' | b'\t' | b'\n')) {
            return self.refuse("a line is continued directly after an operator; put a blank before the backslash");
        }
        self.at += 2;
        if self.peek() == Some(b'#') {
            return self.refuse("`#` directly after a continued line; shells differ in whether it begins a comment");
        }
        Ok(())
    }

    /// Takes a comment, up to and without its newline.
    fn comment(&mut self) -> Result<(), Refusal> {
        if !matches!(self.previous(), None | Some(b' ' | b'\t' | b'\n')) {
            return self.refuse("`#` directly after an operator; put a blank before a comment");
        }
        if self.levels.iter().any(OpenLevel::is_backtick) {
            return self.refuse("a comment inside backticks; use `$( )`");
        }
        let rest = self.rest();
        self.at += rest.find('\n').unwrap_or(rest.len());
        Ok(())
    }
}
