//! Which keywords of JSON Schema hold schemas, where reading a schema as a tree depends on it.

use callgate_json::Value;

/// Keywords whose value is data, not schema.
pub(crate) const DATA: [&str; 5] = ["const", "enum", "default", "examples", "example"];

/// Keywords whose value maps names to schemas.
pub(crate) const NAMED: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// The place that a local reference (`#` or `#/…`) names.
pub(crate) fn local<'s>(schema: &'s Value, reference: &str) -> Option<&'s Value> {
    schema.pointer(&percent_decoded(reference.strip_prefix('#')?)?)
}

/// A JSON Pointer from its form in a URI fragment (RFC 6901 section 6).
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
