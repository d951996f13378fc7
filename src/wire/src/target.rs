//! The target of a request.

/// Path and query of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// The text after the `?`, or empty.
    pub query: &'a str,
    /// The model in the path, still percent-encoded, if the path's pattern has a `{model}`.
    pub model: Option<&'a str>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Splits a request target (RFC 9112 §3.2.1).
    #[must_use]
    pub fn new(target: &'a str) -> Target<'a> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Target { path, query, model: None }
    }

    /// Returns the same target with the model in its path, still percent-encoded.
    #[must_use]
    pub fn with_model(self, model: Option<&'a str>) -> Target<'a> {
        Target { model, ..self }
    }

    /// Returns the last text between `before` and `after` in the path, percent-decoded. Returns `None` if the path has no such text, or
    /// one that is not UTF-8.
    #[must_use]
    pub fn between(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.path.rsplit_once(before)?;
        let (found, _) = rest.rsplit_once(after)?;
        decoded(found)
    }
}

/// Decodes percent escapes (RFC 3986 §2.1). A `%` without two hexadecimal digits is refused: readers differ over it.
#[must_use]
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_out_of_a_path() {
        let target = Target::new("/model/us.anthropic.claude%3A0/converse?a=b");
        assert_eq!(target.between("/model/", "/converse").as_deref(), Some("us.anthropic.claude:0"));
        assert_eq!(target.query, "a=b");
        assert_eq!(Target::new("/model/a%2/converse").between("/model/", "/converse"), None);
        assert_eq!(Target::new("/model/a%ff/converse").between("/model/", "/converse"), None);
        assert_eq!(Target::new("/models/a").between("/model/", "/converse"), None);
    }
}
