//! JSON text as a tree with places.
//!
//! `callgate_json::read` reads the text, with all its strictness. The walk below only finds the place of each
//! value. It follows the value already read, so the two cannot disagree.

use std::rc::Rc;

use callgate_json::{ReadError, Value};

use super::node::{At, Data, MapEntry, Node};
use crate::error::Diagnostic;

/// Reads strict JSON.
pub(crate) fn read(file: &str, text: &str) -> Result<Node, Diagnostic> {
    let value = callgate_json::read(text.as_bytes()).map_err(|error| {
        let (line, column) = position(&error);
        let message = format!("expected strict JSON: {error}");
        Diagnostic { file: file.to_owned(), line, column, path: String::new(), message }
    })?;
    let mut walk = PlaceWalk { file: Rc::from(file), text: Rc::from(text), rest: text, line: 1, column: 1 };
    Ok(walk.node(&value))
}

fn position(error: &ReadError) -> (u32, u32) {
    let (line, column) = match error {
        ReadError::NotUtf8 { .. } => (1, 1),
        ReadError::DuplicateKey { line, column }
        | ReadError::TooDeep { line, column }
        | ReadError::TooMany { line, column }
        | ReadError::InexactNumber { line, column }
        | ReadError::LoneSurrogate { line, column }
        | ReadError::TrailingData { line, column }
        | ReadError::Syntax { line, column, .. } => (*line, *column),
    };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (number(line), number(column))
}

struct PlaceWalk<'t> {
    file: Rc<str>,
    text: Rc<str>,
    rest: &'t str,
    line: u32,
    column: u32,
}

// === impl PlaceWalk ===

impl PlaceWalk<'_> {
    fn node(&mut self, value: &Value) -> Node {
        self.skip_space();
        let at = self.at();
        let data = match value {
            Value::Array(items) => {
                self.step();
                let items = items.iter().map(|item| self.node_then_separator(item)).collect();
                self.skip_space();
                self.step_over(']');
                Data::List(items)
            }
            Value::Object(entries) => {
                self.step();
                let entries = entries
                    .iter()
                    .map(|(key, value)| {
                        self.skip_space();
                        let at = self.at();
                        self.skip_scalar();
                        self.skip_space();
                        self.step_over(':');
                        MapEntry { key: key.clone(), at, value: self.node_then_separator(value) }
                    })
                    .collect();
                self.skip_space();
                self.step_over('}');
                Data::Map(entries)
            }
            scalar => {
                self.skip_scalar();
                Node::without_text(scalar).data
            }
        };
        Node { at, data }
    }

    fn node_then_separator(&mut self, value: &Value) -> Node {
        let node = self.node(value);
        self.skip_space();
        self.step_over(',');
        node
    }

    fn at(&self) -> At {
        At { file: Rc::clone(&self.file), text: Rc::clone(&self.text), line: self.line, column: self.column }
    }

    fn step(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn step_over(&mut self, wanted: char) {
        if self.rest.starts_with(wanted) {
            self.step();
        }
    }

    fn skip_space(&mut self) {
        while self.rest.starts_with([' ', '\t', '\r', '\n']) {
            self.step();
        }
    }

    /// Skips a string with its quotes, or a literal up to its end.
    fn skip_scalar(&mut self) {
        if self.rest.starts_with('"') {
            self.step();
            while let Some(c) = self.step() {
                match c {
                    '\\' => drop(self.step()),
                    '"' => break,
                    _ => {}
                }
            }
        } else {
            while !self.rest.is_empty() && !self.rest.starts_with([' ', '\t', '\r', '\n', ',', ']', '}']) {
                self.step();
            }
        }
    }
}
