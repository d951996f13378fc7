//! Feeds one sink from the local log, for as long as the log is open.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{Last, Sink, SinkError};
use crate::beside::Progress;
use crate::keeper::to_disk;
use crate::read::{Reader, Stored};
use crate::record::{Hash, Record};
use crate::store::Head;
use crate::writer::Message;
use callgate_state::Synchronous;

/// For one answer of a sink. A batch that takes longer is delivered again as far as it did not arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between attempts: doubled each time, up to the second.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Records of a moment go together.
const GATHER: Duration = Duration::from_millis(20);
/// One batch: so many records or bytes of text at most, and always one record.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// What a feed draws on.
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
    /// Ends well with the log, and badly with the connection.
    async fn feed<S: Sink>(&mut self, sink: &S, pause: &mut Duration) -> Result<(), SinkError> {
        let (mut connection, last) = within(sink.connect()).await?;
        let reader = Reader::open(&self.path)?;
        let (mut at, mut hash) = self.agree(&reader, last)?;
        self.delivered(S::NAME, at);
        loop {
            // What a log was that is closed may be another one by now.
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

    /// The last record there must be one of this log. Gives its number and its hash.
    fn agree(&self, reader: &Reader, last: Option<Last>) -> Result<(u64, Hash), SinkError> {
        // What is sealed is not sent: the sink gets what the log still has.
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
            // Where the writer has no room just now, the next batch tells.
            let _ = messages.try_send(Message::Delivered(sink, seq));
        }
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    timeout(PATIENCE, answer).await.unwrap_or(Err(SinkError::Silent(PATIENCE)))
}

fn batch(reader: &Reader, at: u64) -> Result<Vec<Stored>, SinkError> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    let full = reader.each(at.saturating_add(1), |record| {
        bytes += record.text.len();
        records.push(record);
        if records.len() < BATCH && bytes < BATCH_BYTES { Ok(()) } else { Err(()) }
    })?;
    // Full or not: the rest comes next.
    let (Ok(()) | Err(())) = full;
    Ok(records)
}

/// A log that somebody alters while it is read must not reach a sink: each record follows the one before.
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
