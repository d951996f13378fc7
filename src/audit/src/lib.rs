//! The audit log: every decision and every outcome, one record each. Each record carries the hash of the one before.
//!
//! An entry becomes a [`Record`] (canonical JSON, hashed) in a SQLite file before anything depends on it: a call that
//! cannot be recorded does not run. From the file the records go to the sinks, in order, each at its own pace; no call
//! ever waits for one. [`verify`] checks a log, [`LogReader`] reads one.
//!
//! With the feature `sinks` the log delivers records to PostgreSQL and Redis, and segments to an archive. Without it a
//! log with sinks or an archive in its settings does not open. This crate must never decide on a call, and never hold
//! arguments unless the contract says so.
//!
//! ```
//! use std::path::Path;
//!
//! use callgate_audit::{ReadError, LogReader};
//!
//! // A reader needs no executor: the file is enough.
//! let found: Result<LogReader, ReadError> = LogReader::open(Path::new("no-such-folder/audit.db"));
//! assert!(found.is_err());
//! ```

#![cfg_attr(not(feature = "sinks"), allow(dead_code, reason = "sinks alone use a part of the log's messages"))]

mod append;
#[cfg(feature = "sinks")]
mod archive;
mod backup;
mod beside;
mod blocks;
mod chain;
mod check;
mod companion;
mod entry;
mod error;
mod head;
mod keeper;
mod known;
mod listed;
mod log;
mod metrics;
mod read;
mod reading;
mod record;
mod search;
mod segment;
mod segments;
mod settings;
#[cfg(feature = "sinks")]
mod sinks;
mod store;
mod writer;

pub use self::backup::{BackupError, backup};
pub use self::beside::Lag;
pub use self::chain::{ChainFault, VerifyError, Whole, verify};
pub use self::check::check;
pub use self::companion::Companion;
pub use self::entry::{Appended, AuditEvent, Call, Entry, Source, Verdict};
pub use self::error::AuditError;
pub use self::head::HEAD_FILE;
pub use self::keeper::ROTATE;
pub use self::log::AuditLog;
pub use self::metrics::AuditMetrics;
pub use self::read::{LogReader, Query, ReadError, Stored};
pub use self::reading::RecordedReading;
pub use self::record::{Hash, Record, Used};
pub use self::search::Found;
pub use self::segment::{SEGMENTS, Segment, SegmentPlace};
pub use self::segments::{Absent, WholeLog, verify_all};
pub use self::settings::{Archive, ArchiveS3, AuditPostgres, AuditRedis, AuditSection, AuditSettings, Retention};
pub use self::store::{FILE, Head};
