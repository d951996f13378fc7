//! Places in results: a JSON Pointer (RFC 6901) with wildcards.

use std::fmt;
use std::str::FromStr;

use callgate_json::Value;

use crate::scalars::Step;

/// A place: `#` and a JSON Pointer. The segment `*` stands for any member and any index; `{key}` as the last segment stands for the names
/// of an object's members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    /// A member of an object, or an index of an array.
    Name(String),
    Any,
    Key,
}

/// The fault of a text which is not a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceError {
    /// It does not begin with `#`, or its first segment has no `/`.
    Start,
    /// `~` without `0` or `1` behind it.
    Escape,
    /// `{key}` is not the last segment.
    Key,
    /// More than [`MAX_SEGMENTS`] segments.
    TooDeep,
}

/// The maximum segments of a place.
const MAX_SEGMENTS: usize = 32;

/// The values at a place, in the order of the document. Names of members are strings of their own.
#[derive(Debug)]
pub struct Values<'p, 'v> {
    place: &'p Place,
    /// Values to look into, and the number of segments behind them.
    open: Vec<(PlaceValue<'v>, usize)>,
}

/// A value at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlaceValue<'v> {
    /// A value.
    Value(&'v Value),
    /// The name of a member.
    Name(&'v str),
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PlaceError::Start => "expected `#` and a JSON Pointer, such as `#/items/*/id`",
            PlaceError::Escape => "`~` is written `~0`, and `/` in a name `~1`",
            PlaceError::Key => "`{key}` can be the last segment only",
            PlaceError::TooDeep => "the place has more than 32 segments",
        })
    }
}

impl std::error::Error for PlaceError {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#")?;
        for segment in &self.segments {
            match segment {
                Segment::Name(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?,
                Segment::Any => f.write_str("/*")?,
                Segment::Key => f.write_str("/{key}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Place, PlaceError> {
        let pointer = text.strip_prefix('#').ok_or(PlaceError::Start)?;
        if pointer.is_empty() {
            return Ok(Place { segments: Vec::new() });
        }
        let segments = pointer.strip_prefix('/').ok_or(PlaceError::Start)?.split('/').map(segment);
        let segments = segments.collect::<Result<Vec<_>, _>>()?;
        let keys = segments.iter().rev().skip(1).any(|segment| *segment == Segment::Key);
        match segments.len() {
            _ if keys => Err(PlaceError::Key),
            0..=MAX_SEGMENTS => Ok(Place { segments }),
            _ => Err(PlaceError::TooDeep),
        }
    }
}

fn segment(text: &str) -> Result<Segment, PlaceError> {
    match text {
        "*" => return Ok(Segment::Any),
        "{key}" => return Ok(Segment::Key),
        _ => {}
    }
    let mut name = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            '~' => match letters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(PlaceError::Escape),
            },
            letter => letter,
        });
    }
    Ok(Segment::Name(name))
}

// === impl Place ===

impl Place {
    /// Returns the values at this place.
    pub fn values<'p, 'v>(&'p self, value: &'v Value) -> Values<'p, 'v> {
        Values { place: self, open: vec![(PlaceValue::Value(value), 0)] }
    }

    /// Returns true if this path leads to a value at the place, or with `is_name` to an object the names of whose members are.
    pub(crate) fn leads_to(&self, path: &[Step], is_name: bool) -> bool {
        let segments = match self.segments.split_last() {
            Some((Segment::Key, segments)) if is_name => segments,
            _ if is_name => return false,
            _ => self.segments.as_slice(),
        };
        let fits = |(segment, step): (&Segment, &Step)| match (segment, step) {
            (Segment::Any, _) => true,
            (Segment::Name(name), Step::Name(step)) => name == step,
            (Segment::Name(name), Step::Index(index)) => *name == index.to_string(),
            (Segment::Key, _) => false,
        };
        segments.len() == path.len() && segments.iter().zip(path).all(fits)
    }

    /// Returns true if the place is of names of members.
    #[must_use]
    pub fn is_of_names(&self) -> bool {
        self.segments.last() == Some(&Segment::Key)
    }

    /// Returns its segments, with `*` for any name and index.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let name = |segment: &Segment| match segment {
            Segment::Name(name) => name.clone(),
            Segment::Any => "*".to_owned(),
            Segment::Key => "{key}".to_owned(),
        };
        self.segments.iter().map(name).collect()
    }

    /// Returns true if a value with this pointer is at the place or inside of a value at it.
    #[must_use]
    pub fn is_above(&self, pointer: &[&str]) -> bool {
        pointer.get(..self.segments.len()).is_some_and(|pointer| self.covers(pointer))
    }

    /// Returns true if a value with this pointer is at the place. The pointer has one segment for each step, and none is a wildcard.
    #[must_use]
    pub fn covers(&self, pointer: &[&str]) -> bool {
        let fits = |(own, step): (&Segment, &&str)| match own {
            Segment::Any => true,
            Segment::Name(name) => name == step,
            Segment::Key => false,
        };
        self.segments.len() == pointer.len() && self.segments.iter().zip(pointer).all(fits)
    }
}

impl<'v> Iterator for Values<'_, 'v> {
    type Item = PlaceValue<'v>;

    fn next(&mut self) -> Option<PlaceValue<'v>> {
        while let Some((found, depth)) = self.open.pop() {
            let Some(segment) = self.place.segments.get(depth) else { return Some(found) };
            let PlaceValue::Value(value) = found else { continue };
            let open = &mut self.open;
            let mut push = |found| open.push((found, depth + 1));
            // Later ones are pushed first, so the first is taken first.
            match (segment, value) {
                (Segment::Any, Value::Array(items)) => items.iter().rev().map(PlaceValue::Value).for_each(push),
                (Segment::Any, Value::Object(members)) => members.values().rev().map(PlaceValue::Value).for_each(push),
                (Segment::Key, Value::Object(members)) => {
                    members.keys().rev().map(|key| PlaceValue::Name(key)).for_each(push);
                }
                (Segment::Name(name), Value::Object(members)) => {
                    if let Some(member) = members.get(name) {
                        push(PlaceValue::Value(member));
                    }
                }
                (Segment::Name(name), Value::Array(items)) => {
                    let is_index = name == "0" || !name.starts_with('0');
                    let index = name.parse::<usize>().ok().filter(|_| is_index && !name.starts_with('+'));
                    if let Some(item) = index.and_then(|index| items.get(index)) {
                        push(PlaceValue::Value(item));
                    }
                }
                _ => {}
            }
        }
        None
    }
}
