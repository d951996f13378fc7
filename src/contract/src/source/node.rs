//! A contract's text as a tree of values with their places.

use std::rc::Rc;

use callgate_json::{Map, Number, Value};

/// A place in a file. Line 0 means a value without a text.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) file: Rc<str>,
    /// The text of the file.
    pub(crate) text: Rc<str>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) data: Data,
}

/// A JSON value.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<MapEntry>),
}

/// A name in a mapping, its place, and its value.
#[derive(Clone, Debug)]
pub(crate) struct MapEntry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

// === impl Node ===

impl Node {
    /// Makes a tree of a value without a text.
    pub(crate) fn without_text(value: &Value) -> Self {
        let nowhere = At { file: Rc::from(""), text: Rc::from(""), line: 0, column: 0 };
        Self::all_at(value, &nowhere)
    }

    fn all_at(value: &Value, at: &At) -> Self {
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(bool) => Data::Bool(*bool),
            Value::Number(number) => Data::Number(number.clone()),
            Value::String(text) => Data::Text(text.clone()),
            Value::Array(items) => Data::List(items.iter().map(|item| Self::all_at(item, at)).collect()),
            Value::Object(entries) => Data::Map(
                entries
                    .iter()
                    .map(|(key, value)| MapEntry { key: key.clone(), at: at.clone(), value: Self::all_at(value, at) })
                    .collect(),
            ),
        };
        Self { at: at.clone(), data }
    }

    pub(crate) fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(bool) => Value::Bool(*bool),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Data::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect::<Map<_, _>>(),
            ),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.data {
            Data::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the place of a JSON Pointer, or of its longest existing beginning.
    pub(crate) fn nearest(&self, pointer: &str) -> &At {
        let mut here = self;
        let mut at = &self.at;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &here.data {
                Data::List(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)).map(|n| (&n.at, n)),
                Data::Map(entries) => entries.iter().find(|e| e.key == segment).map(|e| (&e.value.at, &e.value)),
                _ => None,
            };
            let Some((next_at, next)) = next else { break };
            (at, here) = (next_at, next);
        }
        at
    }

    /// The kind of value, for "found a …".
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a string",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

/// `pointer/segment`, escaped as RFC 6901 section 3 says.
pub(crate) fn join(pointer: &str, segment: &str) -> String {
    format!("{pointer}/{}", segment.replace('~', "~0").replace('/', "~1"))
}
