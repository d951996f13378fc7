//! Sinks: places besides the local log that get records, each at its own pace, in order, every record once.
//!
//! 1. The feed asks the sink for its last record. It must be one of this log; otherwise two logs would be mixed.
//! 2. The feed reads the records after it from the local log and delivers them in batches. It delivers only records on
//!    the disk, so no sink knows a record the log can lose in a power cut.
//! 3. After any failure the feed pauses, reconnects and asks again. So a batch with an unknown fate is neither repeated
//!    nor lost.
//!
//! Not covered: a sink that loses records from its middle. A sink that loses its end, or everything, gets it again.

mod feed;
mod postgres;
mod redis;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use self::feed::{Feed, feed};
use self::postgres::Postgres;
use self::redis::Redis;
use super::beside::{Feeding, Progress};
use super::read::{LogReader, ReadError, Stored};
use super::record::Hash;
use super::store::Head;
use super::writer::Message;
use crate::settings::AuditSettings;

/// The reason a sink gets no records. Never holds an address or a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum SinkError {
    #[error("{file}: cannot be read: {reason}")]
    Secret { file: String, reason: std::io::Error },
    #[error("{0}")]
    Address(String),
    #[error("{0}")]
    Failed(String),
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error(
        "it has record {seq}, and that is not record {seq} of this log: the log was cut or restored from a copy, or another one \
         has its name; nothing is sent until the sink is emptied of executor {executor}"
    )]
    Foreign { seq: u64, executor: String },
    #[error("record {seq} does not follow the one before, and is not sent; `callgate audit verify` says more")]
    Broken { seq: u64 },
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("the log cannot be brought to disk: {0}")]
    Disk(std::io::Error),
}

/// The last record of a sink.
pub(super) struct Last {
    seq: u64,
    /// Unknown if the sink keeps only the number.
    hash: Option<Hash>,
}

/// A destination of records.
pub(super) trait Sink {
    const NAME: &'static str;
    type Connection;

    /// Connects, and asks for the sink's last record.
    async fn connect(&self) -> Result<(Self::Connection, Option<Last>), SinkError>;

    /// Delivers records in order, right after the sink's last one. If it fails, any number of them may have arrived,
    /// the first ones first.
    async fn deliver(&self, connection: &mut Self::Connection, records: &[Stored]) -> Result<(), SinkError>;
}

/// Starts a thread feeding the configured sinks. It ends with the log.
pub(super) fn start(
    audit: &AuditSettings,
    path: &Path,
    executor: &str,
    head: &watch::Receiver<Head>,
    messages: &mpsc::Sender<Message>,
) -> std::io::Result<Feeding> {
    // The last known progress, for a lag read before the first connection.
    let known = LogReader::open(path).and_then(|reader| reader.cursors()).map_err(std::io::Error::other)?;
    let progress = |sink: &'static str| {
        let delivered = known.iter().find(|(name, _)| name == sink).map_or(0, |(_, seq)| *seq);
        Arc::new(Progress::new(sink, delivered))
    };
    let from = |progress: &Arc<Progress>| Feed {
        path: path.to_path_buf(),
        executor: executor.to_owned(),
        synchronous: audit.synchronous,
        head: head.clone(),
        // Weak: a sink must not keep the log open.
        messages: messages.downgrade(),
        progress: Arc::clone(progress),
    };
    let mut all = Vec::new();
    let mut add = |sink| {
        let progress = progress(sink);
        let feed = from(&progress);
        all.push(progress);
        feed
    };
    let postgres = audit.postgres.clone().map(|config| (Postgres::new(config, executor), add(Postgres::NAME)));
    let redis = audit.redis.clone().map(|config| (Redis::new(config, executor), add(Redis::NAME)));
    if all.is_empty() {
        return Ok((all, None));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut head = head.clone();
    let thread = std::thread::Builder::new().name("audit-sinks".into()).spawn(move || {
        runtime.block_on(async {
            let postgres = async {
                if let Some((sink, from)) = postgres {
                    feed(&sink, from).await;
                }
            };
            let redis = async {
                if let Some((sink, from)) = redis {
                    feed(&sink, from).await;
                }
            };
            let closed = async { while head.changed().await.is_ok() {} };
            // The undelivered rest of an interrupted batch follows after the next start.
            tokio::select! {
                _ = async { tokio::join!(postgres, redis) } => {}
                () = closed => {}
            }
        });
    })?;
    Ok((all, Some(thread)))
}
