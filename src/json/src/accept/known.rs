//! Values that a thread has read in earlier texts. The requests of an application declare the same tools each time, and those are
//! most of a short request.
//!
//! **Soundness.** A value is known by all of its bytes, and it ends with its own bracket. The reader is in the same state at the begin
//! of each member of an outermost object, and places are relative to the value around them. So reading the value again would
//! accept it again, with the same places.

use std::cell::Cell;

use crate::places::ValuePlace;

/// The minimum and the maximum bytes of a kept value. A shorter one is read as fast as it is found.
const LEAST: usize = 256;
const MOST: usize = 128 << 10;

/// The number of kept values. The one that was not met for the longest time is dropped first.
const VALUES: usize = 4;

/// An array or object, and the places in it.
struct KnownValue {
    text: Vec<u8>,
    nodes: Vec<ValuePlace>,
    /// The depth of the innermost places, as in [`Reach`](crate::places::Reach).
    depth: usize,
}

/// The values that a thread knows, the last one met first.
#[derive(Default)]
pub(super) struct KnownValues(Vec<KnownValue>);

thread_local! {
    static KNOWN: Cell<KnownValues> = const { Cell::new(KnownValues(Vec::new())) };
}

// === impl KnownValues ===

impl KnownValues {
    /// Takes the values of this thread. They are gone until they are [given back](KnownValues::give_back).
    pub(super) fn take() -> KnownValues {
        KNOWN.with(Cell::take)
    }

    pub(super) fn give_back(self) {
        KNOWN.with(|known| known.set(self));
    }

    /// Finds the known value with which a text begins. Returns its length and the number of its [places](KnownValues::places).
    #[inline]
    pub(super) fn find(&mut self, text: &[u8], depth: usize) -> Option<(usize, usize)> {
        let is_begin = |value: &KnownValue| value.depth == depth && text.starts_with(&value.text);
        let position = self.0.iter().position(is_begin)?;
        self.0.get_mut(..=position)?.rotate_right(1);
        self.0.first().map(|value| (value.text.len(), value.nodes.len()))
    }

    /// Returns the places in the value that was met last.
    pub(super) fn places(&self) -> &[ValuePlace] {
        self.0.first().map_or(&[], |value| &value.nodes)
    }

    /// Keeps a value that was read.
    #[inline]
    pub(super) fn keep(&mut self, text: &[u8], nodes: &[ValuePlace], depth: usize) {
        if (LEAST..=MOST).contains(&text.len()) {
            self.put(text, nodes, depth);
        }
    }

    fn put(&mut self, text: &[u8], nodes: &[ValuePlace], depth: usize) {
        if self.0.len() < VALUES {
            self.0.push(KnownValue { text: Vec::new(), nodes: Vec::new(), depth });
        }
        self.0.rotate_right(1);
        if let Some(oldest) = self.0.first_mut() {
            oldest.text.clear();
            oldest.text.extend_from_slice(text);
            oldest.nodes.clear();
            oldest.nodes.extend_from_slice(nodes);
            oldest.depth = depth;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(letter: &str) -> Vec<u8> {
        format!(r#"["{}"]"#, letter.repeat(LEAST)).into_bytes()
    }

    #[test]
    fn the_values_met_last_are_known_with_their_places() {
        let mut known = KnownValues::default();
        let node = ValuePlace::new((0, 0), (1, 9)).unwrap();
        known.keep(b"[]", &[], 5);
        assert_eq!(known.find(b"[]", 5), None, "it is short");
        known.keep(&value("a"), &[node], 5);
        let longer = [value("a"), b",1".to_vec()].concat();
        assert_eq!(known.find(&longer, 5), Some((value("a").len(), 1)));
        assert_eq!(known.places().len(), 1);
        assert_eq!(known.find(&longer, 4), None, "it has other places then");
        assert_eq!(known.find(&value("a")[1..], 5), None);
        for letter in ["b", "c", "d"] {
            known.keep(&value(letter), &[], 5);
        }
        assert!(known.find(&value("a"), 5).is_some());
        known.keep(&value("e"), &[], 5);
        let is_known = ["a", "b", "c", "d", "e"].map(|letter| known.find(&value(letter), 5).is_some());
        assert_eq!(is_known, [true, false, true, true, true]);
        assert_eq!(known.0.len(), VALUES);
    }

    #[test]
    fn a_thread_knows_the_long_members_of_an_accepted_object() {
        let text = [br#"{"a":1,"tools":"#.to_vec(), value("f"), b"}".to_vec()].concat();
        assert!(crate::check_places(&text, 5, "messages").is_ok());
        let mut known = KnownValues::take();
        assert_eq!(known.find(&value("f"), 5), Some((value("f").len(), 1)));
        known.give_back();
    }
}
