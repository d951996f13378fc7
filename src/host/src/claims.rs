//! The claims of a token verified by `jwt_authn`.
//!
//! In proxy-wasm, a property of one claim has lost its type: a number is eight bytes, which could spell a role. So the filter reads
//! all dynamic metadata as one message, in which every value has a type. A dynamic module cannot read a structure in metadata; it
//! reads the payload as JSON.

use std::collections::HashMap;

use prost::{Message, Oneof};

use crate::config::Claims;

/// The largest whole number below which a double holds every whole number exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

/// `envoy.config.core.v3.Metadata`.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(map = "string, message", tag = "1")]
    filter_metadata: HashMap<String, Struct>,
}

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
struct Struct {
    #[prost(map = "string, message", tag = "1")]
    fields: HashMap<String, Value>,
}

/// `google.protobuf.Value`, as far as it can be or hold a claim.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(oneof = "ClaimValue", tags = "2, 3, 5")]
    kind: Option<ClaimValue>,
}

#[derive(Clone, PartialEq, Oneof)]
enum ClaimValue {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(message, tag = "5")]
    Struct(Struct),
}

/// Returns tenant and role by the claims' names, from an encoded `envoy.config.core.v3.Metadata`. A claim counts if it is a string or
/// a whole number, which is read as its text.
#[must_use]
pub fn from_metadata(metadata: &[u8], claims: &Claims) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut metadata = Metadata::decode(metadata).ok()?;
    let mut verified = metadata.filter_metadata.remove("envoy.filters.http.jwt_authn")?;
    let Some(ClaimValue::Struct(payload)) = verified.fields.remove(&claims.payload)?.kind else { return None };
    let text = |claim: &str| payload.fields.get(claim)?.text().map(String::into_bytes);
    Some((text(&claims.tenant_claim)?, text(&claims.role_claim)?))
}

/// Returns tenant and role by the claims' names, from a token's payload as JSON. See [`from_metadata`].
#[must_use]
pub fn from_json(payload: &[u8], claims: &Claims) -> Option<(Vec<u8>, Vec<u8>)> {
    let payload = callgate_json::read(payload).ok()?;
    let text = |claim: &str| {
        let kind = match payload.get(claim)? {
            serde_json::Value::String(text) => ClaimValue::Text(text.clone()),
            serde_json::Value::Number(number) => ClaimValue::Number(number.as_f64()?),
            _ => return None,
        };
        Value { kind: Some(kind) }.text().map(String::into_bytes)
    };
    Some((text(&claims.tenant_claim)?, text(&claims.role_claim)?))
}

// === impl Value ===

impl Value {
    fn text(&self) -> Option<String> {
        match self.kind.as_ref()? {
            ClaimValue::Text(text) => Some(text.clone()),
            ClaimValue::Number(number) if number.fract() == 0.0 && number.abs() <= MOST => Some(format!("{number:.0}")),
            ClaimValue::Number(_) | ClaimValue::Struct(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: ClaimValue) -> Value {
        Value { kind: Some(kind) }
    }

    fn metadata(tenant: Value, role: Value) -> Vec<u8> {
        let payload = Struct { fields: [("org".to_owned(), tenant), ("role".to_owned(), role)].into() };
        let verified = Struct { fields: [("claims".to_owned(), value(ClaimValue::Struct(payload)))].into() };
        let filter_metadata = [("envoy.filters.http.jwt_authn".to_owned(), verified)].into();
        Metadata { filter_metadata }.encode_to_vec()
    }

    fn claims() -> Claims {
        Claims { payload: "claims".into(), tenant_claim: "org".into(), role_claim: "role".into() }
    }

    #[test]
    fn strings_and_whole_numbers_are_claims() {
        let text = |text: &str| value(ClaimValue::Text(text.to_owned()));
        for (tenant, expected) in [
            (text("acme"), "acme"),
            (value(ClaimValue::Number(42.0)), "42"),
            (value(ClaimValue::Number(-7.0)), "-7"),
            (value(ClaimValue::Number(9_007_199_254_740_991.0)), "9007199254740991"),
        ] {
            let read = from_metadata(&metadata(tenant, text("clerk")), &claims());
            assert_eq!(read, Some((expected.as_bytes().to_vec(), b"clerk".to_vec())));
        }
    }

    #[test]
    fn a_number_whose_bytes_spell_a_role_names_nobody() {
        let spelled = f64::from_le_bytes(*b"clerk\0\0\0");
        for number in [spelled, 0.5, 1e300, f64::NAN, f64::INFINITY] {
            let metadata = metadata(value(ClaimValue::Text("acme".into())), value(ClaimValue::Number(number)));
            assert_eq!(from_metadata(&metadata, &claims()), None, "{number}");
        }
    }

    #[test]
    fn other_values_and_missing_claims_name_nobody() {
        let acme = || value(ClaimValue::Text("acme".into()));
        for role in [Value { kind: None }, value(ClaimValue::Struct(Struct::default()))] {
            assert_eq!(from_metadata(&metadata(acme(), role), &claims()), None);
        }
        let other = Claims { role_claim: "roles".into(), ..claims() };
        assert_eq!(from_metadata(&metadata(acme(), acme()), &other), None);
        assert_eq!(from_metadata(b"", &claims()), None);
        assert_eq!(from_metadata(b"\xff", &claims()), None);
    }

    #[test]
    fn claims_in_json_are_read_alike() {
        for (payload, expected) in [
            (r#"{"org":"acme","role":"clerk"}"#, Some("acme")),
            (r#"{"org":42,"role":"clerk"}"#, Some("42")),
            (r#"{"org":42.0,"role":"clerk"}"#, Some("42")),
            (r#"{"org":0.5,"role":"clerk"}"#, None),
            (r#"{"org":"acme","role":["clerk"]}"#, None),
            (r#"{"org":"acme"}"#, None),
            (r#"{"org":"acme","org":"evil","role":"clerk"}"#, None),
            ("", None),
        ] {
            let read = from_json(payload.as_bytes(), &claims()).map(|(tenant, _)| tenant);
            assert_eq!(read, expected.map(|text| text.as_bytes().to_vec()), "{payload}");
        }
    }
}
