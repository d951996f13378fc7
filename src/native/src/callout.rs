//! The one callout under way of a stream, or of a worker's decisions.
//!
//! Envoy may run the hooks of a callout before the function that starts it returns. Then its id is not known yet: the answer is kept,
//! and [`Slot::start`] returns it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::CalloutError;

/// Room for one callout, whose answer is gathered in an `A` and becomes an `E`.
#[derive(Debug)]
pub(crate) struct Slot<A, E>(Mutex<Option<Callout<A, E>>>);

#[derive(Debug)]
struct Callout<A, E> {
    /// `None` while it is being started.
    id: Option<u64>,
    answer: A,
    /// The end, if it came while the callout was being started.
    ended: Option<E>,
}

/// The fate of a callout when the function that starts it returns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Started<E> {
    /// The answer will come with this id.
    Waits(u64),
    /// It has ended.
    Ended(E),
    /// Envoy refused it.
    Failed(CalloutError),
}

impl<A, E> Default for Slot<A, E> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<A: Default, E> Slot<A, E> {
    /// Starts a callout with a function that writes its id. The slot is not locked meanwhile.
    pub(crate) fn start(&self, start: impl FnOnce(&mut u64) -> Result<(), CalloutError>) -> Started<E> {
        *self.lock() = Some(Callout { id: None, answer: A::default(), ended: None });
        let mut id = 0;
        let started = start(&mut id);
        let mut slot = self.lock();
        match (started, slot.as_mut()) {
            (Err(error), _) => {
                *slot = None;
                Started::Failed(error)
            }
            (Ok(()), Some(callout)) => match callout.ended.take() {
                Some(end) => {
                    *slot = None;
                    Started::Ended(end)
                }
                None => {
                    callout.id = Some(id);
                    Started::Waits(id)
                }
            },
            // Nothing empties the slot while a callout is being started; if something did, nobody waits for an answer.
            (Ok(()), None) => Started::Failed(CalloutError::Unknown),
        }
    }

    /// Passes a part of an answer on, if it belongs to this callout.
    pub(crate) fn part(&self, id: u64, take: impl FnOnce(&mut A)) {
        if let Some(callout) = self.lock().as_mut().filter(|callout| callout.is(id)) {
            take(&mut callout.answer);
        }
    }

    /// Ends the callout. Returns its end, unless it is another one, or [`Self::start`] will return it.
    pub(crate) fn end(&self, id: u64, finish: impl FnOnce(A) -> E) -> Option<E> {
        let mut slot = self.lock();
        let callout = slot.as_mut().filter(|callout| callout.is(id))?;
        let end = finish(std::mem::take(&mut callout.answer));
        if callout.id.is_none() {
            callout.ended = Some(end);
            return None;
        }
        *slot = None;
        Some(end)
    }

    /// Forgets the callout. Later hooks of it have no effect.
    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    /// Returns true if a callout is under way, perhaps still being started.
    pub(crate) fn is_busy(&self) -> bool {
        self.lock().is_some()
    }

    /// Returns true if this callout is under way.
    pub(crate) fn has(&self, id: u64) -> bool {
        self.lock().as_ref().is_some_and(|callout| callout.is(id))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Callout<A, E>>> {
        // The slot is whole between any two calls, so a panic elsewhere leaves nothing broken in it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A, E> Callout<A, E> {
    fn is(&self, id: u64) -> bool {
        // One callout is started at a time, so an unknown id is its.
        self.id.is_none_or(|own| own == id) && self.ended.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Bytes = Slot<Vec<u8>, Vec<u8>>;

    #[test]
    fn an_answer_after_the_start_is_returned_at_its_end() {
        let slot = Bytes::default();
        let started = slot.start(|id| {
            *id = 7;
            Ok(())
        });
        assert_eq!(started, Started::Waits(7));
        slot.part(7, |bytes| bytes.push(1));
        slot.part(8, |bytes| bytes.push(2));
        assert_eq!(slot.end(8, |bytes| bytes), None, "another callout");
        assert_eq!(slot.end(7, |bytes| bytes), Some(vec![1]));
        assert_eq!(slot.end(7, |bytes| bytes), None, "it has ended");
    }

    #[test]
    fn an_answer_from_inside_the_start_is_returned_by_it() {
        let slot = Bytes::default();
        let started = slot.start(|id| {
            *id = 7;
            slot.part(7, |bytes| bytes.push(1));
            assert_eq!(slot.end(7, |bytes| bytes), None);
            assert_eq!(slot.end(7, |bytes| bytes), None, "a second end has no effect");
            Ok(())
        });
        assert_eq!(started, Started::Ended(vec![1]));
        assert!(!slot.is_busy());
    }

    #[test]
    fn a_refused_or_forgotten_callout_leaves_the_slot_free() {
        let slot = Bytes::default();
        assert_eq!(slot.start(|_| Err(CalloutError::ClusterNotFound)), Started::Failed(CalloutError::ClusterNotFound));
        assert!(!slot.is_busy());
        assert_eq!(slot.start(|_| Ok(())), Started::Waits(0));
        slot.clear();
        assert_eq!(slot.end(0, |bytes| bytes), None);
    }
}
