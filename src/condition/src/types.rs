//! The types of a condition. They come from the JSON Schemas of tools, and from the facts of a call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A number: whole or with a fraction.
    Number,
    /// A text.
    Text,
    /// Nothing but `null`.
    Null,
    /// A point in time.
    Timestamp,
    /// A length of time.
    Duration,
    /// A list.
    List(Arc<ListType>),
    /// An object with known members.
    Object(Arc<ObjectType>),
    /// A value without one type. A condition can ask if it is there, and nothing else.
    Opaque,
}

/// The type of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListType {
    /// Its items. [`Member::optional`] means nothing here.
    pub item: Member,
    /// The maximum number of items; `None` if nothing bounds it.
    pub max: Option<u32>,
}

/// The type of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectType {
    members: BTreeMap<String, Member>,
}

/// A member of an object, or a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its type.
    pub kind: Type,
    /// It may be absent.
    pub optional: bool,
    /// It may be `null`.
    pub nullable: bool,
}

// === impl Member ===

impl Member {
    /// A member of every object.
    #[must_use]
    pub fn required(kind: Type) -> Member {
        Member { kind, optional: false, nullable: false }
    }

    /// A member of some objects.
    #[must_use]
    pub fn optional(kind: Type) -> Member {
        Member { kind, optional: true, nullable: false }
    }

    /// The same member, which may be `null` as well.
    #[must_use]
    pub fn or_null(self) -> Member {
        Member { nullable: true, ..self }
    }
}

// === impl Type ===

impl Type {
    /// The type of an object.
    #[must_use]
    pub fn object(object: ObjectType) -> Type {
        Type::Object(Arc::new(object))
    }

    /// The type of a list of at most `max` items.
    #[must_use]
    pub fn list(item: Member, max: Option<u32>) -> Type {
        Type::List(Arc::new(ListType { item, max }))
    }

    /// Returns true if `==` compares its values.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Type::List(_) | Type::Object(_) | Type::Opaque)
    }

    /// Returns true for the types of numbers.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Number)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "a boolean",
            Type::Int => "a whole number",
            Type::Number => "a number",
            Type::Text => "a string",
            Type::Null => "null",
            Type::Timestamp => "a timestamp",
            Type::Duration => "a duration",
            Type::List(_) => "a list",
            Type::Object(_) => "an object",
            Type::Opaque => "a value without one type",
        })
    }
}

// === impl ObjectType ===

impl ObjectType {
    /// An object with these members.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (String, Member)>) -> ObjectType {
        ObjectType { members: members.into_iter().collect() }
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members.get(name)
    }

    /// The names of its members, for a message.
    pub(crate) fn names(&self) -> String {
        list(self.members.keys().map(String::as_str))
    }
}

/// At most 12 names, separated by commas.
pub(crate) fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.get(..12).filter(|_| names.len() > 12) {
        Some(first) => format!("{}, …", first.join(", ")),
        None if names.is_empty() => "none".to_owned(),
        None => names.join(", "),
    }
}
