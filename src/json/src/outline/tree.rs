//! Builds the tree of an outlined value.

use serde_json::{Map, Number, Value};

use super::{Item, Kind, Outline};
use crate::number::Exact;
use crate::read::read_number;

impl Outline<'_> {
    /// Returns the tree, and `None` if a number breaks the rule.
    pub(crate) fn tree(&self, exact: Exact) -> Option<Value> {
        self.root().tree(exact)
    }
}

impl Item<'_> {
    /// Returns its tree.
    #[must_use]
    pub fn value(self) -> Value {
        // A number that was scanned is in the range of doubles, so each value has a tree.
        self.tree(Exact::None).unwrap_or_default()
    }

    /// Returns its tree, and `None` if a number breaks the rule.
    pub(crate) fn tree(self, exact: Exact) -> Option<Value> {
        Some(match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.is_true()),
            Kind::Number => return self.number(exact).map(Value::Number),
            Kind::Plain | Kind::Escaped => Value::String(self.string()?.into_owned()),
            Kind::Array => {
                let mut items = Vec::with_capacity(self.items().count());
                for item in self.items() {
                    items.push(item.tree(exact)?);
                }
                Value::Array(items)
            }
            Kind::Object => {
                let mut members = Map::with_capacity(self.pairs().count());
                for (key, value) in self.pairs() {
                    members.insert(key.string()?.into_owned(), value.tree(exact)?);
                }
                Value::Object(members)
            }
        })
    }

    /// Returns the number, and `None` if it breaks the rule, and for another value.
    pub(crate) fn number(self, exact: Exact) -> Option<Number> {
        if !self.is_number() {
            return None;
        }
        if self.is_written_so() {
            return self.text().parse::<u64>().ok().map(Number::from);
        }
        read_number(self.text(), exact)
    }
}
