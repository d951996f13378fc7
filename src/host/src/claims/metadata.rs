//! Envoy's dynamic metadata: protobuf messages in which every value has a type.

use std::collections::HashMap;

use callgate_contract::CLAIM_TEXTS;
use prost::{Message, Oneof};
use serde_json::Value as Json;

use super::whole;

/// `envoy.config.core.v3.Metadata`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(map = "string, message", tag = "1")]
    pub(super) filter_metadata: HashMap<String, Struct>,
}

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Struct {
    #[prost(map = "string, message", tag = "1")]
    pub(super) fields: HashMap<String, Value>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(oneof = "ClaimValue", tags = "1, 2, 3, 4, 5, 6")]
    pub(super) kind: Option<ClaimValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ClaimValue {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Struct(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

/// `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct List {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<Value>,
}

// === impl Struct ===

impl Struct {
    /// Returns the value of a claim, by its name or by a JSON Pointer.
    pub(super) fn at(&self, claim: &str) -> Option<&Value> {
        let Some(pointer) = claim.strip_prefix('/') else { return self.fields.get(claim) };
        let mut segments = pointer.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~"));
        let first = self.fields.get(&segments.next()?)?;
        segments.try_fold(first, |value, segment| match value.kind.as_ref()? {
            ClaimValue::Struct(inner) => inner.fields.get(&segment),
            ClaimValue::List(list) => list.values.get(position(&segment)?),
            ClaimValue::Null(_) | ClaimValue::Number(_) | ClaimValue::Text(_) | ClaimValue::Bool(_) => None,
        })
    }
}

/// Reads the index of an array in a JSON Pointer (RFC 6901 §4): digits without a leading zero.
fn position(segment: &str) -> Option<usize> {
    let is_index = segment.bytes().all(|byte| byte.is_ascii_digit()) && (segment == "0" || !segment.starts_with('0'));
    if is_index { segment.parse().ok() } else { None }
}

// === impl Value ===

impl Value {
    /// Returns the value of a claim. Deeper values than a list's items have no type of a claim, so they are left out as empty objects.
    pub(super) fn json(&self) -> Json {
        match &self.kind {
            None | Some(ClaimValue::Null(_)) => Json::Null,
            Some(ClaimValue::Text(text)) => Json::from(text.as_str()),
            Some(ClaimValue::Number(number)) => whole(*number),
            Some(ClaimValue::Bool(value)) => Json::from(*value),
            Some(ClaimValue::Struct(_)) => Json::Object(serde_json::Map::new()),
            // One item over the bound is enough to be refused.
            Some(ClaimValue::List(list)) => list.values.iter().take(CLAIM_TEXTS + 1).map(Value::item).collect(),
        }
    }

    fn item(&self) -> Json {
        match &self.kind {
            Some(ClaimValue::List(_)) => Json::Array(Vec::new()),
            _ => self.json(),
        }
    }
}
