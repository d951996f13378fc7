//! Splits a source into tokens (CEL, "Syntax").

use crate::text::{self, Quote};
use crate::{ConditionError, MAX_SOURCE, Place, Problem};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Name(String),
    /// A name in backticks: a member with other characters than a name may have.
    Quoted(String),
    /// A whole number without its sign.
    Int(u64),
    Double(f64),
    Text(String),
    Symbol(&'static str),
    End,
}

/// Longer symbols come before their beginnings.
const SYMBOLS: [&str; 23] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")", "[", "]", ",", ".",
    "{",
];
/// Words that CEL keeps for itself. Members may have these names, variables may not.
pub(crate) const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "yield",
];

/// Reads all tokens of a source, and their places. The last is [`Token::End`].
pub(crate) fn read(source: &str) -> Result<Vec<(Place, Token)>, ConditionError> {
    let mut reader = Reader { rest: source, place: Place { line: 1, column: 1 } };
    if source.len() > MAX_SOURCE {
        return Err(ConditionError { place: reader.place, problem: Problem::TooLong });
    }
    let mut tokens = Vec::new();
    loop {
        reader.skip_space();
        let place = reader.place;
        let token = reader.next().map_err(|problem| ConditionError { place, problem })?;
        let is_end = token == Token::End;
        tokens.push((place, token));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Reader<'s> {
    rest: &'s str,
    place: Place,
}

// === impl Reader ===

impl<'s> Reader<'s> {
    /// Takes so many bytes.
    fn take(&mut self, bytes: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        for letter in taken.chars() {
            if letter == '\n' {
                self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, is_in: impl Fn(char) -> bool) -> &'s str {
        let end = self.rest.find(|letter| !is_in(letter)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) {
        loop {
            self.take_while(|letter| matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest.starts_with("//") {
                return;
            }
            self.take_while(|letter| letter != '\n');
        }
    }

    fn next(&mut self) -> Result<Token, Problem> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        if let Some(quote) = Quote::at(self.rest) {
            let (text, bytes) = text::read(self.rest, &quote)?;
            self.take(bytes);
            return Ok(Token::Text(text));
        }
        let second = self.rest.chars().nth(1);
        if first.is_ascii_digit() || first == '.' && second.is_some_and(|letter| letter.is_ascii_digit()) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let name = self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            return match name {
                "in" => Ok(Token::Symbol("in")),
                name => Ok(Token::Name(name.to_owned())),
            };
        }
        if first == '`' {
            self.take(1);
            let name = self.take_while(|letter| letter.is_ascii_alphanumeric() || "_-./ ".contains(letter));
            return if self.take(1) == "`" { Ok(Token::Quoted(name.to_owned())) } else { Err(Problem::OpenString) };
        }
        match SYMBOLS.into_iter().find(|symbol| self.rest.starts_with(symbol)) {
            Some("{") => Err(Problem::Unsupported { what: "a map or message", remedy: "compare single members" }),
            Some(symbol) => {
                self.take(symbol.len());
                Ok(Token::Symbol(symbol))
            }
            None => Err(Problem::Character(first)),
        }
    }

    fn number(&mut self) -> Result<Token, Problem> {
        if self.rest.starts_with("0x") || self.rest.starts_with("0X") {
            self.take(2);
            let digits = self.take_while(|letter| letter.is_ascii_hexdigit());
            self.ends_number()?;
            return u64::from_str_radix(digits, 16).map(Token::Int).map_err(|_| Problem::Number);
        }
        let before = self.rest;
        let whole = self.take_while(|letter| letter.is_ascii_digit()).len();
        let mut length = whole;
        let digit_after = |rest: &str| rest.chars().nth(1).is_some_and(|letter| letter.is_ascii_digit());
        if self.rest.starts_with('.') && digit_after(self.rest) {
            self.take(1);
            length += 1 + self.take_while(|letter| letter.is_ascii_digit()).len();
        }
        if self.rest.starts_with(['e', 'E']) {
            let sign = self.rest.chars().nth(1).is_some_and(|letter| matches!(letter, '+' | '-'));
            length += self.take(1 + usize::from(sign)).len();
            length += self.take_while(|letter| letter.is_ascii_digit()).len();
        }
        self.ends_number()?;
        let text = before.get(..length).unwrap_or_default();
        if length == whole {
            return text.parse().map(Token::Int).map_err(|_| Problem::Number);
        }
        let number: f64 = text.parse().map_err(|_| Problem::Number)?;
        if number.is_finite() { Ok(Token::Double(number)) } else { Err(Problem::Number) }
    }

    /// Refuses a letter behind a number: `1u` is unsigned in CEL, `1x` is nothing.
    fn ends_number(&self) -> Result<(), Problem> {
        match self.rest.chars().next() {
            Some('u' | 'U') => Err(Problem::Unsupported { what: "an unsigned number", remedy: "write it without `u`" }),
            Some(letter) if letter.is_ascii_alphanumeric() || letter == '_' => Err(Problem::Character(letter)),
            _ => Ok(()),
        }
    }
}
