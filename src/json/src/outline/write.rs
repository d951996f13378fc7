//! Writes an outlined value as its tree would be written: without white space, with the shortest escapes.

use super::{Item, Kind, strings};
use crate::splice::append;

/// New texts for strings of one outlined value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The string's place in the outline and its new meaning, in the order of the text.
    strings: Vec<(usize, String)>,
}

// === impl Changes ===

impl Changes {
    /// Gives a string another meaning.
    pub fn set(&mut self, string: Item<'_>, text: String) {
        match self.strings.binary_search_by_key(&string.position(), |(position, _)| *position) {
            Ok(at) => {
                if let Some((_, old)) = self.strings.get_mut(at) {
                    *old = text;
                }
            }
            Err(at) => self.strings.insert(at, (string.position(), text)),
        }
    }

    /// Returns true if a string in the value, or the value itself, was changed.
    #[must_use]
    pub fn touch(&self, value: Item<'_>) -> bool {
        self.strings.iter().any(|(position, _)| (value.position()..value.next()).contains(position))
    }

    /// Returns the bytes of the new texts.
    pub(crate) fn len(&self) -> usize {
        self.strings.iter().map(|(_, text)| text.len()).sum()
    }

    /// Returns true if nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }
}

impl Item<'_> {
    /// Appends the value's text with these changes.
    pub fn write(self, out: &mut Vec<u8>, changes: &Changes) {
        let inside = changes.strings.iter().skip_while(|(position, _)| *position < self.position());
        self.write_next(out, &mut inside.peekable());
    }

    fn write_next<'c>(
        self,
        out: &mut Vec<u8>,
        changes: &mut std::iter::Peekable<impl Iterator<Item = &'c (usize, String)>>,
    ) {
        if let Some((_, text)) = changes.next_if(|(position, _)| *position == self.position()) {
            return strings::write(out, text);
        }
        match self.kind() {
            Kind::Null | Kind::Bool | Kind::Plain => out.extend_from_slice(self.raw()),
            Kind::Number if is_short(self.raw()) => out.extend_from_slice(self.raw()),
            Kind::Number => append(out, &self.value()),
            Kind::Escaped => strings::write(out, &self.string().unwrap_or_default()),
            Kind::Array => {
                out.push(b'[');
                for (position, item) in self.items().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    item.write_next(out, changes);
                }
                out.push(b']');
            }
            Kind::Object => {
                out.push(b'{');
                for (position, (key, value)) in self.pairs().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    key.write_next(out, changes);
                    out.push(b':');
                    value.write_next(out, changes);
                }
                out.push(b'}');
            }
        }
    }
}

/// Returns true for a whole number that is written as it is read.
fn is_short(number: &[u8]) -> bool {
    number.len() <= 18 && number.iter().all(u8::is_ascii_digit)
}
