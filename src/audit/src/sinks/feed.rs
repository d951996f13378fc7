//! Feeds one sink from the local log while the log is open.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{Last, Sink, SinkError};
use crate::beside::Progress;
use crate::keeper::to_disk;
use crate::read::{LogReader, Stored};
use crate::record::{Hash, Record};
use crate::store::Head;
use crate::writer::Message;
use callgate_state::Synchronous;

/// The timeout of one answer. Undelivered records of a slow batch are sent again.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between attempts: doubled each time, up to `PAUSE_MAX`.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Records within this time go together.
const GATHER: Duration = Duration::from_millis(20);
/// The maximum records and bytes of text in one batch; always at least one record.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// The inputs of a feed.
pub(super) struct Feed {
    pub(super) path: PathBuf,
    pub(super) executor: String,
    pub(super) synchronous: Synchronous,
    pub(super) head: watch::Receiver<Head>,
    pub(super) messages: mpsc::WeakSender<Message>,
    pub(super) progress: Arc<Progress>,
}

/// Feeds a sink until the log is closed.
pub(super) async fn feed<S: Sink>(sink: &S, mut from: Feed) {
    let mut pause = PAUSE;
    while let Err(error) = from.feed(sink, &mut pause).await {
        from.progress.failed(error.to_string());
        let mut head = from.head.clone();
        let closed = async { while head.changed().await.is_ok() {} };
        tokio::select! {
            () = sleep(pause) => {}
            () = closed => return,
        }
        pause = PAUSE_MAX.min(pause * 2);
    }
}

// === impl Feed ===

impl Feed {
    /// Returns `Ok` when the log closes, and an error when the connection breaks.
    async fn feed<S: Sink>(&mut self, sink: &S, pause: &mut Duration) -> Result<(), SinkError> {
        let (mut connection, last) = within(sink.connect()).await?;
        let reader = LogReader::open(&self.path)?;
        let (mut at, mut hash) = self.agree(&reader, last)?;
        self.delivered(S::NAME, at);
        loop {
            // The path of a closed log may hold another one by now.
            if self.head.has_changed().is_err() {
                return Ok(());
            }
            let records = batch(&reader, at)?;
            follow(at, hash, &records)?;
            let Some(last) = records.last() else {
                if self.head.changed().await.is_err() {
                    return Ok(());
                }
                sleep(GATHER).await;
                continue;
            };
            if self.synchronous == Synchronous::Normal {
                to_disk(&self.path).map_err(SinkError::Disk)?;
            }
            within(sink.deliver(&mut connection, &records)).await?;
            (at, hash) = (last.seq, last.hash);
            *pause = PAUSE;
            self.delivered(S::NAME, at);
        }
    }

    /// Checks the sink's last record: it must be one of this log. Returns its number and its hash.
    fn agree(&self, reader: &LogReader, last: Option<Last>) -> Result<(u64, Hash), SinkError> {
        // Sealed records are not sent: the sink gets the rest of the log.
        let base = reader.base()?;
        let Last { seq, hash } = match last {
            None if base.seq == 0 => return Ok((0, Hash::GENESIS)),
            Some(last) if last.seq >= base.seq && last.seq > 0 => last,
            last => {
                let last = last.map_or(0, |last| last.seq);
                tracing::warn!(
                    last,
                    next = base.seq + 1,
                    "an audit sink lacks records that are sealed; it gets those after them"
                );
                return Ok((base.seq, base.hash));
            }
        };
        if seq == base.seq && hash.is_none_or(|hash| hash == base.hash) {
            return Ok((base.seq, base.hash));
        }
        let ours = seq.checked_sub(1).map(|before| reader.after(before, 1)).transpose()?.unwrap_or_default();
        match ours.first() {
            Some(record) if record.seq == seq && hash.is_none_or(|hash| hash == record.hash) => Ok((seq, record.hash)),
            Some(_) | None => Err(SinkError::Foreign { seq, executor: self.executor.clone() }),
        }
    }

    fn delivered(&self, sink: &'static str, seq: u64) {
        self.progress.delivered(seq);
        if let Some(messages) = self.messages.upgrade() {
            // If the writer is busy, the next batch reports the progress.
            let _ = messages.try_send(Message::Delivered(sink, seq));
        }
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    timeout(PATIENCE, answer).await.unwrap_or(Err(SinkError::Silent(PATIENCE)))
}

fn batch(reader: &LogReader, at: u64) -> Result<Vec<Stored>, SinkError> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    let full = reader.each(at.saturating_add(1), |record| {
        bytes += record.text.len();
        records.push(record);
        if records.len() < BATCH && bytes < BATCH_BYTES { Ok(()) } else { Err(()) }
    })?;
    // Full or not: the rest follows in the next batch.
    let (Ok(()) | Err(())) = full;
    Ok(records)
}

/// Keeps records altered during the read from a sink: each must follow the one before.
fn follow(at: u64, hash: Hash, records: &[Stored]) -> Result<(), SinkError> {
    let (mut seq, mut hash) = (at, hash.to_string());
    for record in records {
        seq += 1;
        let follows = Record::read(&record.text).is_ok_and(|read| read.seq == seq && read.previous == hash);
        if record.seq != seq || !follows || Hash::of(&record.text) != record.hash {
            return Err(SinkError::Broken { seq });
        }
        hash = record.hash.to_string();
    }
    Ok(())
}
