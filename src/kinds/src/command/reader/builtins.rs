//! Builtin commands that evaluate their words: as arithmetic, whose subscripts run commands, or as names of variables.
//!
//! zsh and mksh evaluate the operands of `[ … -eq … ]`, `printf %d`, `exit` and their like; bash evaluates the subscript of a name after
//! `read`, `unset`, `printf -v` and `test -v`. So these words must be numbers or plain names.

use super::{Reader, characters};
use crate::command::{Word, WordText};

const NAMES: &str = "a word that a builtin command takes as a variable's name; write a plain name";
const NUMBERS: &str = "a word that some shell evaluates as arithmetic; write a number, or declare `shell: bash`";
const OPTIONS: &str = "an option of a builtin command that is not read; leave it out";
const TESTS: &str =
    "a test that some shell evaluates as arithmetic or splits; quote its words, and compare texts or numbers";

/// Tests of one word.
const UNARY: &[&str] = &[
    "-e", "-f", "-d", "-r", "-w", "-x", "-s", "-L", "-h", "-n", "-z", "-b", "-c", "-p", "-S", "-g", "-u", "-k", "-O",
    "-G",
];
/// Tests of two words as texts or files, and as numbers.
const BINARY: &[&str] = &["=", "==", "!=", "<", ">", "-nt", "-ot", "-ef"];
const NUMERIC: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];

// === impl Reader ===

impl Reader<'_> {
    /// Checks the arguments of a builtin command.
    pub(super) fn check_builtin(&self, name: &str, arguments: &[Word]) -> Result<(), &'static str> {
        match name {
            "[" => match arguments.split_last() {
                Some((last, tested)) if exact(last) == Some("]") => self.check_test(tested),
                _ => Err("`[` without its `]`; add it"),
            },
            "test" => self.check_test(arguments),
            "printf" => self.check_printf(arguments),
            "exit" | "return" | "break" | "continue" | "shift" => match arguments {
                [] => Ok(()),
                [only] if self.is_number(only) => Ok(()),
                _ => Err(NUMBERS),
            },
            "wait" => match arguments {
                [only] if self.is_one_job(only) => Ok(()),
                _ if arguments.iter().all(is_plain) => Ok(()),
                _ => Err(OPTIONS),
            },
            "ulimit" | "umask" if !arguments.iter().all(|word| self.is_number(word) || is_plain(word)) => Err(OPTIONS),
            "read" => check_read(arguments),
            "export" | "readonly" | "local" => arguments.iter().try_for_each(check_export),
            "unset" => match arguments {
                [option, names @ ..] if exact(option) == Some("-v") => names.iter().try_for_each(check_variable),
                names => names.iter().try_for_each(check_variable),
            },
            _ => Ok(()),
        }
    }

    /// Checks the words of `test` and `[`.
    fn check_test(&self, mut words: &[Word]) -> Result<(), &'static str> {
        if words.iter().any(|word| matches!(word.text, WordText::Glob(_) | WordText::Unknown { is_one: false, .. })) {
            return Err(TESTS);
        }
        while let [not, rest @ ..] = words {
            if rest.is_empty() || exact(not) != Some("!") {
                break;
            }
            words = rest;
        }
        let is_allowed = match words {
            [] | [_] => true,
            [operator, word] => exact(operator)
                .is_some_and(|operator| UNARY.contains(&operator) || (operator == "-t" && self.is_number(word))),
            [one, operator, other] => exact(operator).is_some_and(|operator| self.compares(one, operator, other)),
            _ => self.is_plain_test(words),
        };
        if is_allowed { Ok(()) } else { Err(TESTS) }
    }

    /// Returns true if a comparison evaluates nothing.
    fn compares(&self, one: &Word, operator: &str, other: &Word) -> bool {
        BINARY.contains(&operator)
            || (NUMERIC.contains(&operator) && (self.is_bash() || (self.is_number(one) && self.is_number(other))))
    }

    /// Returns true for tests joined by `-a` and `-o`, all words of which are known.
    fn is_plain_test(&self, words: &[Word]) -> bool {
        let joins = |word: &Word| matches!(exact(word), Some("-a" | "-o"));
        words.split(joins).all(|part| match part {
            [not, unary, word] if exact(not) == Some("!") => {
                exact(unary).is_some_and(|operator| UNARY.contains(&operator)) && is_text(word)
            }
            [unary, word] => exact(unary).is_some_and(|operator| UNARY.contains(&operator)) && is_text(word),
            [one, operator, other] => {
                exact(operator).is_some_and(|operator| self.compares(one, operator, other))
                    && is_text(one)
                    && is_text(other)
            }
            _ => false,
        })
    }

    /// Checks the words of `printf`.
    fn check_printf(&self, arguments: &[Word]) -> Result<(), &'static str> {
        let (format, values) = match arguments {
            [dashes, format, values @ ..] if exact(dashes) == Some("--") => (format, values),
            [format, values @ ..] => (format, values),
            [] => return Ok(()),
        };
        let Some(format) = exact(format) else {
            return Err("a format of `printf` that is not known; write `'%s'`");
        };
        if format.starts_with('-') {
            return Err(OPTIONS);
        }
        // bash evaluates only the name after `%n`.
        let is_evaluated = |conversion: char| match conversion {
            's' | 'b' | 'q' | 'c' | '%' => false,
            'n' => true,
            _ => !self.is_bash(),
        };
        if conversions(format).any(is_evaluated) && !values.iter().all(|value| self.is_number(value)) {
            return Err(NUMBERS);
        }
        Ok(())
    }

    /// Returns true for one word that names a job. One word alone cannot be an option with a value.
    fn is_one_job(&self, word: &Word) -> bool {
        let written = self.slice(word.span.start as usize, word.span.end as usize);
        written == "$!" || matches!(word.text, WordText::Unknown { is_one: true, .. })
    }

    /// Returns true for a word that is a number in every case.
    pub(super) fn is_number(&self, word: &Word) -> bool {
        let digits = |text: &str| {
            let text = text.strip_prefix('-').unwrap_or(text);
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        match &word.text {
            WordText::Exact(text) => digits(text),
            WordText::OneOf(texts) => texts.iter().all(|text| digits(text)),
            WordText::Unknown { .. } => self.numbers.binary_search(&word.span.start).is_ok(),
            WordText::Glob(_) | WordText::Stream => false,
        }
    }
}

/// Returns the characters that end the conversions of a format.
fn conversions(format: &str) -> impl Iterator<Item = char> {
    let mut characters = format.chars();
    std::iter::from_fn(move || {
        characters.by_ref().find(|character| *character == '%')?;
        // A `*` takes a number too.
        Some(
            characters
                .by_ref()
                .find(|character| !matches!(character, '-' | '+' | ' ' | '#' | '.' | '0'..='9'))
                .unwrap_or('*'),
        )
    })
}

/// Checks the words of `read`.
fn check_read(arguments: &[Word]) -> Result<(), &'static str> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match exact(word) {
            Some("-r") => {}
            Some("-d" | "-rd") => {
                words.next().filter(|word| is_text(word)).ok_or(OPTIONS)?;
            }
            Some(name) if characters::is_name(name) => {}
            _ => return Err(NAMES),
        }
    }
    Ok(())
}

/// Checks a word of `export`: a name, or a name and a value.
fn check_export(word: &Word) -> Result<(), &'static str> {
    let known = match &word.text {
        WordText::Exact(text) => text.split('=').next().unwrap_or_default(),
        WordText::Unknown { is_one: true, prefix } => prefix.split_once('=').ok_or(NAMES)?.0,
        _ => return Err("a value after `export` that a shell may split; quote it"),
    };
    if characters::is_name(known) { Ok(()) } else { Err(NAMES) }
}

/// Checks a word of `unset`.
fn check_variable(word: &Word) -> Result<(), &'static str> {
    if exact(word).is_some_and(characters::is_name) { Ok(()) } else { Err(NAMES) }
}

/// Returns the text of a word if it is known.
pub(super) fn exact(word: &Word) -> Option<&str> {
    match &word.text {
        WordText::Exact(text) => Some(text),
        _ => None,
    }
}

/// Returns true for a known word.
fn is_text(word: &Word) -> bool {
    matches!(word.text, WordText::Exact(_))
}

/// Returns true for a known word of letters, digits and `-`, or a job.
fn is_plain(word: &Word) -> bool {
    exact(word).is_some_and(|text| match text.strip_prefix(['-', '%']) {
        Some(rest) => rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) && rest != "p",
        None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
    })
}
