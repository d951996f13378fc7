//! Slots of a database, read before a change and written after it.
//!
//! A database locks the slots of a change in one transaction, and reads them into a draft. The change runs on the draft. Then the
//! database writes the changed slots and commits. So several counters change together or not at all, and no change has to wait for the
//! database in between.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::key::SEED_BYTES;
use crate::slots::{CounterSlot, Slots, StoreError, Versioned};

/// Slots in one transaction.
#[derive(Debug)]
pub struct SlotsDraft {
    seed: [u8; SEED_BYTES],
    slots: RefCell<BTreeMap<CounterSlot, Versioned>>,
}

// === impl SlotsDraft ===

impl SlotsDraft {
    /// Creates a draft without slots. It can name counters already.
    #[must_use]
    pub fn new(seed: [u8; SEED_BYTES]) -> Self {
        Self { seed, slots: RefCell::default() }
    }

    /// Puts the stored bytes of a slot in.
    pub fn load(&self, slot: CounterSlot, bytes: Vec<u8>) {
        self.slots.borrow_mut().insert(slot, Versioned { bytes, version: 0 });
    }

    /// Returns the changed slots with their new bytes, in order.
    #[must_use]
    pub fn into_changed(self) -> Vec<(CounterSlot, Vec<u8>)> {
        let slots = self.slots.into_inner().into_iter();
        slots.filter(|(_, slot)| slot.version > 0).map(|(number, slot)| (number, slot.bytes)).collect()
    }
}

impl Slots for SlotsDraft {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        Ok(self.seed)
    }

    fn read(&self, slot: CounterSlot) -> Result<Versioned, StoreError> {
        self.slots.borrow().get(&slot).cloned().ok_or(StoreError::Unavailable)
    }

    fn swap(&self, slot: CounterSlot, version: u32, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(&slot).ok_or(StoreError::Unavailable)?;
        if slot.version != version {
            return Ok(false);
        }
        *slot = Versioned { bytes, version: version.saturating_add(1) };
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Admission, Charge, CounterKey, Limit, Period, Unit, admit};

    const CALL: [Charge; 1] =
        [Charge { limit: Limit { unit: Unit::Calls, period: Period::Minute, most: 1 }, amount: 1 }];

    #[test]
    fn a_draft_gives_back_only_the_slots_that_changed() {
        let draft = SlotsDraft::new([7; SEED_BYTES]);
        let key = CounterKey::limits(&draft, "acme", &["desk", "role", "clerk"]).unwrap();
        assert_eq!(admit(&draft, &key, 1_000, &CALL), Err(StoreError::Unavailable), "the slot is not loaded");
        let other = CounterSlot { number: key.slot().number ^ 1, ..key.slot() };
        draft.load(key.slot(), Vec::new());
        draft.load(other, Vec::new());
        assert_eq!(admit(&draft, &key, 1_000, &CALL), Ok(Admission::Admitted));
        assert!(matches!(admit(&draft, &key, 1_000, &CALL), Ok(Admission::Refused { .. })));
        let changed = draft.into_changed();
        assert_eq!(changed.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(), [key.slot()]);
        // The next transaction finds the count.
        let next = SlotsDraft::new([7; SEED_BYTES]);
        changed.into_iter().for_each(|(slot, bytes)| next.load(slot, bytes));
        assert!(matches!(admit(&next, &key, 1_000, &CALL), Ok(Admission::Refused { .. })));
        assert!(next.into_changed().is_empty());
    }
}
