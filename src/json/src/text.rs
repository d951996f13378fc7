//! JSON bytes as text.

use std::borrow::Cow;

/// Returns JSON bytes as text, without a copy.
///
/// JSON this crate read or wrote is valid UTF-8, so the conversion replaces nothing. Other bytes must not come here: a replaced
/// byte differs from the checked one.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "JSON that was read or written is valid UTF-8, so nothing is replaced")]
pub fn text(json: &[u8]) -> Cow<'_, str> {
    // The check alone is several times as fast for a long text.
    std::str::from_utf8(json).map_or_else(|_| String::from_utf8_lossy(json), Cow::Borrowed)
}
