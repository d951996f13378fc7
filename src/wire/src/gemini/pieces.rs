//! Arguments that arrive in pieces: each piece has the path of one value, and the value or the next part of a string.
//!
//! Source: `PartialArg` of Google's API; JSONPath (RFC 9535) for paths of names and positions. Nothing is read into an order: a list
//! grows at its end only, and a value is set once. A call that breaks this is *unclear*. One that ends in the midst of a string is
//! *unfinished*: its text cannot be read as JSON, so nothing allows it.

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use crate::ShapeError;

/// The maximum bytes of the arguments of one call, with the overhead of their values.
const MOST_BYTES: usize = 2 << 20;
/// The bytes counted for each value beside its text.
const OVERHEAD: usize = 96;
/// The maximum depth of a value. Strict JSON has no deeper one.
const DEEPEST: usize = 64;

/// The arguments so far.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    members: BTreeMap<String, Piece>,
    bytes: usize,
    is_unclear: bool,
}

/// A value under way.
#[derive(Debug, Default)]
enum Piece {
    #[default]
    Vacant,
    /// A string, and whether more of it follows.
    Text(String, bool),
    /// A number, a truth value or `null`.
    Scalar(Value),
    List(Vec<Piece>),
    Object(BTreeMap<String, Piece>),
}

/// A step of a path.
#[derive(Debug, PartialEq, Eq)]
enum PathStep {
    Name(String),
    Position(usize),
}

// === impl Pieces ===

impl Pieces {
    /// Adds the pieces of a `partialArgs` with this JSON text.
    ///
    /// # Errors
    /// [`ShapeError`] if the arguments grow beyond the bound.
    pub(super) fn add(&mut self, list: &str) -> Result<(), ShapeError> {
        // A number that is not exact, or a key twice, makes the call unclear.
        let Ok(Value::Array(pieces)) = callgate_json::read(list.as_bytes()) else {
            self.is_unclear = true;
            return Ok(());
        };
        for piece in &pieces {
            let is_clear = piece.as_object().is_some_and(|piece| self.add_one(piece).is_some());
            self.is_unclear |= !is_clear;
            if self.bytes > MOST_BYTES {
                return Err(ShapeError::TooMany);
            }
        }
        Ok(())
    }

    /// Adds a piece; `None` if it cannot be understood in one way.
    fn add_one(&mut self, piece: &Map<String, Value>) -> Option<()> {
        const VALUES: [&str; 4] = ["stringValue", "numberValue", "boolValue", "nullValue"];
        let goes_on = match piece.get("willContinue") {
            None | Some(Value::Null) => false,
            Some(goes_on) => goes_on.as_bool()?,
        };
        let steps = steps(piece.get("jsonPath")?.as_str()?)?;
        // proto3 JSON writes a chosen `null` as `null`.
        let is_set = |(key, value): &(&String, &Value)| *key == "nullValue" || !value.is_null();
        let mut values =
            piece.iter().filter(is_set).filter(|(key, _)| !["willContinue", "jsonPath"].contains(&key.as_str()));
        let value = values.next();
        if values.next().is_some() || value.is_some_and(|(key, _)| !VALUES.contains(&key.as_str())) {
            return None;
        }
        let added = value.and_then(|(_, value)| value.as_str()).map_or(0, str::len);
        self.bytes = self.bytes.saturating_add(added);
        let place = self.place(steps)?;
        match (value, &mut *place) {
            (Some((key, Value::String(text))), Piece::Vacant) if key == "stringValue" => {
                *place = Piece::Text(text.clone(), goes_on);
            }
            (Some((key, Value::String(text))), Piece::Text(before, is_open)) if key == "stringValue" && *is_open => {
                before.push_str(text);
                *is_open = goes_on;
            }
            // The end of a string alone.
            (None, Piece::Text(_, is_open)) if *is_open => *is_open = goes_on,
            (Some((key, value)), Piece::Vacant) if !goes_on => {
                *place = Piece::Scalar(match (key.as_str(), value) {
                    ("numberValue", Value::Number(_)) | ("boolValue", Value::Bool(_)) => value.clone(),
                    ("nullValue", Value::Null) => Value::Null,
                    ("nullValue", Value::String(name)) if name == "NULL_VALUE" => Value::Null,
                    ("nullValue", Value::Number(number)) if number.as_u64() == Some(0) => Value::Null,
                    _ => return None,
                });
            }
            _ => return None,
        }
        Some(())
    }

    /// Returns the value at a path; a new one is vacant. `None` if another kind of value is on the way.
    fn place(&mut self, steps: Vec<PathStep>) -> Option<&mut Piece> {
        let mut steps = steps.into_iter();
        let Some(PathStep::Name(name)) = steps.next() else { return None };
        let bytes = &mut self.bytes;
        let mut place = member(&mut self.members, name, bytes);
        for step in steps {
            place = match (step, place) {
                (PathStep::Name(name), Piece::Object(members)) => member(members, name, bytes),
                (PathStep::Name(name), place @ Piece::Vacant) => {
                    *place = Piece::Object(BTreeMap::new());
                    let Piece::Object(members) = place else { return None };
                    member(members, name, bytes)
                }
                (PathStep::Position(position), Piece::List(items)) => item(items, position, bytes)?,
                (PathStep::Position(position), place @ Piece::Vacant) => {
                    *place = Piece::List(Vec::new());
                    let Piece::List(items) = place else { return None };
                    item(items, position, bytes)?
                }
                _ => return None,
            };
        }
        Some(place)
    }

    /// Returns true if clients could read the arguments in several ways.
    pub(super) fn is_unclear(&self) -> bool {
        self.is_unclear
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the JSON text of the arguments. `is_over` says that the call has ended. A text without its end cannot be read.
    pub(super) fn into_text(self, is_over: bool) -> String {
        let is_whole = is_over && self.members.values().all(Piece::is_whole);
        let mut text = Piece::Object(self.members).into_value().to_string();
        if !is_whole {
            text.pop();
        }
        text
    }
}

// === impl Piece ===

impl Piece {
    fn is_whole(&self) -> bool {
        match self {
            Piece::Vacant => false,
            Piece::Text(_, goes_on) => !goes_on,
            Piece::Scalar(_) => true,
            Piece::List(items) => items.iter().all(Piece::is_whole),
            Piece::Object(members) => members.values().all(Piece::is_whole),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Piece::Vacant => Value::Null,
            Piece::Text(text, _) => Value::String(text),
            Piece::Scalar(value) => value,
            Piece::List(items) => items.into_iter().map(Piece::into_value).collect(),
            Piece::Object(members) => members.into_iter().map(|(name, piece)| (name, piece.into_value())).collect(),
        }
    }
}

fn member<'p>(members: &'p mut BTreeMap<String, Piece>, name: String, bytes: &mut usize) -> &'p mut Piece {
    if !members.contains_key(&name) {
        *bytes = bytes.saturating_add(name.len()).saturating_add(OVERHEAD);
    }
    members.entry(name).or_default()
}

/// Returns an item. A list grows at its end only.
fn item<'p>(items: &'p mut Vec<Piece>, position: usize, bytes: &mut usize) -> Option<&'p mut Piece> {
    if position == items.len() {
        *bytes = bytes.saturating_add(OVERHEAD);
        items.push(Piece::Vacant);
    }
    items.get_mut(position)
}

/// Reads a path of names and positions. `None` for any other, such as one with a wildcard.
fn steps(path: &str) -> Option<Vec<PathStep>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == DEEPEST {
            return None;
        }
        let (step, after) = match rest.strip_prefix('.') {
            Some(after) => {
                let is_special =
                    |letter: char| letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"_-$".contains(letter);
                let (name, after) = after.split_at(after.find(is_special).unwrap_or(after.len()));
                (PathStep::Name(Some(name).filter(|name| !name.is_empty())?.to_owned()), after)
            }
            None => in_brackets(rest.strip_prefix('[')?)?,
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// Reads a step after its `[`, and returns the text after its `]`.
fn in_brackets(rest: &str) -> Option<(PathStep, &str)> {
    let quote = rest.chars().next().filter(|quote| ['\'', '"'].contains(quote));
    let Some(quote) = quote else {
        let (digits, after) = rest.split_once(']')?;
        let is_plain = digits == "0" || digits.len() <= 7 && !digits.starts_with('0');
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        return Some((PathStep::Position(digits.parse().ok().filter(|_| is_plain && is_number)?), after));
    };
    // The name as a JSON string, whose escapes are those of a path but for the quote.
    let mut name = String::from("\"");
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next()?.1 {
                '\'' if quote == '\'' => name.push('\''),
                escaped => name.extend(['\\', escaped]),
            },
            letter if letter == quote => {
                name.push('"');
                let Ok(Value::String(name)) = callgate_json::read(name.as_bytes()) else { return None };
                let after = rest.get(at.saturating_add(1)..)?.strip_prefix(']')?;
                return Some((PathStep::Name(name), after));
            }
            '"' => name.push_str("\\\""),
            letter => name.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lists: &[&str]) -> (bool, String) {
        let mut pieces = Pieces::default();
        lists.iter().for_each(|list| pieces.add(list).unwrap());
        (pieces.is_unclear(), pieces.into_text(true))
    }

    #[test]
    fn pieces_are_put_together_by_their_paths() {
        for (lists, expected) in [
            (&[][..], "{}"),
            (&[r#"[{"jsonPath":"$.a","stringValue":"x"}]"#], r#"{"a":"x"}"#),
            (
                &[
                    r#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true}]"#,
                    r#"[{"jsonPath":"$.a","stringValue":"y"}]"#,
                ],
                r#"{"a":"xy"}"#,
            ),
            (
                &[r#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true}]"#, r#"[{"jsonPath":"$.a"}]"#],
                r#"{"a":"x"}"#,
            ),
            (
                &[
                    r#"[{"jsonPath":"$.a[0].b","numberValue":1},{"jsonPath":"$.a[0]['c.d']","boolValue":true},{"jsonPath":"$.a[1]","nullValue":"NULL_VALUE"}]"#,
                ],
                r#"{"a":[{"b":1,"c.d":true},null]}"#,
            ),
            (&[r#"[{"jsonPath":"$[\"a\\u0062'\"]","nullValue":null}]"#], r#"{"ab'":null}"#),
            (&[r#"[{"jsonPath":"$['it\\'s \"x\"']","numberValue":0.5}]"#], r#"{"it's \"x\"":0.5}"#),
            (&[r#"[{"jsonPath":"$.naïve","stringValue":"é"}]"#], r#"{"naïve":"é"}"#),
        ] {
            assert_eq!(text(lists), (false, expected.to_owned()), "{lists:?}");
        }
    }

    #[test]
    fn pieces_that_contradict_each_other_are_unclear() {
        for list in [
            r#"[{"jsonPath":"$.a","stringValue":"x"},{"jsonPath":"$.a","stringValue":"y"}]"#,
            r#"[{"jsonPath":"$.a","numberValue":1},{"jsonPath":"$.a","numberValue":1}]"#,
            r#"[{"jsonPath":"$.a","stringValue":"x"},{"jsonPath":"$.a.b","stringValue":"y"}]"#,
            r#"[{"jsonPath":"$.a[0]","stringValue":"x"},{"jsonPath":"$.a.b","stringValue":"y"}]"#,
            r#"[{"jsonPath":"$.a[1]","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a[99999999999]","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a[-1]","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a[00]","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a[*]","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$..a","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$[0]","stringValue":"x"}]"#,
            r#"[{"jsonPath":"a","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a ","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$['a'","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a"}]"#,
            r#"[{"stringValue":"x"}]"#,
            r#"[{"jsonPath":"$.a","stringValue":"x","numberValue":1}]"#,
            r#"[{"jsonPath":"$.a","structValue":{}}]"#,
            r#"[{"jsonPath":"$.a","numberValue":12345678901234567891234}]"#,
            r#"[{"jsonPath":"$.a","numberValue":"NaN"}]"#,
            r#"[{"jsonPath":"$.a","numberValue":1,"willContinue":true}]"#,
            r#"[{"jsonPath":"$.a","stringValue":"x","stringValue":"y"}]"#,
            r#"[{"jsonPath":"$.a","willContinue":1,"stringValue":"y"}]"#,
            "[1]",
            "{}",
        ] {
            assert!(text(&[list]).0, "{list}");
        }
        let deep = format!(r#"[{{"jsonPath":"${}","numberValue":1}}]"#, ".a".repeat(65));
        assert!(text(&[&deep]).0);
    }

    #[test]
    fn unfinished_arguments_are_no_json() {
        let open = r#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true}]"#;
        assert_eq!(text(&[open]), (false, r#"{"a":"x""#.to_owned()));
        assert_eq!(Pieces::default().into_text(false), "{");
    }

    #[test]
    fn arguments_are_bounded() {
        let mut pieces = Pieces::default();
        let long = format!(r#"[{{"jsonPath":"$.a","stringValue":"{}","willContinue":true}}]"#, "x".repeat(1 << 20));
        let grown = (0..8).try_for_each(|_| pieces.add(&long));
        assert!(grown.is_err());
        let mut pieces = Pieces::default();
        let grown =
            (0..100_000).try_for_each(|at| pieces.add(&format!(r#"[{{"jsonPath":"$.a[{at}]","numberValue":1}}]"#)));
        assert!(grown.is_err(), "many small values count too");
    }
}
