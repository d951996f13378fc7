//! Tokens of a query, in the parts that a dialect's settings cannot change.
//!
//! Refused, because two databases or two settings of one end the token at different places: a backslash before the closing quote,
//! comments in comments, `/*!`, `--1` in MySQL, prefixes of strings, a lone carriage return, characters outside ASCII out of quotes.

use super::Dialect;
use crate::Refusal;

/// The maximum length of a query, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 16;
/// The maximum number of tokens.
pub(super) const MAX_TOKENS: usize = 4096;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword without quotes.
    Word,
    /// A name in quotes. The token holds the quotes.
    Quoted,
    /// A string.
    String,
    /// A text in double quotes that a setting of MySQL turns from a string into a name.
    Either,
    Number,
    /// A placeholder: `$1`, `?`, `:name`.
    Placeholder,
    /// An operator or a bracket.
    Symbol,
    End,
}

/// A token, as bytes of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The cursor over the text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    pub(super) at: usize,
    pub(super) dialect: Dialect,
}

/// Splits a text into tokens; the last one is `End`.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Lexeme>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::whole("the query is over 64 KiB"));
    }
    let mut lexer = Lexer { text, at: 0, dialect };
    let mut tokens = Vec::new();
    loop {
        lexer.blanks()?;
        let start = lexer.at;
        let kind = lexer.token()?;
        tokens.push(Lexeme { kind, start, end: lexer.at });
        if kind == TokenKind::End {
            return Ok(tokens);
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(Refusal::byte(start, "the query has more than 4,096 tokens"));
        }
    }
}

/// Operators of more than one byte, the longest first.
fn operators(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => &[
            "->>", "#>>", "!~*", "->", "#>", "!~", "~*", "::", "<>", "!=", "<=", ">=", "||", "&&", "@>", "<@", "@@",
            "@?", "?|", "?&", "<<", ">>",
        ],
        Dialect::Sqlite => &["->>", "->", "==", "<>", "!=", "<=", ">=", "||", "<<", ">>"],
        Dialect::MySql => &["->>", "<=>", "->", "<>", "!=", "<=", ">=", "||", "&&", "<<", ">>"],
        Dialect::MsSql => &["<>", "!=", "<=", ">=", "!<", "!>"],
        Dialect::DuckDb => {
            &["->>", "!~~", "->", "::", "==", "<>", "!=", "<=", ">=", "||", "&&", "@>", "<@", "<<", ">>", "//", "~~"]
        }
        Dialect::ClickHouse => &["<=>", "->", "::", "==", "<>", "!=", "<=", ">=", "||"],
    }
}

/// Operators and brackets of one byte.
fn symbols(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "()[],.;:+-*/%=<>~&|^?",
        Dialect::DuckDb => "()[],.;:+-*/%=<>~&|^",
        Dialect::ClickHouse => "()[],.;+-*/%=<>",
        Dialect::MySql => "(),.;+-*/%=<>~&|^!",
        Dialect::Sqlite | Dialect::MsSql => "(),.;+-*/%=<>~&|^",
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

// === impl Lexer ===

impl Lexer<'_> {
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn refuse<T>(&self, reason: &'static str) -> Result<T, Refusal> {
        Err(Refusal::byte(self.at, reason))
    }

    /// Reads one token.
    fn token(&mut self) -> Result<TokenKind, Refusal> {
        let Some(first) = self.peek(0) else {
            return Ok(TokenKind::End);
        };
        match first {
            b'\'' => self.quoted('\'', TokenKind::String),
            b'"' if self.dialect == Dialect::MySql => self.quoted('"', TokenKind::Either),
            b'"' => self.quoted('"', TokenKind::Quoted),
            b'`' if matches!(self.dialect, Dialect::MySql | Dialect::Sqlite | Dialect::ClickHouse) => {
                self.quoted('`', TokenKind::Quoted)
            }
            b'[' if matches!(self.dialect, Dialect::MsSql | Dialect::Sqlite) => self.quoted(']', TokenKind::Quoted),
            b'$' if matches!(self.dialect, Dialect::Postgres | Dialect::DuckDb) => self.dollar(),
            b'?' if matches!(self.dialect, Dialect::Sqlite | Dialect::MySql | Dialect::DuckDb) => self.placeholder(),
            b':' if self.dialect == Dialect::Sqlite => self.placeholder(),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|b| b.is_ascii_digit()) => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            _ => self.symbol(),
        }
    }

    /// Reads a string or a quoted name.
    fn quoted(&mut self, close: char, kind: TokenKind) -> Result<TokenKind, Refusal> {
        let is_name = kind == TokenKind::Quoted;
        let mut from = self.at + 1;
        loop {
            let Some(length) = self.text.get(from..).and_then(|rest| rest.find(close)) else {
                return self.refuse("a string or a quoted name does not end");
            };
            let piece = self.text.get(from..from + length).unwrap_or_default();
            if piece.contains('\0') || is_name && piece.contains(|c: char| c.is_control() || c == '\\') {
                return self.refuse("a control character or a backslash stands in quotes");
            }
            // A setting of the database decides if the backslash escapes the quote.
            if piece.ends_with('\\') {
                return self.refuse("a backslash stands before a quote");
            }
            from += length + 1;
            if !self.text.get(from..).unwrap_or_default().starts_with(close) {
                break;
            }
            if close == ']' {
                return self.refuse("a bracket stands in a quoted name");
            }
            from += 1;
        }
        let is_empty = from == self.at + 2;
        if is_name && is_empty {
            return self.refuse("a quoted name is empty");
        }
        self.at = from;
        self.after("text stands directly after a quote")?;
        Ok(kind)
    }

    /// Reads `$1`, `$$…$$` or `$tag$…$tag$`.
    fn dollar(&mut self) -> Result<TokenKind, Refusal> {
        let rest = self.rest().get(1..).unwrap_or_default();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            self.at += digits + 1;
            self.after("text stands directly after a placeholder")?;
            return Ok(TokenKind::Placeholder);
        }
        let tag = rest.bytes().take_while(|b| is_word(*b)).count();
        let Some(quote) = self.rest().get(..tag + 2).filter(|quote| quote.ends_with('$')) else {
            return self.refuse("a dollar sign begins neither a placeholder nor a string");
        };
        let inner = self.rest().get(tag + 2..).unwrap_or_default();
        let Some(length) = inner.find(quote).filter(|at| !inner.get(..*at).unwrap_or_default().contains('\0')) else {
            return self.refuse("a string or a quoted name does not end");
        };
        self.at += 2 * quote.len() + length;
        self.after("text stands directly after a quote")?;
        Ok(TokenKind::String)
    }

    /// Reads `?`, `?1` or `:name`.
    fn placeholder(&mut self) -> Result<TokenKind, Refusal> {
        let length =
            self.text.as_bytes().get(self.at + 1..).unwrap_or_default().iter().take_while(|b| is_word(**b)).count();
        if self.peek(0) == Some(b':') && length == 0 {
            return self.refuse("the character is unknown here");
        }
        self.at += 1 + length;
        self.after("text stands directly after a placeholder")?;
        Ok(TokenKind::Placeholder)
    }

    /// Reads a decimal number.
    fn number(&mut self) -> Result<TokenKind, Refusal> {
        self.digits();
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.digits();
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1 + sign;
                self.digits();
            }
        }
        if self.peek(0) == Some(b'.') {
            return self.refuse("a number is followed by a dot");
        }
        self.after("text stands directly after a number")?;
        Ok(TokenKind::Number)
    }

    fn digits(&mut self) {
        while self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// Reads a word. A quote directly after it would give the string another meaning.
    fn word(&mut self) -> Result<TokenKind, Refusal> {
        let start = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
        let is_national = self.dialect == Dialect::MsSql && matches!(self.text.get(start..self.at), Some("N" | "n"));
        if is_national && self.peek(0) == Some(b'\'') {
            return self.quoted('\'', TokenKind::String);
        }
        // `U&'…'` and `U&"…"` have escapes.
        let is_unicode = matches!(self.text.get(start..self.at), Some("U" | "u")) && self.peek(0) == Some(b'&');
        if matches!(self.peek(usize::from(is_unicode)), Some(b'\'' | b'"' | b'`')) {
            return self.refuse("a prefix stands before a quote");
        }
        if self.peek(0).is_some_and(|b| !b.is_ascii() || matches!(b, b'$' | b'#' | b'@' | b'\\')) {
            return self.refuse("a name holds a character that needs quotes");
        }
        Ok(TokenKind::Word)
    }

    /// Refuses a word directly after a token: some databases read it as a part of the token.
    fn after(&self, reason: &'static str) -> Result<(), Refusal> {
        let is_glued =
            self.peek(0).is_some_and(|b| is_word(b) || !b.is_ascii() || matches!(b, b'\'' | b'"' | b'`' | b'$' | b'@'));
        if is_glued { self.refuse(reason) } else { Ok(()) }
    }

    /// Reads an operator or a bracket.
    fn symbol(&mut self) -> Result<TokenKind, Refusal> {
        let rest = self.rest();
        let length =
            operators(self.dialect).iter().find(|operator| rest.starts_with(**operator)).map(|operator| operator.len());
        let length = length.or_else(|| rest.starts_with(|c| symbols(self.dialect).contains(c)).then_some(1));
        let Some(length) = length else {
            return self.refuse("the character is unknown here");
        };
        self.at += length;
        Ok(TokenKind::Symbol)
    }
}
