//! The records in one slot of a store, bounded in number and in bytes.
//!
//! A record whose time is over leaves when room is needed. If every record still counts, the [`Crowd`] rule decides: counters of limits are
//! never forgotten, so a new name is refused; conversations leave one another room by owner. The owner with the most conversations in the
//! bucket loses the one it used the longest ago. So a caller who opens many conversations only forgets its own.

use crate::bytes;
use crate::key::{FINGERPRINT_BYTES, Fingerprint};

/// The maximum number of records in a bucket.
pub const MOST_RECORDS: usize = 64;
/// The maximum bytes of a bucket.
pub(crate) const MOST_BYTES: usize = 16 << 10;

/// The rule for a bucket full of records that still count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// A new record is refused.
    Refuse,
    /// The owner with the most records loses its oldest one.
    Share,
}

/// The records of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bucket(Vec<Entry>);

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    fingerprint: Fingerprint,
    /// The owner, by a hash.
    owner: u32,
    /// The time in seconds of the last change.
    used: u64,
    /// The time in seconds at which it may be forgotten.
    ends: u64,
    record: Vec<u8>,
}

/// The bucket has no room for another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

// === impl Bucket ===

impl Bucket {
    /// Reads a bucket. An empty text has no records. Returns `None` for bytes that no [`Bucket::write`] wrote.
    pub(crate) fn read(mut text: &[u8]) -> Option<Self> {
        let text = &mut text;
        let mut entries = Vec::new();
        while !text.is_empty() {
            let fingerprint = Fingerprint::try_from(bytes::take_slice(text, FINGERPRINT_BYTES)?).ok()?;
            let owner = u32::try_from(bytes::take(text)?).ok()?;
            let (used, ends) = (bytes::take(text)?, bytes::take(text)?);
            let length = usize::try_from(bytes::take(text)?).ok()?;
            let record = bytes::take_slice(text, length)?.to_vec();
            entries.push(Entry { fingerprint, owner, used, ends, record });
        }
        (entries.len() <= MOST_RECORDS).then_some(Self(entries))
    }

    /// Writes the bucket.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.bytes());
        self.0.iter().for_each(|entry| entry.write(&mut text));
        text
    }

    /// Returns a record; empty if it is missing.
    pub(crate) fn record(&self, fingerprint: &Fingerprint) -> &[u8] {
        let entry = self.0.iter().find(|entry| entry.fingerprint == *fingerprint);
        entry.map(|entry| entry.record.as_slice()).unwrap_or_default()
    }

    /// Puts a record in, or takes it out if it is empty.
    ///
    /// # Errors
    /// [`Full`] if the record has no room. The bucket stays as it was.
    pub(crate) fn put(
        &mut self,
        fingerprint: Fingerprint,
        owner: u32,
        (now, ends): (u64, u64),
        record: Vec<u8>,
        crowd: Crowd,
    ) -> Result<(), Full> {
        let mut entries = self.0.clone();
        entries.retain(|entry| entry.fingerprint != fingerprint);
        if record.is_empty() {
            self.0 = entries;
            return Ok(());
        }
        let mut next = Self(entries);
        let entry = Entry { fingerprint, owner, used: now, ends, record };
        if !next.fits(&entry) {
            next.0.retain(|entry| entry.ends > now);
        }
        while !next.fits(&entry) {
            if crowd == Crowd::Refuse {
                return Err(Full);
            }
            let leaving = next.leaving(owner).ok_or(Full)?;
            next.0.remove(leaving);
        }
        next.0.push(entry);
        *self = next;
        Ok(())
    }

    fn fits(&self, entry: &Entry) -> bool {
        self.0.len() < MOST_RECORDS && self.bytes().saturating_add(entry.bytes()) <= MOST_BYTES
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Entry::bytes).sum()
    }

    /// Returns the position of the record that makes room for one of `owner`: the least recently used one of the owner with the most
    /// records. `owner` itself counts one more.
    fn leaving(&self, owner: u32) -> Option<usize> {
        let count = |of: u32| self.0.iter().filter(|entry| entry.owner == of).count() + usize::from(of == owner);
        let most = self.0.iter().map(|entry| entry.owner).chain([owner]).max_by_key(|of| (count(*of), *of == owner))?;
        let own = self.0.iter().enumerate().filter(|(_, entry)| entry.owner == most);
        own.min_by_key(|(_, entry)| entry.used).map(|(position, _)| position)
    }
}

// === impl Entry ===

impl Entry {
    /// Returns the bytes of the entry, at most.
    fn bytes(&self) -> usize {
        const NUMBERS: usize = 5 + 10 + 10 + 3;
        FINGERPRINT_BYTES.saturating_add(NUMBERS).saturating_add(self.record.len())
    }

    fn write(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(&self.fingerprint);
        for number in [self.owner.into(), self.used, self.ends, u64::try_from(self.record.len()).unwrap_or(u64::MAX)] {
            bytes::put(text, number);
        }
        text.extend_from_slice(&self.record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u8) -> Fingerprint {
        [number; FINGERPRINT_BYTES]
    }

    fn full(crowd: Crowd, owner: impl Fn(u8) -> u32) -> Bucket {
        let mut bucket = Bucket::default();
        for number in 0..u8::try_from(MOST_RECORDS).unwrap() {
            bucket.put(name(number), owner(number), (u64::from(number), 1_000), vec![number + 1], crowd).unwrap();
        }
        bucket
    }

    #[test]
    fn a_bucket_is_read_as_written() {
        let bucket = full(Crowd::Refuse, u32::from);
        assert_eq!(Bucket::read(&bucket.write()), Some(bucket.clone()));
        let text = bucket.write();
        assert!(text.len() <= MOST_BYTES);
        assert_eq!(Bucket::read(&text[..text.len() - 1]), None);
        assert_eq!(bucket.record(&name(3)), [4]);
        assert_eq!(bucket.record(&name(200)), [0_u8; 0]);
    }

    #[test]
    fn counters_of_limits_are_not_forgotten_while_they_count() {
        let mut bucket = full(Crowd::Refuse, u32::from);
        let before = bucket.clone();
        assert_eq!(bucket.put(name(99), 1, (999, 2_000), vec![1], Crowd::Refuse), Err(Full));
        assert_eq!(bucket, before);
        assert_eq!(bucket.put(name(7), 7, (999, 2_000), vec![9, 9], Crowd::Refuse), Ok(()), "a known name has room");
        assert_eq!(bucket.put(name(99), 1, (1_000, 2_000), vec![1], Crowd::Refuse), Ok(()));
        assert_eq!(bucket.0.len(), 2, "records whose time is over have left");
    }

    #[test]
    fn a_caller_with_many_conversations_forgets_only_its_own() {
        // The first one has one conversation, the oldest of all; a second caller fills the rest.
        let mut bucket = full(Crowd::Share, |number| u32::from(number > 0));
        for number in 100..200 {
            assert_eq!(bucket.put(name(number), 1, (500, 1_000), vec![1], Crowd::Share), Ok(()));
            assert_eq!(bucket.record(&name(0)), [1], "the first caller's stays");
            assert_eq!(bucket.0.len(), MOST_RECORDS);
        }
        // A third caller gets room from the one with the most.
        assert_eq!(bucket.put(name(250), 3, (501, 1_000), vec![1], Crowd::Share), Ok(()));
        assert_eq!((bucket.record(&name(0)), bucket.record(&name(250))), (&[1_u8][..], &[1_u8][..]));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut bucket = Bucket::default();
        let mut refused = 0;
        for number in 0..60 {
            let put = bucket.put(name(number), 1, (1, 10), vec![1; 400], Crowd::Refuse);
            refused += usize::from(put.is_err());
            assert!(bucket.write().len() <= MOST_BYTES);
        }
        assert!(refused > 0 && bucket.0.len() > 30);
        assert_eq!(bucket.put(name(99), 1, (1, 10), vec![1; MOST_BYTES], Crowd::Share), Err(Full));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        let bucket = full(Crowd::Refuse, u32::from).write();
        for cut in 0..bucket.len() {
            for flip in [0_u8, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bucket.clone();
                bytes[cut] ^= flip;
                let _ = Bucket::read(&bytes);
                let _ = Bucket::read(&bytes[cut..]);
            }
        }
    }

    #[test]
    fn an_empty_record_leaves() {
        let mut bucket = full(Crowd::Refuse, u32::from);
        assert_eq!(bucket.put(name(3), 3, (5, 0), Vec::new(), Crowd::Refuse), Ok(()));
        assert_eq!(bucket.0.len(), MOST_RECORDS - 1);
    }
}
