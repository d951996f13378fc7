//! The values of arguments, with the rules that cover them.

use callgate_json::Value;

use super::SourceRules;

/// The values of a call's arguments.
pub(super) struct Leaves<'a> {
    pub(super) list: Vec<Leaf<'a>>,
}

/// A value without values in it, or the name of a member.
pub(super) struct Leaf<'a> {
    /// The steps to it from the outside in. The name of a member has the steps to its object.
    pub(super) path: Vec<String>,
    pub(super) value: LeafValue<'a>,
    /// The rules of `origin` that cover it, by their positions.
    pub(super) rules: Vec<usize>,
    /// True if a `from` is among them.
    pub(super) has_from: bool,
}

/// The value of a leaf.
#[derive(Clone, Copy)]
pub(super) enum LeafValue<'a> {
    Value(&'a Value),
    /// The name of a member.
    Name(&'a str),
}

// === impl Leaf ===

impl Leaf<'_> {
    /// Returns its JSON Pointer. The pointer of a name ends at its object: a violation repeats no name of the model's.
    pub(super) fn pointer(&self) -> String {
        let escaped = self.path.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
        escaped.fold(String::new(), |pointer, step| format!("{pointer}/{step}"))
    }

    /// Returns its text.
    pub(super) fn text(&self) -> Option<&str> {
        match self.value {
            LeafValue::Value(value) => value.as_str(),
            LeafValue::Name(name) => Some(name),
        }
    }
}

// === impl Leaves ===

impl<'a> Leaves<'a> {
    pub(super) fn of(rules: &SourceRules, arguments: &'a Value) -> Leaves<'a> {
        let mut leaves = Leaves { list: Vec::new() };
        leaves.add(rules, &mut Vec::new(), arguments);
        leaves
    }

    /// Adds the leaves of a value. The reader bounds its depth.
    fn add(&mut self, rules: &SourceRules, path: &mut Vec<String>, value: &'a Value) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.add(rules, path, item);
                    path.pop();
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    path.push(name.clone());
                    self.push(rules, path, LeafValue::Name(name));
                    self.add(rules, path, member);
                    path.pop();
                }
            }
            value => self.push(rules, path, LeafValue::Value(value)),
        }
    }

    fn push(&mut self, rules: &SourceRules, path: &[String], value: LeafValue<'a>) {
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        let covers = |(position, rule): (usize, &super::OriginRule)| rule.place.is_above(&steps).then_some(position);
        let covering: Vec<usize> = rules.origins.iter().enumerate().filter_map(covers).collect();
        let has_from = covering.iter().any(|rule| rules.origins.get(*rule).is_some_and(|rule| rule.from.is_some()));
        let length = match value {
            LeafValue::Value(_) => path.len(),
            LeafValue::Name(_) => path.len().saturating_sub(1),
        };
        let path = path.get(..length).unwrap_or_default().to_vec();
        self.list.push(Leaf { path, value, rules: covering, has_from });
    }
}
