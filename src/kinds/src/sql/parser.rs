//! The cursor over a query's tokens, and the record of its tables, functions and `with` names.

use super::lexer::{Lexeme, TokenKind};
use super::{Dialect, FunctionName, SqlReading, SqlStatement, TableName, words};
use crate::Refusal;

/// The maximum depth of brackets, subqueries and `case`.
const MAX_DEPTH: usize = 32;
/// The maximum numbers of tables, functions and `with` names.
const MAX_NAMES: usize = 256;

/// A parser of one query.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) dialect: Dialect,
    tokens: Vec<Lexeme>,
    at: usize,
    depth: usize,
    tables: Vec<TableName>,
    functions: Vec<FunctionName>,
    /// The names that `with` clauses define where the cursor stands.
    pub(super) defined: Vec<String>,
}

/// A name with its parts, folded.
pub(super) struct DottedName {
    pub(super) parts: Vec<String>,
    /// The token of the first part.
    pub(super) start: usize,
    /// The first part has no quotes.
    pub(super) is_plain: bool,
    /// `.*` ends it.
    pub(super) has_star: bool,
}

pub(super) type Parsed<T = ()> = Result<T, Refusal>;

/// Reads a whole text: one query, and a semicolon if there is one.
pub(super) fn read(text: &str, dialect: Dialect, tokens: Vec<Lexeme>) -> Parsed<SqlReading> {
    let mut parser = Parser {
        text,
        dialect,
        tokens,
        at: 0,
        depth: 0,
        tables: Vec::new(),
        functions: Vec::new(),
        defined: Vec::new(),
    };
    if !parser.begins_query() && !parser.is("(") {
        return parser.refuse("the statement is neither select nor with");
    }
    let limit = parser.query()?;
    parser.take(";");
    if parser.kind() != TokenKind::End {
        return parser.refuse("the query ends before this word, or the reader does not know it");
    }
    let Parser { tables, functions, .. } = parser;
    Ok(SqlReading { dialect, statement: SqlStatement::Select, tables, functions, limit })
}

impl<'a> Parser<'a> {
    pub(super) fn token(&self, ahead: usize) -> Lexeme {
        let end = Lexeme { kind: TokenKind::End, start: self.text.len(), end: self.text.len() };
        self.tokens.get(self.at + ahead).copied().unwrap_or(end)
    }

    /// Returns the kind of the next token.
    pub(super) fn kind(&self) -> TokenKind {
        self.token(0).kind
    }

    /// Returns the text of a token.
    pub(super) fn text_of(&self, token: Lexeme) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// Tells if a token ahead is a keyword without quotes, or a symbol.
    pub(super) fn is_at(&self, ahead: usize, word: &str) -> bool {
        let token = self.token(ahead);
        matches!(token.kind, TokenKind::Word | TokenKind::Symbol) && self.text_of(token).eq_ignore_ascii_case(word)
    }

    /// Tells if the next token is a keyword without quotes, or a symbol.
    pub(super) fn is(&self, word: &str) -> bool {
        self.is_at(0, word)
    }

    /// Tells if the next token is one of the keywords or symbols.
    pub(super) fn is_any(&self, list: &[&str]) -> bool {
        list.iter().any(|word| self.is(word))
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Takes a keyword or a symbol, if it is next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        if found {
            self.advance();
        }
        found
    }

    /// Takes one of several keywords or symbols.
    pub(super) fn take_any(&mut self, list: &[&str]) -> bool {
        let found = self.is_any(list);
        if found {
            self.advance();
        }
        found
    }

    /// Takes keywords that must follow each other, if the first one is next.
    pub(super) fn take_all(&mut self, list: &[&str]) -> bool {
        let found = list.iter().enumerate().all(|(ahead, word)| self.is_at(ahead, word));
        if found {
            self.at += list.len();
        }
        found
    }

    /// Takes a token of this kind, if it is next.
    pub(super) fn take_kind(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect(&mut self, word: &str, reason: &'static str) -> Parsed {
        if self.take(word) { Ok(()) } else { self.refuse(reason) }
    }

    /// Takes `)`.
    pub(super) fn close(&mut self) -> Parsed {
        self.depth = self.depth.saturating_sub(1);
        self.expect(")", "a closing bracket is expected, or the reader does not know this word")
    }

    /// Takes a token that opens a level.
    pub(super) fn open(&mut self) -> Parsed {
        self.deeper()?;
        self.advance();
        Ok(())
    }

    fn deeper(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH { self.refuse("the query nests deeper than 32") } else { Ok(()) }
    }

    pub(super) fn shallower(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Refuses the query at the next token.
    pub(super) fn refuse<T>(&self, reason: &'static str) -> Parsed<T> {
        Err(Refusal::byte(self.token(0).start, reason))
    }

    pub(super) fn begins_query(&self) -> bool {
        self.is_any(&["select", "with"])
    }

    /// Tells if the next token may be a name: one in quotes, or a word without a part in the structure.
    pub(super) fn is_name(&self) -> bool {
        match self.kind() {
            TokenKind::Quoted => true,
            TokenKind::Word => !words::is_structure(self.text_of(self.token(0))),
            _ => false,
        }
    }

    /// Reads one part of a name, folded as the dialect compares names.
    pub(super) fn part(&mut self) -> Parsed<String> {
        let token = self.token(0);
        let text = self.text_of(token);
        let part = match (token.kind, self.dialect) {
            (TokenKind::Word, Dialect::Postgres | Dialect::Sqlite | Dialect::DuckDb) => text.to_ascii_lowercase(),
            (TokenKind::Word, _) => text.to_owned(),
            (TokenKind::Quoted, _) => {
                let close = text.get(text.len().saturating_sub(1)..).unwrap_or_default();
                let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
                let inner = inner.replace(&close.repeat(2), close);
                if matches!(self.dialect, Dialect::Sqlite | Dialect::DuckDb) {
                    inner.to_ascii_lowercase()
                } else {
                    inner
                }
            }
            _ => return self.refuse("a name is expected"),
        };
        self.advance();
        Ok(part)
    }

    /// Reads `a.b.c` or `a.*`.
    pub(super) fn name(&mut self) -> Parsed<DottedName> {
        if !self.is_name() {
            return self.refuse("a name is expected");
        }
        let (start, is_plain) = (self.token(0).start, self.kind() == TokenKind::Word);
        let mut name = DottedName { parts: vec![self.part()?], start, is_plain, has_star: false };
        while self.take(".") {
            if self.take("*") {
                name.has_star = true;
                return Ok(name);
            }
            if name.parts.len() >= 4 {
                return self.refuse("a name has more than four parts");
            }
            name.parts.push(self.part()?);
        }
        Ok(name)
    }

    /// Reads a list of single names in brackets. The next token is `(`.
    pub(super) fn names(&mut self) -> Parsed {
        self.open()?;
        loop {
            if !self.is_name() {
                return self.refuse("a name is expected");
            }
            self.advance();
            if !self.take(",") {
                return self.close();
            }
        }
    }

    /// Records a table, unless a `with` clause defines the name.
    pub(super) fn table(&mut self, name: DottedName) -> Parsed {
        if name.has_star || name.parts.len() > 3 {
            return Err(Refusal::byte(name.start, "a table's name has more than three parts, or a star"));
        }
        let is_defined = matches!(name.parts.as_slice(), [only] if self.defined.contains(only));
        let table = TableName { parts: name.parts, at: name.start };
        if is_defined || self.tables.iter().any(|known| known.parts == table.parts) {
            return Ok(());
        }
        if self.tables.len() >= MAX_NAMES {
            return Err(Refusal::byte(name.start, "the query names more than 256 tables"));
        }
        self.tables.push(table);
        Ok(())
    }

    /// Records a function. Built-in functions compare without case.
    pub(super) fn function(&mut self, mut name: String, at: usize) -> Parsed {
        if matches!(self.dialect, Dialect::MySql | Dialect::MsSql | Dialect::ClickHouse) {
            name.make_ascii_lowercase();
        }
        if self.functions.iter().any(|known| known.name == name) {
            return Ok(());
        }
        if self.functions.len() >= MAX_NAMES {
            return self.refuse("the query calls more than 256 functions");
        }
        self.functions.push(FunctionName { name, at });
        Ok(())
    }

    /// Adds a name that a `with` clause defines.
    pub(super) fn define(&mut self, name: &str) -> Parsed {
        if self.defined.len() >= MAX_NAMES {
            return self.refuse("the query defines more than 256 names");
        }
        self.defined.push(name.to_owned());
        Ok(())
    }
}
