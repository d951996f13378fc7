//! The name of a counter, and its slot.
//!
//! A name is a hash of its parts with the store's secret seed. So names of any length cost the same bytes, nobody can read a name in the
//! store, and nobody without the seed can choose names that meet in one slot.

use sha2::{Digest, Sha256};

use crate::slots::{CounterSlot, SLOTS, Slots, StoreError, TableKind};

/// The bytes of a store's seed.
pub const SEED_BYTES: usize = 16;
/// The bytes of a name in a bucket.
pub(crate) const FINGERPRINT_BYTES: usize = 16;

/// A name in a bucket.
pub(crate) type Fingerprint = [u8; FINGERPRINT_BYTES];

/// The name of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterKey {
    pub(crate) slot: CounterSlot,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) owner: u32,
}

// === impl CounterKey ===

impl CounterKey {
    /// Returns the key of a counter of limits. The parts are hashed with their lengths, so no two lists of parts have one key by chance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn limits(slots: &dyn Slots, owner: &str, parts: &[&str]) -> Result<Self, StoreError> {
        Self::of(slots, TableKind::Limits, &[owner], parts)
    }

    /// Returns the key of a conversation of an owner.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn conversation(slots: &dyn Slots, owner: &[&str], parts: &[&str]) -> Result<Self, StoreError> {
        Self::of(slots, TableKind::Conversations, owner, parts)
    }

    /// Returns the key of a receipt of an owner. See [`crate::receipts`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn receipt(slots: &dyn Slots, owner: &str, parts: &[&str]) -> Result<Self, StoreError> {
        Self::of(slots, TableKind::Receipts, &[owner], parts)
    }

    /// Returns the slot with the counter.
    #[must_use]
    pub fn slot(&self) -> CounterSlot {
        self.slot
    }

    fn of(slots: &dyn Slots, table: TableKind, owner: &[&str], parts: &[&str]) -> Result<Self, StoreError> {
        let seed = slots.seed()?;
        let name = hash(&seed, table, &[owner, parts]);
        let owner = hash(&seed, table, &[owner]);
        let number = u16::from_le_bytes([name[16], name[17]]) % SLOTS;
        let [a, b, c, d, ..] = owner;
        let mut fingerprint = [0; FINGERPRINT_BYTES];
        for (kept, byte) in fingerprint.iter_mut().zip(name) {
            *kept = byte;
        }
        Ok(Self { slot: CounterSlot { table, number }, fingerprint, owner: u32::from_le_bytes([a, b, c, d]) })
    }
}

fn hash(seed: &[u8; SEED_BYTES], table: TableKind, lists: &[&[&str]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update([match table {
        TableKind::Limits => 0,
        TableKind::Conversations => 1,
        TableKind::Receipts => 2,
    }]);
    for list in lists {
        hash.update(u64::try_from(list.len()).unwrap_or(u64::MAX).to_le_bytes());
        for part in *list {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CounterTable;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let table = CounterTable::new([1; SEED_BYTES]);
        let key = |owner: &[&str], parts: &[&str]| CounterKey::conversation(&table, owner, parts).unwrap().fingerprint;
        let keys = [
            key(&["ab"], &["c"]),
            key(&["a"], &["bc"]),
            key(&["a", "b"], &["c"]),
            key(&["a"], &["b", "c"]),
            key(&[], &["a", "b", "c"]),
            key(&["a\u{0}b"], &["c"]),
        ];
        for (position, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(position + 1).all(|other| other != one));
        }
    }

    #[test]
    fn slots_depend_on_the_seed() {
        let (one, two) = (CounterTable::new([1; SEED_BYTES]), CounterTable::new([2; SEED_BYTES]));
        let same = (0..200).filter(|number| {
            let id = number.to_string();
            let of = |table: &CounterTable| CounterKey::conversation(table, &["acme"], &[&id]).unwrap().slot;
            of(&one) == of(&two)
        });
        assert!(same.count() < 10);
    }
}
