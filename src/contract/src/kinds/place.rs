//! Places in the arguments of a tool.

use callgate_json::Value;
use callgate_kinds::{KindRefusal, Refusal};

use crate::source::node::join;

/// A place in the arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArgumentPlace(pub(crate) Vec<PlaceStep>);

/// A step to a place, from the outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlaceStep {
    /// The member of this name.
    Member(String),
    /// The item at this position.
    Item(usize),
    /// Every item.
    Items,
}

/// A value at a place. An error is a value between that no place leads through.
pub(crate) struct PlacedValue<'v> {
    /// JSON Pointer to the value.
    pub(crate) pointer: String,
    pub(crate) value: Result<&'v Value, KindRefusal>,
}

// === impl ArgumentPlace ===

impl ArgumentPlace {
    /// Reads a JSON Pointer of members only; `None` for another text.
    pub(crate) fn of_members(pointer: &str) -> Option<Self> {
        let steps = pointer.strip_prefix('/')?.split('/');
        let member = |step: &str| PlaceStep::Member(step.replace("~1", "/").replace("~0", "~"));
        Some(Self(steps.map(member).collect()))
    }

    /// Returns the names of its members; `None` if it leads through a list.
    pub(crate) fn members(&self) -> Option<Vec<String>> {
        let name = |step: &PlaceStep| match step {
            PlaceStep::Member(name) => Some(name.clone()),
            PlaceStep::Item(_) | PlaceStep::Items => None,
        };
        self.0.iter().map(name).collect()
    }

    /// Returns its name in conditions, with `[]` for every item: `args.files[].path`. `None` for the item at one position, which no
    /// condition can name, and for a name that would have two readings.
    pub(crate) fn name(&self) -> Option<String> {
        self.0.iter().try_fold("args".to_owned(), |path, step| match step {
            PlaceStep::Member(name) if is_plain(name) => Some(format!("{path}.{name}")),
            PlaceStep::Items => Some(path + "[]"),
            PlaceStep::Member(_) | PlaceStep::Item(_) => None,
        })
    }

    /// Returns the name in conditions of the value at a pointer, which the place leads to: `args.files[2].path`.
    pub(crate) fn name_at(&self, pointer: &str) -> Option<String> {
        self.name()?;
        let mut names = "args".to_owned();
        let mut segments = pointer.split('/').skip(1);
        for step in &self.0 {
            let segment = segments.next()?;
            match step {
                PlaceStep::Member(name) => names.extend([".", name]),
                PlaceStep::Item(_) | PlaceStep::Items => names.extend(["[", segment, "]"]),
            }
        }
        segments.next().is_none().then_some(names)
    }

    /// Returns the values at the place. `null` stands for an absent value.
    pub(crate) fn values<'v>(&self, arguments: &'v Value) -> Vec<PlacedValue<'v>> {
        let mut found = Vec::new();
        collect(&self.0, arguments, String::new(), &mut found);
        found
    }

    /// Returns true if a JSON Pointer leads to a value at the place.
    pub(crate) fn leads_to(&self, pointer: &str) -> bool {
        let Some(pointer) = pointer.strip_prefix('/') else { return false };
        let mut given = pointer.split('/');
        let fits = self.0.iter().all(|step| {
            given.next().is_some_and(|given| match step {
                PlaceStep::Member(name) => join("", name).strip_prefix('/') == Some(given),
                PlaceStep::Item(index) => given.parse() == Ok(*index),
                PlaceStep::Items => given.parse::<usize>().is_ok(),
            })
        });
        fits && given.next().is_none()
    }

    /// Returns the value at a place of members only.
    pub(crate) fn one<'v>(&self, arguments: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(arguments, |here, step| match step {
            PlaceStep::Member(name) => here.get(name),
            PlaceStep::Item(_) | PlaceStep::Items => None,
        })
    }
}

impl std::fmt::Display for ArgumentPlace {
    /// Writes a JSON Pointer with `*` for every item.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pointer = self.0.iter().fold(String::new(), |pointer, step| match step {
            PlaceStep::Member(name) => join(&pointer, name),
            PlaceStep::Item(index) => format!("{pointer}/{index}"),
            PlaceStep::Items => format!("{pointer}/*"),
        });
        f.write_str(&pointer)
    }
}

/// Returns true for a name that a dotted name can hold.
fn is_plain(name: &str) -> bool {
    !name.contains(['.', '[', ']'])
}

fn collect<'v>(steps: &[PlaceStep], value: &'v Value, pointer: String, found: &mut Vec<PlacedValue<'v>>) {
    if value.is_null() {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        found.push(PlacedValue { pointer, value: Ok(value) });
        return;
    };
    match (step, value) {
        (PlaceStep::Member(name), Value::Object(members)) => {
            if let Some(member) = members.get(name) {
                collect(rest, member, join(&pointer, name), found);
            }
        }
        (PlaceStep::Item(index), Value::Array(items)) => {
            if let Some(item) = items.get(*index) {
                collect(rest, item, format!("{pointer}/{index}"), found);
            }
        }
        (PlaceStep::Items, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                collect(rest, item, format!("{pointer}/{index}"), found);
            }
        }
        // The schema may allow such a value, and no mark says what it means.
        (PlaceStep::Member(_), _) => found.push(unexpected(pointer, "it is not an object with marked members")),
        (PlaceStep::Item(_) | PlaceStep::Items, _) => {
            found.push(unexpected(pointer, "it is not a list with marked items"));
        }
    }
}

fn unexpected<'v>(pointer: String, reason: &'static str) -> PlacedValue<'v> {
    PlacedValue { pointer, value: Err(KindRefusal::Unreadable(Refusal::whole(reason))) }
}
