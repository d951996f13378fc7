//! Records on their way to the executor: bounded, batched, kept until acknowledged, retried after a failure.
//!
//! One batch is under way at a time. If the executor is unreachable, pauses between retries grow up to [`LONGEST_PAUSE`]. A full
//! outbox drops and counts new records, so the gap is at the end. A batch refused for its content is halved until the record at
//! fault is alone; only this record is dropped.
//!
//! Not covered: records in the outbox are lost when its host ends.

use std::collections::VecDeque;
use std::time::Duration;

/// The maximum number of records, those under way included.
const MOST_RECORDS: usize = 8192;
/// The maximum bytes of all records.
const MOST_BYTES: usize = 4 << 20;
/// The maximum number of records in a batch.
const BATCH_RECORDS: usize = 256;
/// A batch of so many bytes gets no further record.
const BATCH_BYTES: usize = 1 << 20;
/// The first pause after a failure, which doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Encoded records.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    state: Delivery,
    /// The maximum number of records in the next batch.
    most: usize,
    lost: u64,
}

#[derive(Debug)]
enum Delivery {
    /// Nothing is under way; nothing is sent before this time.
    Resting { until: Duration, pause: Duration },
    /// This batch is under way.
    Sent { batch: Vec<Vec<u8>>, pause: Duration },
}

/// The fate of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is kept.
    Kept,
    /// It is refused for its content, for good.
    Refused,
    /// It failed, and may be retried.
    Failed,
}

// === impl Outbox ===

impl Default for Outbox {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            state: Delivery::Resting { until: Duration::ZERO, pause: Duration::ZERO },
            most: BATCH_RECORDS,
            lost: 0,
        }
    }
}

impl Outbox {
    /// Takes a record, or drops and counts it if the outbox is full.
    pub fn put(&mut self, record: Vec<u8>) {
        let bytes = self.bytes.saturating_add(record.len());
        if self.len() >= MOST_RECORDS || bytes > MOST_BYTES {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.bytes = bytes;
        self.waiting.push_back(record);
    }

    /// Returns the batch to send now, if any. It is under way until its [`Receipt`] comes.
    pub fn next(&mut self, now: Duration) -> Option<&[Vec<u8>]> {
        let Delivery::Resting { until, pause } = self.state else { return None };
        if now < until || self.waiting.is_empty() {
            return None;
        }
        let mut bytes = 0_usize;
        let fit = self.waiting.iter().take(self.most).take_while(|record| {
            let fits = bytes < BATCH_BYTES;
            bytes = bytes.saturating_add(record.len());
            fits
        });
        let count = fit.count();
        let batch = self.waiting.drain(..count).collect();
        self.state = Delivery::Sent { batch, pause };
        match &self.state {
            Delivery::Sent { batch, .. } => Some(batch),
            Delivery::Resting { .. } => None,
        }
    }

    /// Ends the batch under way; returns the number of its records that are kept.
    pub fn settle(&mut self, receipt: Receipt, now: Duration) -> usize {
        let resting = Delivery::Resting { until: Duration::ZERO, pause: Duration::ZERO };
        let Delivery::Sent { batch, pause } = std::mem::replace(&mut self.state, resting) else { return 0 };
        let count = batch.len();
        match receipt {
            Receipt::Kept => {
                self.forget(&batch);
                self.most = self.most.saturating_mul(2).min(BATCH_RECORDS);
                return count;
            }
            Receipt::Refused if count <= 1 => {
                self.forget(&batch);
                self.lost = self.lost.saturating_add(1);
            }
            Receipt::Refused => {
                self.most = count / 2;
                self.put_back(batch);
            }
            Receipt::Failed => {
                let pause = pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                self.state = Delivery::Resting { until: now.saturating_add(pause), pause };
                self.put_back(batch);
            }
        }
        0
    }

    /// Returns the number of records dropped since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Returns the number of records, those under way included.
    #[must_use]
    pub fn len(&self) -> usize {
        let under_way = match &self.state {
            Delivery::Resting { .. } => 0,
            Delivery::Sent { batch, .. } => batch.len(),
        };
        self.waiting.len().saturating_add(under_way)
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn forget(&mut self, batch: &[Vec<u8>]) {
        let bytes: usize = batch.iter().map(Vec::len).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn put_back(&mut self, batch: Vec<Vec<u8>>) {
        for record in batch.into_iter().rev() {
            self.waiting.push_front(record);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests: a failed step is a failed test")]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn outbox(records: u32) -> Outbox {
        let mut outbox = Outbox::default();
        (0..records).for_each(|n| outbox.put(n.to_be_bytes().to_vec()));
        outbox
    }

    fn numbers(batch: &[Vec<u8>]) -> Vec<u32> {
        batch.iter().map(|record| u32::from_be_bytes(record.as_slice().try_into().unwrap())).collect()
    }

    #[test]
    fn all_arrive_in_their_order_in_batches() {
        let mut outbox = outbox(600);
        let mut arrived = Vec::new();
        while let Some(batch) = outbox.next(NOW) {
            assert!(batch.len() <= BATCH_RECORDS);
            arrived.extend(numbers(batch));
            assert_eq!(outbox.next(NOW), None, "one batch at a time");
            outbox.settle(Receipt::Kept, NOW);
        }
        assert_eq!(arrived, (0..600).collect::<Vec<_>>());
        assert!(outbox.is_empty() && outbox.bytes == 0 && outbox.take_lost() == 0);
    }

    #[test]
    fn a_batch_that_failed_is_sent_again_after_a_pause_that_grows_and_none_overtakes_it() {
        let mut outbox = outbox(2);
        let mut now = NOW;
        for pause in [1, 2, 4, 8, 8] {
            assert_eq!(numbers(outbox.next(now).unwrap())[..2], [0, 1]);
            outbox.settle(Receipt::Failed, now);
            outbox.put(7_u32.to_be_bytes().to_vec());
            assert_eq!(outbox.next(now + Duration::from_millis(pause * 1000 - 1)), None, "{pause}");
            now += Duration::from_secs(pause);
        }
        assert_eq!(numbers(outbox.next(now).unwrap()), [0, 1, 7, 7, 7, 7, 7]);
        assert_eq!(outbox.settle(Receipt::Kept, now), 7);
        outbox.put(vec![0; 4]);
        assert!(outbox.next(now).is_some(), "no pause after a success");
        outbox.settle(Receipt::Failed, now);
        assert!(outbox.next(now + FIRST_PAUSE).is_some(), "and the pauses start over");
    }

    #[test]
    fn records_over_the_bound_are_counted_and_the_kept_ones_have_no_gap() {
        let mut records = outbox(u32::try_from(MOST_RECORDS).unwrap());
        assert_eq!(records.next(NOW).unwrap().len(), BATCH_RECORDS);
        records.put(vec![0; 4]);
        assert_eq!(records.take_lost(), 1, "what is under way is still held");
        records.settle(Receipt::Kept, NOW);
        records.put(vec![0; 4]);
        assert_eq!(records.take_lost(), 0);

        let mut large = Outbox::default();
        (0..8).for_each(|_| large.put(vec![0; 1 << 20]));
        assert_eq!((large.len(), large.take_lost()), (4, 4));
        assert_eq!(large.next(NOW).unwrap().len(), 1);
    }

    #[test]
    fn only_the_record_at_fault_is_dropped_from_a_refused_batch() {
        let mut outbox = outbox(300);
        let mut arrived = Vec::new();
        while let Some(batch) = outbox.next(NOW) {
            let batch = numbers(batch);
            if batch.contains(&77) {
                outbox.settle(Receipt::Refused, NOW);
            } else {
                arrived.extend(batch);
                outbox.settle(Receipt::Kept, NOW);
            }
        }
        assert_eq!(arrived, (0..300).filter(|n| *n != 77).collect::<Vec<_>>());
        assert_eq!(outbox.take_lost(), 1);
        assert_eq!(outbox.most, BATCH_RECORDS, "batches are full again");
    }

    #[test]
    fn an_unexpected_receipt_changes_nothing() {
        let mut outbox = outbox(1);
        assert_eq!(outbox.settle(Receipt::Kept, NOW), 0);
        assert_eq!(outbox.len(), 1);
    }
}
