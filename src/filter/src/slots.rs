//! Counters of limits in Envoy's shared data, which all workers of the process have.
//!
//! Envoy keeps it under the `vm_id` of the configuration, as long as a VM with this id lives. So a new contract finds the old counts.

use std::cell::Cell;

use callgate_engine::{SEED_BYTES, Slot, Slots, StoreError, Versioned};
use callgate_host::random_seed;

use crate::host;

const SEED: &str = "callgate.seed.1";
/// Two workers may both find no seed; then the second one finds that of the first.
const SEED_ATTEMPTS: u32 = 4;

/// The shared data.
#[derive(Debug, Default)]
pub(crate) struct SharedSlots {
    seed: Cell<Option<[u8; SEED_BYTES]>>,
}

impl Slots for SharedSlots {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        if let Some(seed) = self.seed.get() {
            return Ok(seed);
        }
        for _ in 0..SEED_ATTEMPTS {
            let (bytes, version) = host::shared(SEED).ok_or(StoreError::Unavailable)?;
            if let Ok(seed) = <[u8; SEED_BYTES]>::try_from(bytes) {
                self.seed.set(Some(seed));
                return Ok(seed);
            }
            let seed = random_seed().ok_or(StoreError::Unavailable)?;
            host::swap_shared(SEED, version, &seed).ok_or(StoreError::Unavailable)?;
        }
        Err(StoreError::Unavailable)
    }

    fn read(&self, slot: Slot) -> Result<Versioned, StoreError> {
        let (bytes, version) = host::shared(&slot.name()).ok_or(StoreError::Unavailable)?;
        Ok(Versioned { bytes, version })
    }

    fn swap(&self, slot: Slot, version: u32, bytes: Vec<u8>) -> Result<bool, StoreError> {
        host::swap_shared(&slot.name(), version, &bytes).ok_or(StoreError::Unavailable)
    }
}
