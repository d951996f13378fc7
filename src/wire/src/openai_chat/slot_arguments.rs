//! The arguments of a call under way: what later fragments are compared with, and the JSON around the input of a custom tool.

use std::hash::{DefaultHasher, Hasher};

use callgate_json::Value;

/// The arguments so far, as far as later fragments depend on them: their text is not kept.
#[derive(Debug, Default)]
pub(super) struct SlotArguments {
    pub(super) length: usize,
    hash: DefaultHasher,
    /// The arguments are JSON.
    pub(super) whole: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// An object was opened and closed.
    pub(super) complete: bool,
}

// === impl SlotArguments ===

impl SlotArguments {
    pub(super) fn push(&mut self, piece: &str) {
        self.length = self.length.saturating_add(piece.len());
        self.hash.write(piece.as_bytes());
        for byte in piece.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.complete |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    pub(super) fn are(&self, text: &str) -> bool {
        let mut hash = DefaultHasher::new();
        hash.write(text.as_bytes());
        text.len() == self.length && hash.finish() == self.hash.finish()
    }

    pub(super) fn are_open(&self) -> bool {
        self.length > 0 && !self.complete
    }
}

/// The text around the input of a custom tool in its arguments.
pub(super) const OPENED: &str = r#"{"input":""#;
pub(super) const CLOSED: &str = r#""}"#;

/// Returns a text as it stands in a JSON string.
pub(super) fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}
