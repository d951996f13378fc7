//! The types of a tool's arguments, from their JSON Schema (2020-12), for conditions.
//!
//! A type holds for every value that the schema accepts. A schema that accepts values of several types, apart from `null`, gives none:
//! [`Type::Opaque`]. Only keywords at the schema itself, `$ref` into the same schema, `anyOf` and `oneOf` give types; others narrow what
//! is accepted, and a narrower value has the same type.

use std::cell::Cell;

use callgate_condition::{Member, ObjectType, Type};
use callgate_json::Value;

/// The maximum references and levels that are followed. Beyond, values are opaque.
const MAX_DEPTH: usize = 12;
/// The maximum schemas that are read, however often they refer to each other. Beyond, values are opaque.
const MAX_SCHEMAS: usize = 4096;

/// Returns the type of the values that a schema accepts.
pub(crate) fn type_of(schema: &Value) -> Type {
    Typing::of(schema).member(schema, 0).kind
}

struct Typing<'s> {
    root: &'s Value,
    /// The schemas that may still be read.
    left: Cell<usize>,
}

// === impl Typing ===

impl<'s> Typing<'s> {
    fn of(root: &'s Value) -> Typing<'s> {
        Typing { root, left: Cell::new(MAX_SCHEMAS) }
    }

    fn member(&self, schema: &Value, depth: usize) -> Member {
        let opaque = Member::required(Type::Opaque).or_null();
        let left = self.left.get();
        if depth > MAX_DEPTH || left == 0 {
            return opaque;
        }
        self.left.set(left - 1);
        if let Some(target) = schema.get("$ref") {
            let target =
                target.as_str().and_then(|target| target.strip_prefix('#')).and_then(|at| self.root.pointer(at));
            return target.map_or(opaque, |target| self.member(target, depth + 1));
        }
        if let Some(kind) = schema.get("type") {
            return self.typed(kind, schema, depth).unwrap_or(opaque);
        }
        let values = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
        if let Some(values) = values.or_else(|| schema.get("const").map(std::slice::from_ref)) {
            return common(values.iter().map(of_value)).unwrap_or(opaque);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(branches) = schema.get(keyword).and_then(Value::as_array) {
                return common(branches.iter().map(|branch| self.member(branch, depth + 1))).unwrap_or(opaque);
            }
        }
        opaque
    }

    /// Reads the keyword `type`: a name, or a list of names.
    fn typed(&self, kind: &Value, schema: &Value, depth: usize) -> Option<Member> {
        match kind {
            Value::String(name) => self.named(name, schema, depth),
            Value::Array(names) => {
                let members = names.iter().map(|name| self.named(name.as_str()?, schema, depth));
                common(members.collect::<Option<Vec<_>>>()?.into_iter())
            }
            _ => None,
        }
    }

    fn named(&self, name: &str, schema: &Value, depth: usize) -> Option<Member> {
        Some(Member::required(match name {
            "boolean" => Type::Bool,
            "integer" => Type::Int,
            "number" => Type::Number,
            "string" => Type::Text,
            "null" => return Some(Member::required(Type::Null).or_null()),
            "array" => {
                let max = schema.get("maxItems").and_then(Value::as_u64).and_then(|max| u32::try_from(max).ok());
                // Items by their position have no type in common.
                let items = schema.get("items").filter(|_| schema.get("prefixItems").is_none());
                let item = items.map_or(Member::required(Type::Opaque), |items| self.member(items, depth + 1));
                Type::list(item, max)
            }
            "object" => self.object(schema, depth),
            _ => return None,
        }))
    }

    fn object(&self, schema: &Value, depth: usize) -> Type {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let members = properties.into_iter().flatten().map(|(name, schema)| {
            let optional = !required.contains(&name.as_str());
            (name.clone(), Member { optional, ..self.member(schema, depth + 1) })
        });
        Type::object(ObjectType::new(members))
    }
}

fn of_value(value: &Value) -> Member {
    Member::required(match value {
        Value::Null => return Member::required(Type::Null).or_null(),
        Value::Bool(_) => Type::Bool,
        Value::Number(number) if number.is_i64() => Type::Int,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::Text,
        Value::Array(_) | Value::Object(_) => Type::Opaque,
    })
}

/// The type of several schemas' values, if it is one. `null` beside another type makes it nullable.
fn common(members: impl Iterator<Item = Member>) -> Option<Member> {
    let (mut kind, mut nullable) = (Type::Null, false);
    for member in members {
        nullable |= member.nullable;
        kind = match (kind, member.kind) {
            (kind, Type::Null) => kind,
            (Type::Null, other) => other,
            (Type::Int, Type::Number) | (Type::Number, Type::Int) => Type::Number,
            (kind, other) if kind == other => kind,
            _ => return None,
        };
    }
    Some(Member { kind, optional: false, nullable })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(schema: &str) -> Member {
        let schema = callgate_json::read(schema.as_bytes()).unwrap();
        Typing::of(&schema).member(&schema, 0)
    }

    #[test]
    fn schemas_have_the_types_of_the_values_they_accept() {
        let plain = |schema, kind| assert_eq!(member(schema), Member::required(kind), "{schema}");
        plain(r#"{"type":"string","format":"date-time"}"#, Type::Text);
        plain(r#"{"type":"integer","minimum":1}"#, Type::Int);
        plain(r#"{"type":["integer","number"]}"#, Type::Number);
        plain(r#"{"enum":["a","b"]}"#, Type::Text);
        plain(r#"{"const":7}"#, Type::Int);
        plain(r#"{"enum":[1,2.5]}"#, Type::Number);
        plain(r#"{"anyOf":[{"type":"string"},{"enum":["a"]}]}"#, Type::Text);
        plain(r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"boolean"}}}"##, Type::Bool);
        plain(
            r#"{"type":"array","items":{"type":"string"},"maxItems":3}"#,
            Type::list(Member::required(Type::Text), Some(3)),
        );
        let nullable = |schema, kind| assert_eq!(member(schema), Member::required(kind).or_null(), "{schema}");
        nullable(r#"{"type":["string","null"]}"#, Type::Text);
        nullable(r#"{"oneOf":[{"type":"null"},{"type":"number"}]}"#, Type::Number);
        nullable(r#"{"enum":["a",null]}"#, Type::Text);
        for opaque in [
            "true",
            "{}",
            r#"{"type":["string","integer"]}"#,
            r#"{"anyOf":[{"type":"string"},{}]}"#,
            r#"{"enum":["a",1]}"#,
            r#"{"properties":{"a":{}}}"#,
            r#"{"$ref":"other.json"}"#,
            r##"{"$ref":"#/$defs/none"}"##,
            r##"{"$ref":"#"}"##,
            r##"{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}"##,
            r#"{"type":7}"#,
            &format!(r#"{{"anyOf":[{}{{}}]}}"#, r##"{"$ref":"#"},"##.repeat(50)),
        ] {
            assert_eq!(member(opaque).kind, Type::Opaque, "{opaque}");
        }
    }

    #[test]
    fn members_are_required_only_if_the_schema_says_so() {
        let kind = member(r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{"type":["integer","null"]}}}"#).kind;
        let expected = ObjectType::new([
            ("a".to_owned(), Member::required(Type::Text)),
            ("b".to_owned(), Member::optional(Type::Int).or_null()),
        ]);
        assert_eq!(kind, Type::object(expected));
    }
}
