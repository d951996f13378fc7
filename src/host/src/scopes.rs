//! The scopes of a verified access token: where the token has them, and the role of each.

use callgate_contract::CLAIM_TEXTS;
use callgate_engine::{ScopeRole, ScopeRoles};
use serde::Deserialize;
use serde_json::Value;

/// The roles of scopes, in order of precedence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scopes {
    /// The claim with the scopes. `None`: `scope`, or else `scp`.
    pub(crate) claim: Option<String>,
    /// The address of the resource's metadata, for callers that need a further scope.
    metadata: Option<String>,
    roles: Vec<ScopeDocument>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeDocument {
    scope: String,
    role: String,
}

/// The claims that may have scopes: RFC 8693 §4.2, and the form of some authorization servers.
const CLAIMS: [&str; 2] = ["scope", "scp"];

// === impl Scopes ===

impl Scopes {
    /// Returns the engine's form.
    pub(crate) fn roles(&self) -> ScopeRoles {
        let role = |entry: &ScopeDocument| ScopeRole { scope: entry.scope.clone(), role: entry.role.clone() };
        ScopeRoles { roles: self.roles.iter().map(role).collect(), metadata: self.metadata.clone() }
    }

    /// Returns the scopes of a token, whose claims `value` reads.
    pub(crate) fn read(&self, value: impl Fn(&str) -> Option<Value>) -> Vec<String> {
        match &self.claim {
            Some(claim) => list(value(claim)),
            None => list(CLAIMS.into_iter().find_map(value)),
        }
    }
}

/// Returns the scopes of a claim: a list, or a text with spaces between them (RFC 6749 §3.3). A claim of another form has none.
fn list(claim: Option<Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) => text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        Some(Value::Array(items)) if items.len() <= CLAIM_TEXTS => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scopes(claim: Option<&str>) -> Scopes {
        Scopes { claim: claim.map(str::to_owned), metadata: None, roles: Vec::new() }
    }

    #[test]
    fn scopes_are_a_text_with_spaces_or_a_list() {
        let many: Vec<String> = (0..=CLAIM_TEXTS).map(|number| format!("s{number}")).collect();
        for (token, expected) in [
            (json!({ "scope": "read write" }), &["read", "write"][..]),
            (json!({ "scope": "  read   write " }), &["read", "write"]),
            (json!({ "scope": "read\twrite" }), &["read\twrite"]),
            (json!({ "scope": "read\u{a0}write,admin" }), &["read\u{a0}write,admin"]),
            (json!({ "scope": "" }), &[]),
            (json!({ "scp": "read write" }), &["read", "write"]),
            (json!({ "scp": ["read", "write"] }), &["read", "write"]),
            (json!({ "scp": ["read write"] }), &["read write"]),
            (json!({ "scope": ["read"], "scp": ["write"] }), &["read"]),
            (json!({ "scope": "", "scp": ["write"] }), &[]),
            (json!({ "scope": null, "scp": ["write"] }), &[]),
            (json!({ "scp": ["read", 7] }), &[]),
            (json!({ "scp": ["read", ["write"]] }), &[]),
            (json!({ "scp": { "read": true } }), &[]),
            (json!({ "scope": 7 }), &[]),
            (json!({ "scp": many }), &[]),
            (json!({ "Scope": "read" }), &[]),
            (json!({}), &[]),
        ] {
            assert_eq!(scopes(None).read(|claim| token.get(claim).cloned()), expected, "{token}");
        }
        let token = json!({ "scope": "read", "permissions": ["admin"] });
        let read = |claim| scopes(Some(claim)).read(|claim| token.get(claim).cloned());
        assert_eq!(read("permissions"), ["admin"]);
        assert_eq!(read("roles"), [""; 0]);
    }
}
