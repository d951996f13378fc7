//! The content of a result, read by the format that the contract declares.

use callgate_json::Value;

use crate::output::{ResultFormat, ToolOutput};
use crate::yaml;

/// More separators than this in a text, and it stays one text: its fields would take much more memory than its bytes.
const MAX_SEPARATORS: usize = 1 << 16;

/// The content of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A text, read by the declared format.
    Text(String),
    /// Structured content, in APIs that have it.
    Json(Value),
    /// Anything else that may hold words, such as an image.
    Opaque,
    /// Several parts. A single one counts as the content itself. Of several, none is read by a format.
    Parts(Vec<Content>),
}

/// A content that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReadContent {
    /// Its values have places.
    Value(Value),
    /// It is one text.
    Text(String),
}

// === impl Content ===

impl Content {
    /// Returns the fields of the content under a format. `None` if it is one text, or no array and no object.
    #[must_use]
    pub fn fields(&self, format: ResultFormat) -> Option<Value> {
        match self.read_as(Some(format)) {
            ReadContent::Value(value) if value.is_array() || value.is_object() => Some(value),
            ReadContent::Value(_) | ReadContent::Text(_) => None,
        }
    }

    /// Returns true if a part of it is neither text nor JSON.
    pub(crate) fn is_opaque(&self) -> bool {
        match self {
            Content::Opaque => true,
            Content::Parts(parts) => parts.iter().any(Content::is_opaque),
            Content::Text(_) | Content::Json(_) => false,
        }
    }

    /// Returns the bytes of its texts. A structured content counts with a guess.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Content::Text(text) => text.len(),
            Content::Json(value) => weight(value),
            Content::Opaque => 0,
            Content::Parts(parts) => parts.iter().map(Content::bytes).sum(),
        }
    }

    /// Reads the content by the contract's view of the tool. A text that does not have the format is one text.
    pub(crate) fn read(&self, output: Option<&ToolOutput>) -> ReadContent {
        let format = output.and_then(|output| output.format);
        let is_text_format = matches!(format, Some(ResultFormat::Yaml | ResultFormat::Lines | ResultFormat::Text));
        if output.is_some_and(|output| output.is_json_first)
            && is_text_format
            && let Content::Text(text) = self.single()
            && let Ok(Value::String(inner)) = callgate_json::read_by_value(text.as_bytes())
        {
            return Content::Text(inner).read_as(format);
        }
        self.read_as(format)
    }

    /// Returns the only part of it.
    fn single(&self) -> &Content {
        match self {
            Content::Parts(parts) => match parts.as_slice() {
                [part] => part.single(),
                _ => self,
            },
            content => content,
        }
    }

    fn read_as(&self, format: Option<ResultFormat>) -> ReadContent {
        match (self, format) {
            (Content::Parts(parts), _) => match parts.as_slice() {
                [part] => part.read_as(format),
                parts => ReadContent::Text(parts.iter().filter_map(Content::shown).collect::<Vec<_>>().join("\n")),
            },
            (Content::Json(_), Some(ResultFormat::Text | ResultFormat::Lines)) => {
                ReadContent::Text(self.shown().unwrap_or_default())
            }
            (Content::Json(value), Some(ResultFormat::Json | ResultFormat::Yaml) | None) => {
                ReadContent::Value(value.clone())
            }
            (Content::Text(text), Some(ResultFormat::Json)) if is_small(text) => {
                match callgate_json::read_by_value(text.as_bytes()) {
                    Ok(value) => ReadContent::Value(value),
                    Err(_) => ReadContent::Text(text.clone()),
                }
            }
            (Content::Text(text), Some(ResultFormat::Yaml)) if is_small(text) => match yaml::read(text) {
                Some(value) => ReadContent::Value(value),
                None => ReadContent::Text(text.clone()),
            },
            (Content::Text(text), Some(ResultFormat::Lines)) if is_small(text) => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                ReadContent::Value(lines.map(Value::from).collect())
            }
            (Content::Text(text), _) => ReadContent::Text(text.clone()),
            (Content::Opaque, _) => ReadContent::Text(String::new()),
        }
    }

    fn shown(&self) -> Option<String> {
        match self {
            Content::Text(text) => Some(text.clone()),
            Content::Json(value) => Some(callgate_json::canonical(value)),
            Content::Opaque => None,
            Content::Parts(parts) => Some(parts.iter().filter_map(Content::shown).collect::<Vec<_>>().join("\n")),
        }
    }
}

fn is_small(text: &str) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b',' | b'[' | b'{' | b'\n');
    text.len() <= MAX_SEPARATORS || text.bytes().filter(|byte| is_separator(byte)).count() <= MAX_SEPARATORS
}

fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len().saturating_add(32),
        Value::Array(items) => items.iter().map(weight).fold(32, usize::saturating_add),
        Value::Object(members) => {
            members.iter().map(|(key, value)| key.len().saturating_add(weight(value))).fold(64, usize::saturating_add)
        }
        _ => 32,
    }
}
