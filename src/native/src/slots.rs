//! Counters of limits in the memory of the process, which all workers and all configurations share.
//!
//! They live as long as the module is loaded. So a new contract finds the old counts.

use std::sync::OnceLock;

use callgate_engine::{SEED_BYTES, Slot, Slots, StoreError, Table, Versioned};
use callgate_host::random_seed;

static TABLE: OnceLock<Table> = OnceLock::new();

/// The process's table.
#[derive(Debug)]
pub(crate) struct ProcessSlots;

// === impl ProcessSlots ===

impl ProcessSlots {
    fn table() -> Result<&'static Table, StoreError> {
        if let Some(table) = TABLE.get() {
            return Ok(table);
        }
        let seed = random_seed().ok_or(StoreError::Unavailable)?;
        Ok(TABLE.get_or_init(|| Table::new(seed)))
    }
}

impl Slots for ProcessSlots {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        Self::table()?.seed()
    }

    fn read(&self, slot: Slot) -> Result<Versioned, StoreError> {
        Self::table()?.read(slot)
    }

    fn swap(&self, slot: Slot, version: u32, bytes: Vec<u8>) -> Result<bool, StoreError> {
        Self::table()?.swap(slot, version, bytes)
    }
}
