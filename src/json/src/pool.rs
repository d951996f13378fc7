//! Buffers that a thread uses again for its next text, so that most texts allocate none.

use std::cell::Cell;

/// The maximum number of items that a kept buffer has room for.
const MOST: usize = 4096;

/// An empty buffer, if one is kept.
pub(crate) struct Pool<T>(Cell<Vec<T>>);

// === impl Pool ===

impl<T> Pool<T> {
    pub(crate) const fn new() -> Pool<T> {
        Pool(Cell::new(Vec::new()))
    }

    /// Returns an empty buffer with room for `most` items.
    pub(crate) fn take(&self, most: usize) -> Vec<T> {
        let mut buffer = self.0.take();
        buffer.reserve(most);
        buffer
    }

    /// Keeps a buffer for the next text, unless it is large.
    pub(crate) fn give(&self, mut buffer: Vec<T>) {
        if (1..=MOST).contains(&buffer.capacity()) {
            buffer.clear();
            self.0.set(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_a_large_one_does_not() {
        let pool = Pool::new();
        let mut buffer = pool.take(100);
        buffer.push(1_u8);
        let room = buffer.capacity();
        pool.give(buffer);
        // A buffer without room takes no place.
        pool.give(Vec::new());
        let buffer = pool.take(1);
        assert!(buffer.is_empty() && buffer.capacity() == room);
        pool.give(Vec::with_capacity(MOST + 1));
        assert_eq!(pool.take(0).capacity(), 0);
    }
}
