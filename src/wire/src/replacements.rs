//! New texts for values inside of a request: noted while the conversation is shown, and put in afterwards.

use std::ops::Range;

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
        let places = self.places(text);
        let new: usize = places.iter().map(|(_, new)| new.len()).sum();
        let (mut out, mut at) = (Vec::with_capacity(text.len().saturating_add(new)), 0);
        for (place, new) in &places {
            out.extend_from_slice(text.get(at..place.start).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            at = place.end;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        (out, places.len())
    }

    /// Returns the values that lie in `text`, in their order.
    fn places(&self, text: &[u8]) -> Vec<(Range<usize>, &str)> {
        let start = text.as_ptr().addr();
        let mut places = Vec::new();
        for (address, length, new) in &self.list {
            let from = address.checked_sub(start);
            let place = from.and_then(|from| Some(from..from.checked_add(*length)?));
            places.extend(place.filter(|place| place.end <= text.len()).map(|place| (place, new.as_str())));
        }
        places.sort_by_key(|(place, _)| place.start);
        places
    }

    /// Puts the new texts into a body. Returns false if one of them has no place there. Most lie in the text that came, which is
    /// copied once; others are in members that were changed.
    pub(crate) fn put_into(&self, body: &mut Body) -> bool {
        if self.is_empty() {
            return true;
        }
        let original = Span::whole(body.original().bytes()).bytes();
        if self.places(original).len() == self.list.len() {
            let (text, _) = self.splice(original);
            body.rewrite(text);
            return true;
        }
        let names: Vec<String> =
            body.members().filter_map(|(key, _)| Span::whole(key).string().map(std::borrow::Cow::into_owned)).collect();
        let (mut new, mut put) = (Vec::new(), 0);
        for name in names {
            let Some(value) = body.get(&name).filter(|value| !self.places(value.bytes()).is_empty()) else { continue };
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
