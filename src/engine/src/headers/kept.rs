//! The request's headers that a further round repeats, in two allocations.

use super::Headers;

/// Header pairs: their names and values one after the other, and the end of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptHeaders {
    text: String,
    ends: Vec<usize>,
}

// === impl KeptHeaders ===

impl KeptHeaders {
    /// Keeps the headers with these names. A value that is not text is left out.
    pub(crate) fn of(headers: &Headers<'_>, keeps: impl Fn(&str) -> bool) -> Self {
        let mut kept = Self { text: String::with_capacity(256), ends: Vec::with_capacity(2 * headers.len() + 2) };
        for (name, value) in headers.iter().filter(|(name, _)| keeps(name)) {
            if let Ok(value) = std::str::from_utf8(value) {
                kept.push(name, value);
            }
        }
        kept
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.text.push_str(part);
            self.ends.push(self.text.len());
        }
    }

    /// Returns the pairs.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let parts: Vec<&str> =
            starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default()).collect();
        let pair = |pair: &[&str; 2]| {
            let [name, value] = pair;
            ((*name).to_owned(), (*value).to_owned())
        };
        parts.as_chunks::<2>().0.iter().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_headers_come_back_in_order() {
        let headers = [("a", &b"1"[..]), ("b", b"2"), ("a", b""), ("c", b"\xff")];
        let mut kept = KeptHeaders::of(&headers, |name| name != "b");
        kept.push("d", "4");
        let pairs = [("a", "1"), ("a", ""), ("d", "4")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(kept.pairs(), pairs);
        assert_eq!(KeptHeaders::default().pairs(), []);
    }
}
