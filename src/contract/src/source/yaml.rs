//! YAML text as a tree with places.
//!
//! A contract has one way to write each thing, so a part of YAML 1.2 is left out: one document, no anchors, aliases
//! or tags, no merge keys, no key twice, keys are strings. Scalars follow the core schema (YAML 1.2.2, section 10.3.2):
//! `yes` and `on` are strings, and `0777` is a number, as they look to a reader.

use std::rc::Rc;

use callgate_json::{MAX_DEPTH, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::node::{At, Data, MapEntry, Node};
use crate::error::Diagnostic;

/// Reads one YAML document.
///
/// # Errors
/// Every use of a part left out; or the one place of malformed YAML.
pub(crate) fn read(file: &str, text: &str) -> Result<Node, Vec<Diagnostic>> {
    let parser = Parser::new_from_str(text);
    let mut reader = YamlReader { file: Rc::from(file), text: Rc::from(text), parser, found: Vec::new() };
    match reader.document() {
        Ok(node) if reader.found.is_empty() => Ok(node),
        Ok(_) => Err(reader.found),
        Err(fatal) => {
            reader.found.push(fatal);
            Err(reader.found)
        }
    }
}

struct YamlReader<'t> {
    file: Rc<str>,
    text: Rc<str>,
    parser: Parser<'t, StrInput<'t>>,
    /// Faults after which reading continues.
    found: Vec<Diagnostic>,
}

// === impl YamlReader ===

impl<'t> YamlReader<'t> {
    fn document(&mut self) -> Result<Node, Diagnostic> {
        let mut document = None;
        loop {
            let (event, start) = self.next()?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) if document.is_some() => {
                    return Err(self.error(start, "expected one document; put each contract into a file of its own"));
                }
                Event::DocumentStart(_) => {
                    let (event, start) = self.next()?;
                    document = Some(self.node(event, start, MAX_DEPTH)?);
                }
                Event::StreamEnd => return document.ok_or_else(|| self.error(start, "expected a text; it is empty")),
                _ => return Err(self.error(start, "expected a document")),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Marker), Diagnostic> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Marker::new(0, 1, 0))),
        }
    }

    fn node(&mut self, event: Event<'t>, start: Marker, depth: usize) -> Result<Node, Diagnostic> {
        let at = self.at(start);
        let data = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(start, anchor, tag.as_deref());
                if style == ScalarStyle::Plain {
                    scalar(&text).unwrap_or_else(|message| {
                        self.report(start, message);
                        Data::Null
                    })
                } else {
                    Data::Text(text.into_owned())
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(start, anchor, tag.as_deref());
                Data::List(self.list(self.deeper(start, depth)?)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(start, anchor, tag.as_deref());
                Data::Map(self.map(self.deeper(start, depth)?)?)
            }
            Event::Alias(_) => {
                self.report(start, "expected no alias; write the value out, a reviewer reads it in place");
                Data::Null
            }
            _ => return Err(self.error(start, "expected a value")),
        };
        Ok(Node { at, data })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, start) => items.push(self.node(event, start, depth)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<MapEntry>, Diagnostic> {
        let mut entries: Vec<MapEntry> = Vec::new();
        loop {
            let (event, start) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let node = self.node(event, start, depth)?;
            let (event, value_start) = self.next()?;
            let value = self.node(event, value_start, depth)?;
            match node.data {
                Data::Text(key) if plain && key == "<<" => {
                    self.report(start, "expected no merge key `<<`; write the fields out");
                }
                Data::Text(key) if entries.iter().any(|entry| entry.key == key) => {
                    self.report(start, format!("expected each key once; `{key}` is there twice, remove one"));
                }
                Data::Text(key) => entries.push(MapEntry { key, at: node.at, value }),
                _ => self.report(start, "expected a string as the key; put it in quotes"),
            }
        }
    }

    fn deeper(&self, start: Marker, depth: usize) -> Result<usize, Diagnostic> {
        depth.checked_sub(1).ok_or_else(|| self.error(start, format!("expected at most {MAX_DEPTH} levels of nesting")))
    }

    fn refuse_decoration(&mut self, start: Marker, anchor: usize, tag: Option<&Tag>) {
        if anchor != 0 {
            self.report(start, "expected no anchor; write the value out where it is needed");
        }
        if tag.is_some() {
            self.report(start, "expected no tag; quotes make a string, nothing else is needed");
        }
    }

    fn report(&mut self, start: Marker, message: impl Into<String>) {
        let diagnostic = self.error(start, message);
        self.found.push(diagnostic);
    }

    fn at(&self, marker: Marker) -> At {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = (number(marker.line()), number(marker.col().saturating_add(1)));
        At { file: Rc::clone(&self.file), text: Rc::clone(&self.text), line, column }
    }

    fn error(&self, marker: Marker, message: impl Into<String>) -> Diagnostic {
        let At { file, line, column, .. } = self.at(marker);
        Diagnostic { file: file.to_string(), line, column, path: String::new(), message: message.into() }
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        self.error(*error.marker(), format!("expected YAML: {}", error.info()))
    }
}

/// The value of a scalar without quotes in the core schema.
fn scalar(text: &str) -> Result<Data, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        _ => match json_number(text)? {
            Some(literal) => match callgate_json::read(literal.as_bytes()) {
                Ok(Value::Number(number)) => Data::Number(number),
                Ok(_) => Data::Text(text.to_owned()),
                Err(error) => return Err(format!("expected a number that can be held exactly: {error}")),
            },
            None => Data::Text(text.to_owned()),
        },
    })
}

/// Returns the JSON literal for a YAML number; `None` if the scalar is not a number.
fn json_number(text: &str) -> Result<Option<String>, String> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let special = |s: &str| matches!(s, ".inf" | ".Inf" | ".INF");
    if special(unsigned) || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("expected a finite number; JSON has no infinity and no NaN".to_owned());
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_digit(radix))
        {
            let number = u64::from_str_radix(digits, radix);
            return number.map(|n| Some(n.to_string())).map_err(|_| "expected a number of at most 64 bits".to_owned());
        }
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let exponent_digits = exponent.map(|e| e.strip_prefix(['-', '+']).unwrap_or(e));
    let is_number = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_digits.is_none_or(|e| !e.is_empty() && digits(e));
    if !is_number {
        return Ok(None);
    }
    let whole = whole.trim_start_matches('0');
    let mut literal = String::from(if negative { "-" } else { "" });
    literal.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        literal.push('.');
        literal.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        literal.push('e');
        literal.push_str(exponent);
    }
    Ok(Some(literal))
}
