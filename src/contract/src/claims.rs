//! Claims: facts about a caller that the source of its identity states. A contract declares their names and types.
//!
//! A declared claim may be absent, so conditions guard it with `has`. A claim of another type than declared, or one over a bound, is a
//! fault of the whole request: as an absent claim it could open what it was meant to close.

use std::collections::BTreeMap;

use callgate_condition::{Member, Type};
use callgate_json::Value;

/// The maximum number of claims of a contract.
pub const CLAIMS_MAX: usize = 32;
/// The maximum bytes of a text in a claim.
pub const CLAIM_BYTES: usize = 256;
/// The maximum number of texts in a claim.
pub const CLAIM_TEXTS: usize = 64;
/// The maximum bytes of a claim's name.
pub(crate) const NAME_BYTES: usize = 64;

/// The type of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimType {
    /// A text of at most [`CLAIM_BYTES`] bytes.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// `true` or `false`.
    Bool,
    /// A list of at most [`CLAIM_TEXTS`] texts.
    Texts,
}

/// The claims that a contract declares, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimTypes(BTreeMap<String, ClaimType>);

/// Claims of a caller: each is a text, a whole number, a boolean or a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerClaims(BTreeMap<String, Value>);

/// A claim that does not have its declared type. The value is never shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claim `{name}` is not {expected}")]
pub struct ClaimFault {
    /// The claim.
    pub name: String,
    /// Its declared type, in words.
    pub expected: &'static str,
}

// === impl ClaimType ===

impl ClaimType {
    /// Returns true for a value of this type, within the bounds.
    fn accepts(self, value: &Value) -> bool {
        let fits = |text: &Value| text.as_str().is_some_and(|text| text.len() <= CLAIM_BYTES);
        match (self, value) {
            (Self::Text, text) => fits(text),
            (Self::Integer, number) => number.is_i64(),
            (Self::Bool, value) => value.is_boolean(),
            (Self::Texts, Value::Array(texts)) => texts.len() <= CLAIM_TEXTS && texts.iter().all(fits),
            (Self::Texts, _) => false,
        }
    }

    /// Reads a value written as text, as in a header. A list has no such form.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Text => Value::from(text),
            Self::Integer => Value::from(text.parse::<i64>().ok()?),
            Self::Bool => Value::from(text.parse::<bool>().ok()?),
            Self::Texts => return None,
        };
        self.accepts(&value).then_some(value)
    }

    /// The fault of a claim that does not have this type.
    #[must_use]
    pub fn fault(self, name: &str) -> ClaimFault {
        ClaimFault { name: name.to_owned(), expected: self.in_words() }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Text => "a string of at most 256 bytes",
            Self::Integer => "a whole number",
            Self::Bool => "a boolean",
            Self::Texts => "a list of at most 64 strings of at most 256 bytes",
        }
    }

    /// Returns the type for conditions.
    pub(crate) fn member(self) -> Member {
        Member::optional(match self {
            Self::Text => Type::Text,
            Self::Integer => Type::Int,
            Self::Bool => Type::Bool,
            Self::Texts => Type::list(Member::required(Type::Text), u32::try_from(CLAIM_TEXTS).ok()),
        })
    }
}

// === impl ClaimTypes ===

impl ClaimTypes {
    pub(crate) fn new(types: BTreeMap<String, ClaimType>) -> Self {
        Self(types)
    }

    /// Returns true if the contract declares no claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of declared claims.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns names and types, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ClaimType)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// Returns the type of a claim; `None` if the contract does not declare it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ClaimType> {
        self.0.get(name).copied()
    }

    /// Takes the declared ones of the claims in `given`. The others are dropped, and `null` counts as absent.
    ///
    /// # Errors
    /// The first claim without its declared type.
    pub fn admit<'v>(&self, given: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Result<CallerClaims, ClaimFault> {
        let mut claims = CallerClaims::default();
        for (name, value) in given {
            let Some(kind) = self.get(name) else { continue };
            if value.is_null() {
                continue;
            }
            if !kind.accepts(value) {
                return Err(kind.fault(name));
            }
            claims.0.insert(name.to_owned(), value.clone());
        }
        Ok(claims)
    }
}

// === impl CallerClaims ===

impl CallerClaims {
    /// Returns true without a claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Adds a claim. Conditions read it only if the contract declares it.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// Adds the claims of `other` whose names are new.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (name, value) in other.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl FromIterator<(String, Value)> for CallerClaims {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(claims: I) -> Self {
        Self(claims.into_iter().collect())
    }
}

impl IntoIterator for CallerClaims {
    type Item = (String, Value);
    type IntoIter = std::collections::btree_map::IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Returns true for a name that an expression can select: `caller.claims.NAME`.
pub(crate) fn is_name(name: &str) -> bool {
    const WORDS: [&str; 4] = ["true", "false", "null", "in"];
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    begins && name.len() <= NAME_BYTES && name.bytes().all(plain) && !WORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(kind: ClaimType, value: &str) -> Result<bool, String> {
        let types = ClaimTypes::new(BTreeMap::from([("level".to_owned(), kind)]));
        let value = callgate_json::read(value.as_bytes()).unwrap();
        types.admit([("level", &value)]).map(|claims| !claims.is_empty()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_claim_has_its_declared_type_or_is_a_fault() {
        use ClaimType::{Bool, Integer, Text, Texts};
        for (kind, value, is_fine) in [
            (Text, r#""gold""#, true),
            (Text, r#""""#, true),
            (Text, "7", false),
            (Text, "true", false),
            (Text, r#"["gold"]"#, false),
            (Integer, "7", true),
            (Integer, "-7", true),
            (Integer, "7.5", false),
            (Integer, r#""7""#, false),
            (Integer, "9223372036854775808", false),
            (Bool, "true", true),
            (Bool, r#""true""#, false),
            (Bool, "1", false),
            (Texts, "[]", true),
            (Texts, r#"["a","b"]"#, true),
            (Texts, r#"["a",1]"#, false),
            (Texts, r#"["a",null]"#, false),
            (Texts, r#"[["a"]]"#, false),
            (Texts, r#""a""#, false),
            (Texts, r#"{"0":"a"}"#, false),
        ] {
            assert_eq!(admit(kind, value).is_ok(), is_fine, "{kind:?} {value}");
        }
        assert_eq!(admit(Integer, r#""secret""#), Err("claim `level` is not a whole number".to_owned()));
    }

    #[test]
    fn null_is_absent_and_an_undeclared_claim_is_dropped() {
        assert_eq!(admit(ClaimType::Text, "null"), Ok(false));
        let value = Value::from("x");
        assert_eq!(ClaimTypes::default().admit([("level", &value)]), Ok(CallerClaims::default()));
    }

    #[test]
    fn bounds_hold_to_the_byte() {
        let text = |bytes: usize| format!("\"{}\"", "a".repeat(bytes));
        assert_eq!(admit(ClaimType::Text, &text(CLAIM_BYTES)), Ok(true));
        assert!(admit(ClaimType::Text, &text(CLAIM_BYTES + 1)).is_err());
        let list = |items: usize| format!("[{}]", vec!["\"a\""; items].join(","));
        assert_eq!(admit(ClaimType::Texts, &list(CLAIM_TEXTS)), Ok(true));
        assert!(admit(ClaimType::Texts, &list(CLAIM_TEXTS + 1)).is_err());
    }

    #[test]
    fn a_header_writes_scalars_only() {
        assert_eq!(ClaimType::Integer.parse("7"), Some(Value::from(7)));
        assert_eq!(ClaimType::Bool.parse("true"), Some(Value::from(true)));
        for (kind, text) in [
            (ClaimType::Integer, "7.0"),
            (ClaimType::Integer, " 7"),
            (ClaimType::Bool, "True"),
            (ClaimType::Bool, "1"),
            (ClaimType::Texts, "a"),
        ] {
            assert_eq!(kind.parse(text), None, "{kind:?} {text}");
        }
    }

    #[test]
    fn names_can_be_selected() {
        for name in ["level", "_a", "costCentre2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "2a", "a-b", "a.b", "a/b", "true", "in", "\u{e9}", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
