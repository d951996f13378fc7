//! New texts for values inside of a request: noted while the conversation is shown, and put in afterwards.

use callgate_json::Span;

use crate::skeleton::document::Body;

/// New JSON texts for values that were shown.
///
/// A value is known by the place of its bytes in memory, so no path to it has to be written down. The text is not changed until all new
/// texts are noted.
#[derive(Debug, Default)]
pub struct Replacements {
    /// The address of the value, its length, and the new text.
    list: Vec<(usize, usize, String)>,
}

// === impl Replacements ===

impl Replacements {
    /// Notes a new JSON text for a value. Values must not overlap.
    pub fn put(&mut self, value: Span<'_>, text: String) {
        self.list.push((value.bytes().as_ptr().addr(), value.bytes().len(), text));
    }

    /// Returns true if nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns `text` with the new texts of the values in it, and their number.
    #[must_use]
    pub fn splice(&self, text: &[u8]) -> (Vec<u8>, usize) {
        let start = text.as_ptr().addr();
        let place = |(address, length, new): &'_ (usize, usize, String)| {
            let from = address.checked_sub(start)?;
            let to = from.checked_add(*length).filter(|to| *to <= text.len())?;
            Some((from..to, new.clone()))
        };
        let mut places: Vec<_> = self.list.iter().filter_map(place).collect();
        places.sort_by_key(|(place, _)| place.start);
        let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
        for (place, new) in &places {
            out.extend_from_slice(text.get(at..place.start).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            at = place.end;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        (out, places.len())
    }

    /// Puts the new texts into the members of a body. Returns false if one of them has no place there.
    pub(crate) fn put_into(&self, body: &mut Body) -> bool {
        if self.is_empty() {
            return true;
        }
        let names: Vec<String> =
            body.members().filter_map(|(key, _)| Span::whole(key).string().map(std::borrow::Cow::into_owned)).collect();
        let (mut new, mut put) = (Vec::new(), 0);
        for name in names {
            let Some(value) = body.get(&name) else { continue };
            let (text, count) = self.splice(value.bytes());
            if count > 0 {
                put += count;
                new.push((name, Span::whole(&text).text().into_owned()));
            }
        }
        for (name, text) in new {
            body.set(name, text);
        }
        put == self.list.len()
    }
}
