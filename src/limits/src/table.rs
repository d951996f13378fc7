//! Slots in the memory of one process, shared by its threads.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::key::SEED_BYTES;
use crate::slots::{CounterSlot, SLOTS, Slots, StoreError, TableKind, Versioned};

/// A store in memory. It takes none until the first use.
#[derive(Debug)]
pub struct CounterTable {
    seed: [u8; SEED_BYTES],
    limits: OnceLock<Vec<Mutex<Versioned>>>,
    conversations: OnceLock<Vec<Mutex<Versioned>>>,
    receipts: OnceLock<Vec<Mutex<Versioned>>>,
}

// === impl CounterTable ===

impl CounterTable {
    /// Creates an empty store. The seed must be random, and secret, if strangers may choose names.
    #[must_use]
    pub const fn new(seed: [u8; SEED_BYTES]) -> Self {
        Self { seed, limits: OnceLock::new(), conversations: OnceLock::new(), receipts: OnceLock::new() }
    }

    fn slot(&self, CounterSlot { table, number }: CounterSlot) -> Result<MutexGuard<'_, Versioned>, StoreError> {
        let slots = match table {
            TableKind::Limits => &self.limits,
            TableKind::Conversations => &self.conversations,
            TableKind::Receipts => &self.receipts,
        };
        let slots = slots.get_or_init(|| (0..SLOTS).map(|_| Mutex::default()).collect());
        let slot = slots.get(usize::from(number)).ok_or(StoreError::Unavailable)?;
        // A slot is whole between any two steps, so a panic elsewhere leaves nothing broken in it.
        Ok(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slots for CounterTable {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        Ok(self.seed)
    }

    fn read(&self, slot: CounterSlot) -> Result<Versioned, StoreError> {
        self.slot(slot).map(|slot| slot.clone())
    }

    fn swap(&self, slot: CounterSlot, version: u32, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let mut slot = self.slot(slot)?;
        if slot.version != version {
            return Ok(false);
        }
        *slot = Versioned { bytes, version: version.wrapping_add(1) };
        Ok(true)
    }
}
