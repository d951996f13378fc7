//! The scalars of a content in normal form, with their paths: one text that is searched once for each value.

use std::cell::OnceCell;
use std::collections::HashMap;

use callgate_json::Value;

use crate::content::ReadContent;
use crate::needle::Needle;
use crate::number;
use crate::output::{ToolOutput, Trust};
use crate::{Decimal, Text, normal};

/// The scalars of a content.
#[derive(Debug, Default)]
pub(crate) struct Scalars {
    /// Their normal forms, one a line.
    text: Text,
    items: Vec<Item>,
    nodes: Vec<PathNode>,
    /// True if the content is one text.
    is_text: bool,
    /// The numbers in them: the item, and true if the number is all of it.
    numbers: OnceCell<HashMap<Decimal, Vec<Hit>>>,
}

/// A scalar, or the name of a member.
#[derive(Debug)]
pub(crate) struct Item {
    start: usize,
    end: usize,
    /// The path's last step; `None` for the content itself.
    node: Option<usize>,
    pub(crate) trust: Trust,
    pub(crate) is_confidential: bool,
    pub(crate) is_name: bool,
    /// True for a boolean, which holds no words.
    is_bool: bool,
}

#[derive(Debug)]
struct PathNode {
    parent: Option<usize>,
    step: Step,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

/// An occurrence of a value in a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) item: usize,
    /// True if the value is all of the scalar.
    pub(crate) is_whole: bool,
}

// === impl Step ===

impl Step {
    pub(crate) fn shown(&self) -> String {
        match self {
            Step::Name(name) => name.replace('~', "~0").replace('/', "~1"),
            Step::Index(index) => index.to_string(),
        }
    }
}

// === impl Scalars ===

impl Scalars {
    /// Takes one text.
    pub(crate) fn of_text(text: &str, trust: Trust) -> Scalars {
        let output = ToolOutput::default();
        let mut writer = Writer::new(&output);
        writer.add(&normal(text), false, Some((trust, false)));
        Scalars { is_text: true, ..writer.finish() }
    }

    /// Takes the leaves of the arguments of a call, the names of members among them.
    pub(crate) fn of_arguments(arguments: &Value) -> Scalars {
        let output = ToolOutput::default();
        let mut writer = Writer::new(&output);
        writer.value(arguments);
        writer.finish()
    }

    /// Takes the content of a result. Without the contract's view of it, it is untrusted.
    pub(crate) fn of_result(content: &ReadContent, output: Option<&ToolOutput>) -> Scalars {
        let unknown = ToolOutput::default();
        let mut writer = Writer::new(output.unwrap_or(&unknown));
        match content {
            ReadContent::Value(value) => {
                writer.value(value);
                writer.finish()
            }
            ReadContent::Text(text) => {
                writer.add(&normal(text), false, None);
                Scalars { is_text: true, ..writer.finish() }
            }
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.is_text
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(crate) fn item(&self, hit: Hit) -> Option<&Item> {
        self.items.get(hit.item)
    }

    /// Returns an item's normal form.
    pub(crate) fn text_of(&self, item: &Item) -> &str {
        self.text.as_str().get(item.start..item.end).unwrap_or_default()
    }

    /// Returns the steps to an item from the outside in.
    pub(crate) fn path(&self, item: &Item) -> Vec<Step> {
        let mut path = Vec::new();
        let mut next = item.node;
        while let Some(node) = next.and_then(|node| self.nodes.get(node)) {
            path.push(node.step.clone());
            next = node.parent;
        }
        path.reverse();
        path
    }

    /// Returns true if a scalar that is not empty is untrusted.
    pub(crate) fn has_untrusted(&self) -> bool {
        // The words of a name are those of a schema, or they come with a value.
        let holds = |item: &Item| !item.is_name && !item.is_bool && item.start < item.end;
        self.items.iter().any(|item| item.trust == Trust::Untrusted && holds(item))
    }

    /// Returns the occurrences of a value.
    pub(crate) fn hits(&self, needle: &Needle) -> Vec<Hit> {
        let mut hits = Vec::new();
        for start in self.text.find(&needle.text) {
            let end = start + needle.text.len();
            let item = self.items.partition_point(|item| item.end < end);
            let Some(found) = self.items.get(item) else { continue };
            let is_whole = found.start == start && found.end == end;
            // A number inside of a text is a token of digits: `1` does not occur in `1,250`.
            if is_whole || !needle.is_exact && needle.number.is_none() {
                hits.push(Hit { item, is_whole });
            }
        }
        if let Some(number) = &needle.number
            && let Some(equal) = self.numbers.get_or_init(|| self.read_numbers()).get(number)
        {
            hits.extend(equal.iter().filter(|hit| hit.is_whole || !needle.is_exact));
        }
        hits
    }

    /// Returns the bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = self.numbers.get().map_or(0, |numbers| numbers.len().saturating_mul(96));
        let items = self.items.len().saturating_mul(size_of::<Item>());
        let nodes = self.nodes.len().saturating_mul(size_of::<PathNode>() + 16);
        self.text.as_str().len().saturating_add(items).saturating_add(nodes).saturating_add(numbers)
    }

    fn read_numbers(&self) -> HashMap<Decimal, Vec<Hit>> {
        let mut numbers: HashMap<Decimal, Vec<Hit>> = HashMap::new();
        for (start, number) in number::all(self.text.as_str()) {
            let item = self.items.partition_point(|item| item.end <= start);
            numbers.entry(number).or_default().push(Hit { item, is_whole: false });
        }
        for (item, found) in self.items.iter().enumerate() {
            let text = self.text_of(found);
            let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
            if let Some(number) = Some(text).filter(|_| is_number).and_then(Decimal::parse) {
                let hits = numbers.entry(number).or_default();
                hits.retain(|hit| hit.item != item);
                hits.push(Hit { item, is_whole: true });
            }
        }
        numbers
    }
}

/// Writes the scalars of a value one after the other.
struct Writer<'o> {
    output: &'o ToolOutput,
    lines: String,
    items: Vec<Item>,
    nodes: Vec<PathNode>,
    /// The steps to the value at hand.
    path: Vec<Step>,
    /// Its node.
    node: Option<usize>,
}

// === impl Writer ===

impl<'o> Writer<'o> {
    fn new(output: &'o ToolOutput) -> Writer<'o> {
        Writer { output, lines: String::new(), items: Vec::new(), nodes: Vec::new(), path: Vec::new(), node: None }
    }

    fn finish(self) -> Scalars {
        let text = Text::of_lines(self.lines);
        Scalars { text, items: self.items, nodes: self.nodes, is_text: false, numbers: OnceCell::new() }
    }

    fn add(&mut self, text: &str, is_name: bool, rule: Option<(Trust, bool)>) {
        if !self.items.is_empty() {
            self.lines.push('\n');
        }
        let (trust, is_confidential) = rule.unwrap_or_else(|| {
            let is_confidential = self.output.confidential.covers(&self.path, is_name);
            (self.output.trust(&self.path, is_name), is_confidential)
        });
        let start = self.lines.len();
        self.lines.push_str(text);
        let (end, node) = (self.lines.len(), self.node);
        self.items.push(Item { start, end, node, trust, is_confidential, is_name, is_bool: false });
    }

    /// Adds the scalars of a value. Its depth is bounded by the readers.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(bool) => {
                self.add(if *bool { "true" } else { "false" }, false, None);
                if let Some(item) = self.items.last_mut() {
                    item.is_bool = true;
                }
            }
            Value::Number(number) => self.add(&number.to_string(), false, None),
            Value::String(text) => self.add(&normal(text), false, None),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.step(Step::Index(index), |writer| writer.value(item));
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.add(&normal(name), true, None);
                    self.step(Step::Name(name.clone()), |writer| writer.value(member));
                }
            }
        }
    }

    fn step(&mut self, step: Step, inside: impl FnOnce(&mut Writer<'o>)) {
        let parent = self.node;
        self.nodes.push(PathNode { parent, step: step.clone() });
        self.node = Some(self.nodes.len() - 1);
        self.path.push(step);
        inside(self);
        self.path.pop();
        self.node = parent;
    }
}
