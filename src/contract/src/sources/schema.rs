//! The parts of a JSON Schema for a value of the arguments.
//!
//! Only keywords that every instance at a place passes through are followed: `$ref`, `properties`, `patternProperties` and
//! `additionalProperties`, `items`, `prefixItems`, and the branches of `allOf`, `anyOf`, `oneOf`, `if`, `then` and `else`.

use callgate_json::Value;

use crate::keywords::local;

/// The maximum subschemas that are visited for one value.
const MAX_VISITED: usize = 512;
const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const CONDITIONS: [&str; 3] = ["if", "then", "else"];

/// Returns true if the schema enumerates a value at a path.
pub(crate) fn enumerates(schema: &Value, path: &[String], value: &Value) -> bool {
    let is_listed = |node: &&Value| {
        let listed = node.get("enum").and_then(Value::as_array).is_some_and(|values| values.contains(value));
        listed || node.get("const") == Some(value)
    };
    at(schema, path).iter().any(is_listed)
}

/// Returns true if the schema names a member of the object at a path.
pub(crate) fn declares(schema: &Value, path: &[String], name: &str) -> bool {
    at(schema, path).iter().any(|node| node.get("properties").is_some_and(|members| members.get(name).is_some()))
}

/// Returns false if no valid arguments have a value at a place whose segments are names or `*`.
pub(crate) fn may_have(schema: &Value, segments: &[String]) -> bool {
    let mut search = Search { root: schema, found: Vec::new(), left: MAX_VISITED, is_open: false };
    search.visit(schema, segments, true);
    search.is_open || search.left == 0 || !search.found.is_empty()
}

/// Returns the subschemas for the value at a path.
pub(crate) fn at<'s>(schema: &'s Value, path: &[String]) -> Vec<&'s Value> {
    let mut search = Search { root: schema, found: Vec::new(), left: MAX_VISITED, is_open: false };
    search.visit(schema, path, false);
    search.found
}

struct Search<'s> {
    root: &'s Value,
    found: Vec<&'s Value>,
    left: usize,
    /// True if a part of the path has no schema and is allowed.
    is_open: bool,
}

// === impl Search ===

impl<'s> Search<'s> {
    fn visit(&mut self, node: &'s Value, path: &[String], has_wildcards: bool) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        if let Some(target) = node.get("$ref").and_then(Value::as_str).and_then(|name| local(self.root, name)) {
            self.visit(target, path, has_wildcards);
        }
        for branch in BRANCHES.iter().filter_map(|name| node.get(*name)?.as_array()).flatten() {
            self.visit(branch, path, has_wildcards);
        }
        for branch in CONDITIONS.iter().filter_map(|name| node.get(*name)) {
            self.visit(branch, path, has_wildcards);
        }
        match path.split_first() {
            None => self.found.push(node),
            Some((step, rest)) => self.step(node, step, rest, has_wildcards),
        }
    }

    fn step(&mut self, node: &'s Value, step: &str, rest: &[String], has_wildcards: bool) {
        let is_any = has_wildcards && step == "*";
        let members = node.get("properties").and_then(Value::as_object);
        for (name, member) in members.into_iter().flatten() {
            if is_any || name == step {
                self.visit(member, rest, has_wildcards);
            }
        }
        let is_declared = members.is_some_and(|members| members.contains_key(step));
        for pattern in node.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|all| all.values())
        {
            self.visit(pattern, rest, has_wildcards);
        }
        match node.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            Some(other) if !is_declared => self.visit(other, rest, has_wildcards),
            // An object may have it, unless the type excludes objects.
            None if !is_declared && allows(node, "object") && !is_array(node) => self.is_open = true,
            _ => {}
        }
        let index = step.parse::<usize>().ok();
        let first = node.get("prefixItems").and_then(Value::as_array);
        for (position, item) in first.into_iter().flatten().enumerate() {
            if is_any || index == Some(position) {
                self.visit(item, rest, has_wildcards);
            }
        }
        match node.get("items") {
            Some(Value::Array(items)) => items.iter().for_each(|item| self.visit(item, rest, has_wildcards)),
            Some(items) if is_any || index.is_some() => self.visit(items, rest, has_wildcards),
            None if is_array(node) => self.is_open = true,
            _ => {}
        }
    }
}

fn allows(node: &Value, kind: &str) -> bool {
    match node.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        // A schema that only refers to others says nothing by itself.
        _ => !["$ref", "allOf", "anyOf", "oneOf", "enum", "const"].iter().any(|keyword| node.get(*keyword).is_some()),
    }
}

fn is_array(node: &Value) -> bool {
    node.get("type").is_some() && allows(node, "array")
}
