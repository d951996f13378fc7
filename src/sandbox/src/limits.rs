//! Bounds the memory and table space of one call, and measures its peak.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

/// The maximum table elements of one call, over all its tables. A large interpreter has some twenty thousand.
pub(super) const TABLE_ELEMENTS: usize = 100_000;
/// The core instances of one call: a component consists of several.
pub(super) const INSTANCES: usize = 32;
/// The tables of one call.
pub(super) const TABLES: usize = 16;
/// The linear memories of one call; together they share the one grant.
pub(super) const MEMORIES: usize = 4;

/// The refusals of growth after which a call ends. A guest may accept a refusal and use less.
const REFUSALS: u32 = 16;

/// Growth was refused and the guest kept asking.
#[derive(Debug, thiserror::Error)]
#[error("asked for more memory than it is granted")]
pub(super) struct OutOfMemory;

/// Readings that outlive the call, so a call cut off still has them.
#[derive(Debug, Default)]
pub(super) struct Meter {
    peak: AtomicU64,
}

/// Enforces the limits for one store. Memory is summed over all linear memories: a grant cannot be multiplied.
///
/// Permitted growth stays counted even if the machine then fails to provide it. The engine reports some failures it
/// never asked about; subtracting those would let a guest hold more than its grant.
#[derive(Debug)]
pub(super) struct Limits {
    grant: u64,
    held: u64,
    elements: usize,
    refusals: u32,
    meter: Arc<Meter>,
}

// === impl Meter ===

impl Meter {
    /// Returns the peak linear memory, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

// === impl Limits ===

impl Limits {
    /// Creates the limits for one call with `grant` bytes of linear memory.
    pub(super) fn new(grant: u64, meter: Arc<Meter>) -> Self {
        Self { grant, held: 0, elements: 0, refusals: 0, meter }
    }

    /// Returns true if memory or table space was refused at least once.
    pub(super) fn refused(&self) -> bool {
        self.refusals > 0
    }

    /// Returns the bytes of linear memory it holds, over all memories.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    fn refuse(&mut self) -> wasmtime::Result<bool> {
        self.refusals += 1;
        if self.refusals > REFUSALS { Err(OutOfMemory.into()) } else { Ok(false) }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        match self.held.checked_add(more) {
            Some(held) if held <= self.grant => {
                // Past the memory's own maximum the engine itself refuses: nothing to count.
                if maximum.is_none_or(|maximum| desired <= maximum) {
                    self.held = held;
                    self.meter.peak.fetch_max(held, Ordering::Relaxed);
                }
                Ok(true)
            }
            _ => self.refuse(),
        }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        match self.elements.checked_add(more) {
            Some(elements) if elements <= TABLE_ELEMENTS => {
                if maximum.is_none_or(|maximum| desired <= maximum) {
                    self.elements = elements;
                }
                Ok(true)
            }
            _ => self.refuse(),
        }
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn limits(mib: u64) -> Limits {
        Limits::new(mib << 20, Arc::default())
    }

    #[test]
    fn several_memories_share_one_grant() {
        let mut limits = limits(3);
        assert!(limits.memory_growing(0, 2 * MIB, None).unwrap());
        assert!(limits.memory_growing(0, MIB, None).unwrap());
        assert!(!limits.memory_growing(MIB, 2 * MIB, None).unwrap());
        assert!(limits.refused());
        assert_eq!(limits.meter.peak(), 3 << 20);
    }

    #[test]
    fn a_growth_past_the_memory_s_own_maximum_is_not_counted() {
        let mut limits = limits(3);
        assert!(limits.memory_growing(0, MIB, Some(2 * MIB)).unwrap());
        assert!(limits.memory_growing(MIB, 3 * MIB, Some(2 * MIB)).unwrap());
        assert!(limits.memory_growing(MIB, 2 * MIB, Some(2 * MIB)).unwrap());
        assert!(limits.memory_growing(0, MIB, None).unwrap());
        assert!(!limits.refused());
    }

    #[test]
    fn a_reported_failure_gives_nothing_back() {
        let mut limits = limits(1);
        assert!(limits.table_growing(0, TABLE_ELEMENTS, None).unwrap());
        limits.table_grow_failed(wasmtime::Error::msg("overflow")).unwrap();
        assert!(!limits.table_growing(0, 1, None).unwrap());
    }

    #[test]
    fn a_guest_that_keeps_asking_is_ended() {
        let mut limits = limits(1);
        for _ in 0..REFUSALS {
            assert!(!limits.memory_growing(0, 2 * MIB, None).unwrap());
        }
        assert!(limits.memory_growing(0, 2 * MIB, None).is_err());
    }

    #[test]
    fn table_elements_are_summed_too() {
        let mut limits = limits(1);
        assert!(limits.table_growing(0, TABLE_ELEMENTS - 1, None).unwrap());
        assert!(limits.table_growing(0, 1, None).unwrap());
        assert!(!limits.table_growing(1, 2, None).unwrap());
    }
}
