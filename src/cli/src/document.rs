//! The text of a contract as a tree with the position of each part. It reads only as much YAML as is needed to change one
//! part and keep every other byte.

use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

/// The reason why a text could not be read as a tree.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub(crate) struct NotYaml {
    file: String,
    line: usize,
    column: usize,
    reason: String,
}

/// Reads the document in `text`; `file` names it in errors.
pub(crate) fn read(file: &str, text: &str) -> Result<Node, NotYaml> {
    NodeReader { file, parser: Parser::new_from_str(text) }.document()
}

/// A part of the document.
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    span: Span,
}

/// The kinds of parts.
pub(crate) enum NodeKind {
    Scalar { text: String, style: ScalarStyle },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    Alias,
}

// === impl Node ===

impl Node {
    /// Returns the value of a mapping's member.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            NodeKind::Mapping(members) => {
                members.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Returns the text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the line, from 1.
    pub(crate) fn line(&self) -> usize {
        self.span.start.line()
    }

    /// Returns the column, from 1.
    pub(crate) fn column(&self) -> usize {
        self.span.start.col() + 1
    }

    /// Returns the byte of `text` at which the node begins, or `None` if `text` is another text.
    ///
    /// It counts by line and column, because the parser counts CR LF as one character in its indices.
    pub(crate) fn offset(&self, text: &str) -> Option<usize> {
        let marker = self.span.start;
        // A byte order mark is on no line.
        let mark = text.len() - text.trim_start_matches('\u{feff}').len();
        let lines = text.get(mark..)?.split_inclusive('\n').take(marker.line().checked_sub(1)?);
        let line = lines.map(str::len).sum::<usize>() + mark;
        let rest = text.get(line..)?;
        let column = rest.char_indices().map(|(byte, _)| byte).chain([rest.len()]).nth(marker.col())?;
        line.checked_add(column)
    }

    /// Returns the bytes of a scalar on one line, quotes included, or `None` if they do not match its style.
    pub(crate) fn range(&self, text: &str) -> Option<Range<usize>> {
        let NodeKind::Scalar { text: value, style } = &self.kind else { return None };
        let expected = match style {
            ScalarStyle::Plain => value.clone(),
            ScalarStyle::SingleQuoted => format!("'{value}'"),
            ScalarStyle::DoubleQuoted => format!("\"{value}\""),
            ScalarStyle::Literal | ScalarStyle::Folded => return None,
        };
        let start = self.offset(text)?;
        (!expected.is_empty() && text.get(start..)?.starts_with(&expected)).then(|| start..start + expected.len())
    }

    /// Returns true for a mapping or sequence in brackets.
    pub(crate) fn is_flow(&self, text: &str) -> bool {
        let rest = self.offset(text).and_then(|start| text.get(start..)).unwrap_or_default();
        rest.starts_with(['{', '['])
    }
}

struct NodeReader<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
}

// === impl NodeReader ===

impl<'a> NodeReader<'a> {
    /// Deeper than any contract; it bounds the recursion.
    const DEPTH: usize = 128;

    fn document(mut self) -> Result<Node, NotYaml> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (event, span) => return self.node(event, span, 0),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, NotYaml> {
        if depth > Self::DEPTH {
            return Err(self.wrong(span.start, "nested too deeply"));
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => NodeKind::Scalar { text: text.into_owned(), style },
            Event::Alias(_) => NodeKind::Alias,
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break NodeKind::Sequence(items),
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut members = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break NodeKind::Mapping(members),
                        (event, span) => {
                            let key = self.node(event, span, depth + 1)?;
                            let (event, span) = self.next()?;
                            members.push((key, self.node(event, span, depth + 1)?));
                        }
                    }
                }
            }
            _ => return Err(self.wrong(span.start, "expected a contract")),
        };
        Ok(Node { kind, span })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), NotYaml> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.wrong(*error.marker(), error.info())),
            None => Err(self.wrong(Marker::new(0, 1, 0), "the text ends too early")),
        }
    }

    fn wrong(&self, at: Marker, reason: &str) -> NotYaml {
        NotYaml { file: self.file.to_owned(), line: at.line(), column: at.col() + 1, reason: reason.to_owned() }
    }
}
