//! Receipts: a count that is sent twice is made once.
//!
//! Whoever counts by a message over a network may send it again when the answer is lost. The receiver keeps a receipt under the message's
//! name, in the same change as the count. A repeat finds the receipt and counts nothing.
//!
//! Receipts are bounded like conversations. If a slot is full, the owner with the most receipts loses its oldest one. A repeat without its
//! receipt is counted again, which is the safe side.

use crate::bucket::Crowd;
use crate::key::CounterKey;
use crate::slots::{Changed, Slots, StoreError, update};

/// The seconds for which a receipt is kept, if nobody needs the room earlier. Afterwards it may leave.
pub const KEPT: u64 = 3_600;

/// Returns the answer of an earlier count of this name, unless its receipt has left.
///
/// # Errors
/// The store cannot be used.
pub fn find(slots: &dyn Slots, key: &CounterKey, now: u64) -> Result<Option<u8>, StoreError> {
    update(slots, key, now, Crowd::Share, |record| Ok((None, record.first().copied())))
}

/// Keeps the answer of a count at a time in seconds since the Unix epoch.
///
/// # Errors
/// The store cannot be used; nothing is kept.
pub fn keep(slots: &dyn Slots, key: &CounterKey, now: u64, answer: u8) -> Result<(), StoreError> {
    update(slots, key, now, Crowd::Share, |_| {
        Ok((Some(Changed { ends: now.saturating_add(KEPT), record: vec![answer] }), ()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::MOST_RECORDS;
    use crate::slots::SLOTS;
    use crate::{CounterTable, SEED_BYTES};

    #[test]
    fn a_receipt_is_found_by_its_owner_and_name_alone() {
        let table = CounterTable::new([1; SEED_BYTES]);
        let key = |owner, name| CounterKey::receipt(&table, owner, &[name]).unwrap();
        keep(&table, &key("acme", "exchange-1"), 1_000, 3).unwrap();
        assert_eq!(find(&table, &key("acme", "exchange-1"), 1_001), Ok(Some(3)));
        for (owner, name) in [("acme", "exchange-2"), ("other", "exchange-1")] {
            assert_eq!(find(&table, &key(owner, name), 1_001), Ok(None), "{owner} {name}");
        }
    }

    #[test]
    fn receipts_of_one_tenant_push_out_only_its_own() {
        let table = CounterTable::new([1; SEED_BYTES]);
        let key = |owner, name: &str| CounterKey::receipt(&table, owner, &[name]).unwrap();
        keep(&table, &key("acme", "mine"), 1_000, 1).unwrap();
        for number in 0..usize::from(SLOTS) * MOST_RECORDS + 5_000 {
            keep(&table, &key("evil", &number.to_string()), 1_000, 1).unwrap();
        }
        assert_eq!(find(&table, &key("acme", "mine"), 1_001), Ok(Some(1)));
    }
}
