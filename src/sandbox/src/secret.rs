//! Values only their tool may see.

use std::fmt;
use std::sync::Arc;

/// The replacement of a secret's value.
const REDACTED: &str = "[redacted]";

/// A secret's value. It has no text: not for people, not for debugging, not for comparison.
#[derive(Clone)]
pub struct Secret(Arc<str>);

/// An environment variable with a secret value.
#[derive(Clone, Debug)]
pub struct SecretVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

// === impl Secret ===

impl Secret {
    /// Takes the value.
    pub fn new(value: String) -> Self {
        Self(value.into())
    }

    /// Returns the value, for the guest alone.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Removes the secrets from a tool's text for people: whole, or line by line. It does not recognise a secret the tool
/// has encoded.
pub(super) fn redact(text: &[u8], secrets: &[SecretVariable]) -> Vec<u8> {
    let mut needles: Vec<&[u8]> = secrets
        .iter()
        .flat_map(|secret| std::iter::once(secret.value.reveal()).chain(secret.value.reveal().lines()))
        .map(|needle| needle.trim().as_bytes())
        .filter(|needle| !needle.is_empty())
        .collect();
    // The longest first: one secret may begin with another.
    needles.sort_unstable_by_key(|needle| std::cmp::Reverse(needle.len()));
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        match needles.iter().find_map(|needle| rest.strip_prefix(*needle)) {
            Some(after) => {
                clean.extend_from_slice(REDACTED.as_bytes());
                rest = after;
            }
            None => {
                clean.push(*first);
                rest = others;
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Vec<SecretVariable> {
        let secret = |value: &&str| SecretVariable { name: "KEY".into(), value: Secret::new((*value).into()) };
        values.iter().map(secret).collect()
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        let secrets = secrets(&["s3cret", "s3cret-longer", "two\nlines"]);
        for (text, clean) in [
            ("key=s3cret; again s3crets3cret", "key=[redacted]; again [redacted][redacted]"),
            ("s3cret-longer", "[redacted]"),
            ("only lines of it", "only [redacted] of it"),
            ("two\nlines", "[redacted]"),
            ("s3cre", "s3cre"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(redact(text.as_bytes(), &secrets)).unwrap(), clean);
        }
    }

    #[test]
    fn a_secret_is_not_shown_when_its_owner_is() {
        let shown = format!("{:?}", secrets(&["s3cret"]));
        assert_eq!(shown, r#"[SecretVariable { name: "KEY", value: Secret }]"#);
    }
}
