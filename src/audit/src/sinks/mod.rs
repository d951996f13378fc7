//! Where records go beside the local log: each sink in its own time, in order, every record once.
//!
//! 1. A sink is asked for the last record that it has. It must be one of ours, or else two logs would be mixed.
//! 2. Records after it are read from the local log, a batch at a time, and delivered. Only what is on disk is delivered: no sink
//!    knows of a record that a power cut takes from us.
//! 3. Whatever goes wrong: pause, connect anew, ask again. So a batch of which nobody knows whether it arrived comes neither
//!    twice nor never.
//!
//! What is not covered: a sink that loses records from its middle. One that loses its end, or everything, gets it again.

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
use super::read::{ReadError, Reader, Stored};
use super::record::Hash;
use super::store::Head;
use super::writer::Message;
use crate::settings::AuditSettings;

/// Why a sink does not get records. Never holds an address or a record.
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

/// The last record that a sink has.
pub(super) struct Last {
    seq: u64,
    /// Unknown where the sink keeps the number alone.
    hash: Option<Hash>,
}

/// A place that takes records.
pub(super) trait Sink {
    const NAME: &'static str;
    type Connection;

    /// Connects, and asks for the last record there.
    async fn connect(&self) -> Result<(Self::Connection, Option<Last>), SinkError>;

    /// Delivers records that follow each other and the last one there. When it fails, any number of them may have arrived, the
    /// first ones first.
    async fn deliver(&self, connection: &mut Self::Connection, records: &[Stored]) -> Result<(), SinkError>;
}

/// Starts feeding the sinks of the configuration, on a thread of their own. It ends with the log.
pub(super) fn start(
    audit: &AuditSettings,
    path: &Path,
    executor: &str,
    head: &watch::Receiver<Head>,
    messages: &mpsc::Sender<Message>,
) -> std::io::Result<Feeding> {
    // Whoever reads the lag before the first connection gets what was last known.
    let known = Reader::open(path).and_then(|reader| reader.cursors()).map_err(std::io::Error::other)?;
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
            // A batch that is cut off here is delivered after the next start, as far as it did not arrive.
            tokio::select! {
                _ = async { tokio::join!(postgres, redis) } => {}
                () = closed => {}
            }
        });
    })?;
    Ok((all, Some(thread)))
}
