//! Writes an outlined value as its tree would be written: without white space, with the shortest escapes.

use super::changes::{Change, split};
use super::{Changes, Item, Kind, strings};
use crate::splice::append;

impl Item<'_> {
    /// Appends the value's text with these changes.
    pub fn write(self, out: &mut Vec<u8>, changes: &Changes) {
        self.write_with(out, changes.within(self));
    }

    fn write_with(self, out: &mut Vec<u8>, changes: &[Change]) {
        if self.is_written_so() {
            return self.splice(out, changes);
        }
        if let Some(change) = changes.first().filter(|_| self.is_string()) {
            return strings::write(out, &change.meaning);
        }
        match self.kind() {
            Kind::Null | Kind::Bool | Kind::Plain => out.extend_from_slice(self.raw()),
            Kind::Number => append(out, &self.value()),
            Kind::Escaped => strings::write(out, &self.string().unwrap_or_default()),
            Kind::Array => {
                out.push(b'[');
                let mut rest = changes;
                for (position, item) in self.items().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    rest = item.write_first(out, rest);
                }
                out.push(b']');
            }
            Kind::Object => {
                out.push(b'{');
                let mut rest = changes;
                for (position, (key, value)) in self.pairs().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    rest = key.write_first(out, rest);
                    out.push(b':');
                    rest = value.write_first(out, rest);
                }
                out.push(b'}');
            }
        }
    }

    /// Writes the value with those of the changes that are in it, and returns the later ones.
    fn write_first<'c>(self, out: &mut Vec<u8>, changes: &'c [Change]) -> &'c [Change] {
        let (inside, later) = split(changes, self.end());
        self.write_with(out, inside);
        later
    }

    /// Copies the text of a value, with other texts for the changed strings in it.
    fn splice(self, out: &mut Vec<u8>, changes: &[Change]) {
        let mut at = self.start();
        for change in changes {
            out.extend_from_slice(self.bytes_between(at, change.start));
            strings::write(out, &change.meaning);
            at = change.end;
        }
        out.extend_from_slice(self.bytes_between(at, self.end()));
    }
}
