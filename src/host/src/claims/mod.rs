//! The claims of a token verified by `jwt_authn`.
//!
//! In proxy-wasm, a property of one claim has lost its type: a number is eight bytes, which could spell a role. So the filter reads
//! all dynamic metadata as one message, in which every value has a type. A dynamic module cannot read a structure in metadata; it
//! reads the payload as JSON.

mod metadata;

use std::collections::BTreeMap;

use callgate_engine::{IdentitySource, Verified};
use prost::Message;
use serde::Deserialize;
use serde_json::Value as Json;

use self::metadata::{ClaimValue, Metadata};
use crate::config::ConfigError;
use crate::scopes::Scopes;

/// The place of a verified token in Envoy's metadata (`payload_in_metadata` of `jwt_authn`), and the claims to read.
///
/// A claim is a name, or a JSON Pointer (RFC 6901) to a claim inside of another, such as `/realm/roles/0`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Claims {
    /// `payload_in_metadata` of `jwt_authn`.
    pub payload: String,
    /// The claim with the tenant.
    pub tenant_claim: String,
    /// The claim with the role, if the token's scopes do not give it.
    pub role_claim: Option<String>,
    /// The roles of scopes.
    pub scopes: Option<Scopes>,
    /// Further claims, by their names in contracts. A claim of a contract without an entry has the same name in the token.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

/// The largest whole number below which a double holds every whole number exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

/// Returns tenant, role and further claims, from an encoded `envoy.config.core.v3.Metadata`. Tenant and role count if they are a string
/// or a whole number, which is read as its text.
#[must_use]
pub fn from_metadata(metadata: &[u8], claims: &Claims) -> Option<Verified> {
    let mut metadata = Metadata::decode(metadata).ok()?;
    let mut verified = metadata.filter_metadata.remove("envoy.filters.http.jwt_authn")?;
    let Some(ClaimValue::Struct(payload)) = verified.fields.remove(&claims.payload)?.kind else { return None };
    read(claims, |claim| Some(payload.at(claim)?.json()))
}

/// Returns tenant, role and further claims, from a token's payload as JSON. See [`from_metadata`].
#[must_use]
pub fn from_json(payload: &[u8], claims: &Claims) -> Option<Verified> {
    let payload = callgate_json::read(payload).ok()?;
    read(claims, |claim| {
        let value = if claim.starts_with('/') { payload.pointer(claim) } else { payload.get(claim) };
        Some(match value? {
            Json::Number(number) => whole(number.as_f64()?),
            value => value.clone(),
        })
    })
}

fn read(claims: &Claims, value: impl Fn(&str) -> Option<Json>) -> Option<Verified> {
    let text = |claim: &str| match value(claim)? {
        Json::String(text) => Some(text.into_bytes()),
        Json::Number(number) if number.is_i64() => Some(number.to_string().into_bytes()),
        _ => None,
    };
    let tenant = text(&claims.tenant_claim);
    let further = || claims.claims.iter().filter_map(|(name, claim)| Some((name.clone(), value(claim)?))).collect();
    match (&claims.scopes, &claims.role_claim) {
        (Some(scopes), _) => Some(Verified::Scopes { tenant: tenant?, scopes: scopes.read(&value), claims: further() }),
        (None, Some(role)) => Some(Verified::Claims { tenant: tenant?, role: text(role)?, claims: further() }),
        (None, None) => None,
    }
}

/// Returns a number as an integer, if every whole number near it has a double of its own. Otherwise it has no type of a claim.
fn whole(number: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in the range of i64")]
    if number.fract() == 0.0 && number.abs() <= MOST { Json::from(number as i64) } else { Json::from(number) }
}

/// Refuses an empty name and a malformed pointer.
pub(crate) fn check(claims: &Claims) -> Result<(), ConfigError> {
    let is_broken = |claim: &&String| {
        let escapes = claim.split('~').skip(1);
        let is_pointer = claim.starts_with('/');
        claim.is_empty() || is_pointer && escapes.into_iter().any(|rest| !rest.starts_with(['0', '1']))
    };
    if claims.role_claim.is_some() == claims.scopes.is_some() {
        return Err(ConfigError::Role);
    }
    let scopes = claims.scopes.as_ref().and_then(|scopes| scopes.claim.as_ref());
    let named = [Some(&claims.tenant_claim), claims.role_claim.as_ref(), scopes].into_iter().flatten();
    match named.chain(claims.claims.values()).find(is_broken) {
        Some(claim) => Err(ConfigError::Claim(claim.clone())),
        None => Ok(()),
    }
}

// === impl Claims ===

impl Claims {
    /// Returns the engine's form.
    pub(crate) fn source(&self) -> IdentitySource {
        self.scopes.as_ref().map_or(IdentitySource::Claims, |scopes| IdentitySource::Scopes(scopes.roles()))
    }

    /// Reads these claims of contracts too: those without an entry have the same name in the token.
    pub(crate) fn complete<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        for name in names {
            if !self.claims.contains_key(name) {
                self.claims.insert(name.to_owned(), name.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use callgate_contract::CallerClaims;

    use super::metadata::{List, Struct, Value};
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

    fn of(tenant: &str, role: &str) -> Verified {
        Verified::Claims { tenant: tenant.into(), role: role.into(), claims: CallerClaims::default() }
    }

    fn claims() -> Claims {
        Claims {
            payload: "claims".into(),
            tenant_claim: "org".into(),
            role_claim: Some("role".into()),
            scopes: None,
            claims: BTreeMap::new(),
        }
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
            assert_eq!(read, Some(of(expected, "clerk")));
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
        let other = Claims { role_claim: Some("roles".into()), ..claims() };
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
            let read = from_json(payload.as_bytes(), &claims());
            assert_eq!(read, expected.map(|tenant| of(tenant, "clerk")), "{payload}");
        }
    }

    #[test]
    fn a_pointer_leads_to_a_claim_inside_of_another() {
        let text = |text: &str| value(ClaimValue::Text(text.to_owned()));
        let list = List { values: vec![text("clerk"), text("viewer")] };
        let nested = Struct { fields: [("a/b".to_owned(), value(ClaimValue::List(list)))].into() };
        let payload = Struct {
            fields: [("org".to_owned(), text("acme")), ("realm".to_owned(), value(ClaimValue::Struct(nested)))].into(),
        };
        let verified = Struct { fields: [("claims".to_owned(), value(ClaimValue::Struct(payload)))].into() };
        let metadata = Metadata { filter_metadata: [("envoy.filters.http.jwt_authn".to_owned(), verified)].into() };
        let json = br#"{"org":"acme","realm":{"a/b":["clerk","viewer"]}}"#;
        for (pointer, expected) in [
            ("/realm/a~1b/0", Some("clerk")),
            ("/realm/a~1b/1", Some("viewer")),
            ("/realm/a~1b/2", None),
            ("/realm/a~1b/00", None),
            ("/realm/a~1b/+1", None),
            ("/realm/a~1b/-", None),
            ("/realm/a~1b", None),
            ("/realm", None),
            ("/org/0", None),
            ("realm/a~1b/0", None),
        ] {
            let claims = Claims { role_claim: Some(pointer.into()), ..claims() };
            let expected = expected.map(|role| of("acme", role));
            assert_eq!(from_metadata(&metadata.encode_to_vec(), &claims), expected, "{pointer}");
            assert_eq!(from_json(json, &claims), expected, "{pointer}");
        }
    }

    #[test]
    fn further_claims_keep_their_types() {
        let text = |text: &str| value(ClaimValue::Text(text.to_owned()));
        let fields = [
            ("org", text("acme")),
            ("role", text("clerk")),
            ("level", value(ClaimValue::Number(3.0))),
            ("half", value(ClaimValue::Number(0.5))),
            ("staff", value(ClaimValue::Bool(true))),
            ("nothing", value(ClaimValue::Null(0))),
            ("groups", value(ClaimValue::List(List { values: vec![text("a"), text("b")] }))),
        ];
        let payload = Struct { fields: fields.map(|(name, value)| (name.to_owned(), value)).into() };
        let verified = Struct { fields: [("claims".to_owned(), value(ClaimValue::Struct(payload)))].into() };
        let metadata = Metadata { filter_metadata: [("envoy.filters.http.jwt_authn".to_owned(), verified)].into() };
        let json =
            br#"{"org":"acme","role":"clerk","level":3.0,"half":0.5,"staff":true,"nothing":null,"groups":["a","b"]}"#;
        let mut claims = claims();
        claims.claims = [("first".to_owned(), "/groups/0".to_owned())].into();
        claims.complete(["level", "half", "staff", "nothing", "groups", "absent"].into_iter());
        let expected = br#"{"first":"a","groups":["a","b"],"half":0.5,"level":3,"nothing":null,"staff":true}"#;
        for read in [from_metadata(&metadata.encode_to_vec(), &claims), from_json(json, &claims)] {
            let Some(Verified::Claims { claims, .. }) = read else { panic!("no claims") };
            let found: serde_json::Map<String, Json> = claims.into_iter().collect();
            assert_eq!(Json::Object(found), callgate_json::read(expected).unwrap());
        }
    }
}
