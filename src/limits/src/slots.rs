//! A store of buckets, and the changes of one record in it.
//!
//! The number of slots is fixed: a proxy's shared data cannot delete a key. [`SLOTS`] slots of each table with at most
//! 16 KiB each bound the memory, whoever chooses the names.
//!
//! A change reads a slot, computes its new bytes, and writes them if nobody wrote meanwhile. Each failed attempt is a success of another
//! worker. After [`ATTEMPTS`] of them the change fails, and the caller refuses.

use std::fmt;

use crate::bucket::{Bucket, Crowd};
use crate::conversation::{Conversation, ConversationEnd, ConversationRules, Standing};
use crate::key::{CounterKey, SEED_BYTES};
use crate::limit::Charge;
use crate::meters::{Admission, Meters};

/// The number of slots of each table.
pub const SLOTS: u16 = 1024;
/// The maximum number of attempts at a change.
pub const ATTEMPTS: u32 = 64;

/// One of the tables of a store. What fills one leaves the others alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableKind {
    /// Counters of limits. Their names come from the contract and the verified tenant.
    Limits,
    /// Conversations. Clients may choose their names.
    Conversations,
    /// Receipts of counts that were made, for those who repeat a request. Their names come from the gate.
    Receipts,
}

/// A slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterSlot {
    /// The table.
    pub table: TableKind,
    /// Less than [`SLOTS`].
    pub number: u16,
}

/// The bytes of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes; empty if nobody has written yet.
    pub bytes: Vec<u8>,
    /// Their version, for [`Slots::swap`].
    pub version: u32,
}

/// A store with compare-and-swap.
pub trait Slots: fmt::Debug {
    /// Returns the secret seed of names. It stays the same as long as the store does.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError>;

    /// Reads a slot.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn read(&self, slot: CounterSlot) -> Result<Versioned, StoreError>;

    /// Writes a slot if it still has this version. Returns false if another worker wrote.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn swap(&self, slot: CounterSlot, version: u32, bytes: Vec<u8>) -> Result<bool, StoreError>;
}

/// The reason why a counter cannot be read or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be used.
    #[error("the store of counters cannot be used")]
    Unavailable,
    /// Others changed the slot at every attempt.
    #[error("other workers changed the counter at each of {ATTEMPTS} attempts")]
    Contended,
    /// The slot has no room for another name.
    #[error("the store of counters has no room for another name")]
    Full,
    /// The stored bytes are not a counter's.
    #[error("the stored bytes are no counter")]
    Unreadable,
}

/// Decides on charges at a time in seconds since the Unix epoch. All of them are counted, or none.
///
/// # Errors
/// The counter cannot be changed; nothing is counted.
pub fn admit(slots: &dyn Slots, key: &CounterKey, now: u64, charges: &[Charge]) -> Result<Admission, StoreError> {
    meter(slots, key, now, |meters| match meters.admit(now, charges) {
        Admission::Admitted => (true, Admission::Admitted),
        refused @ Admission::Refused { .. } => (false, refused),
    })
}

/// Counts charges whatever the limits are.
///
/// # Errors
/// The counter cannot be changed; nothing is counted.
pub fn add(slots: &dyn Slots, key: &CounterKey, now: u64, charges: &[Charge]) -> Result<(), StoreError> {
    meter(slots, key, now, |meters| {
        meters.add(now, charges);
        (true, ())
    })
}

/// Takes charges back that were admitted a moment ago.
///
/// # Errors
/// The counter cannot be changed; the charges stay counted.
pub fn give_back(slots: &dyn Slots, key: &CounterKey, now: u64, charges: &[Charge]) -> Result<(), StoreError> {
    meter(slots, key, now, |meters| {
        meters.give_back(charges);
        (true, ())
    })
}

/// Begins a turn of a conversation at a time in seconds since the Unix epoch.
///
/// # Errors
/// The counter cannot be changed; nothing is counted.
pub fn begin_turn(
    slots: &dyn Slots,
    key: &CounterKey,
    now: u64,
    rules: &ConversationRules,
) -> Result<Result<Standing, ConversationEnd>, StoreError> {
    converse(slots, key, now, rules, |conversation, is_new| conversation.begin_turn(now, is_new, rules))
}

/// Counts a call of a conversation at a time in seconds since the Unix epoch.
///
/// # Errors
/// The counter cannot be changed; nothing is counted.
pub fn count_call(
    slots: &dyn Slots,
    key: &CounterKey,
    now: u64,
    rules: &ConversationRules,
) -> Result<Result<(), ConversationEnd>, StoreError> {
    converse(slots, key, now, rules, |conversation, _| conversation.count_call(now, rules))
}

/// Takes a turn back that was begun a moment ago.
///
/// # Errors
/// The counter cannot be changed; the turn stays counted.
pub fn give_turn_back(
    slots: &dyn Slots,
    key: &CounterKey,
    now: u64,
    rules: &ConversationRules,
) -> Result<(), StoreError> {
    let taken = converse(slots, key, now, rules, |conversation, _| {
        conversation.turns = conversation.turns.saturating_sub(1);
        Ok(())
    })?;
    taken.or(Ok(()))
}

/// Changes a counter of limits. `change` returns true if the record is to be written.
fn meter<T>(
    slots: &dyn Slots,
    key: &CounterKey,
    now: u64,
    change: impl Fn(&mut Meters) -> (bool, T),
) -> Result<T, StoreError> {
    update(slots, key, now, Crowd::Refuse, |record| {
        let mut meters = Meters::read(record).ok_or(StoreError::Unreadable)?;
        let (is_changed, result) = change(&mut meters);
        Ok((is_changed.then(|| Changed { ends: meters.ends(), record: meters.write() }), result))
    })
}

/// Changes a conversation. Nothing is written if `change` fails.
fn converse<T>(
    slots: &dyn Slots,
    key: &CounterKey,
    now: u64,
    rules: &ConversationRules,
    change: impl Fn(&mut Conversation, bool) -> Result<T, ConversationEnd>,
) -> Result<Result<T, ConversationEnd>, StoreError> {
    update(slots, key, now, Crowd::Share, |record| {
        let mut conversation = Conversation::read(record, now).ok_or(StoreError::Unreadable)?;
        // Its id is forgotten: the store may still hold the record, as long as nobody needs the room.
        let is_over = !record.is_empty() && conversation.ends(rules) <= now;
        if is_over {
            conversation = Conversation::read(&[], now).ok_or(StoreError::Unreadable)?;
        }
        let result = change(&mut conversation, record.is_empty() || is_over);
        let changed = Changed { ends: conversation.ends(rules), record: conversation.write() };
        Ok((result.is_ok().then_some(changed), result))
    })
}

/// A record's new bytes, and the time in seconds at which it may be forgotten.
pub(crate) struct Changed {
    pub(crate) ends: u64,
    pub(crate) record: Vec<u8>,
}

/// Changes one record. `change` may be called several times, and only the last call counts.
pub(crate) fn update<T>(
    slots: &dyn Slots,
    key: &CounterKey,
    now: u64,
    crowd: Crowd,
    change: impl Fn(&[u8]) -> Result<(Option<Changed>, T), StoreError>,
) -> Result<T, StoreError> {
    for _ in 0..ATTEMPTS {
        let Versioned { bytes, version } = slots.read(key.slot)?;
        let mut bucket = Bucket::read(&bytes).ok_or(StoreError::Unreadable)?;
        let (changed, result) = change(bucket.record(&key.fingerprint))?;
        let Some(Changed { ends, record }) = changed else { return Ok(result) };
        bucket.put(key.fingerprint, key.owner, (now, ends), record, crowd).map_err(|_| StoreError::Full)?;
        if slots.swap(key.slot, version, bucket.write())? {
            return Ok(result);
        }
    }
    Err(StoreError::Contended)
}

// === impl TableKind ===

impl TableKind {
    /// Every table.
    pub const ALL: [Self; 3] = [Self::Limits, Self::Conversations, Self::Receipts];

    /// Returns the name of the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Conversations => "conversations",
            Self::Receipts => "receipts",
        }
    }
}

// === impl CounterSlot ===

impl CounterSlot {
    /// Returns the name of the slot in a store of named values. It changes if the form of the bytes does.
    #[must_use]
    pub fn name(self) -> String {
        format!("callgate.{}.1.{}", self.table.as_str(), self.number)
    }
}
