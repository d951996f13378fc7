//! Verifies a log.
//!
//! A whole chain proves: no record was altered, left out, added or moved, unless somebody rewrote the chain from some
//! record on. Three things reveal a cut at the end: `audit.head` beside the log, the records the sinks are known to
//! have, and a head hash kept elsewhere (`--head`). Only the last one and the sinks help against somebody with the
//! executor's rights.

use callgate_json::{Value, canonical};

use super::head::KeptHead;
use super::listed::ListedCheck;
use super::read::{LogReader, ReadError, Stored};
use super::record::Hash;
use super::store::Head;

/// A whole log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The record before its first one, sealed elsewhere.
    pub base: Head,
    /// Its last record.
    pub head: Head,
    /// The executor that wrote it.
    pub executor: String,
    /// The record with the requested hash.
    pub known: Option<u64>,
}

/// The first fault of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A record is missing.
    #[error("record {seq} is missing: after record {before} comes record {found}", before = seq.saturating_sub(1))]
    Missing {
        /// Its number.
        seq: u64,
        /// The number found in its place.
        found: u64,
    },
    /// A record was altered.
    #[error("record {seq} was altered: {what}")]
    Altered {
        /// Its number.
        seq: u64,
        /// The mismatch.
        what: &'static str,
    },
    /// A record does not follow the one before it.
    #[error("record {seq} does not carry the hash of record {before}: one of the two was replaced", before = seq.saturating_sub(1))]
    Unlinked {
        /// Its number.
        seq: u64,
    },
    /// The end is missing.
    #[error("the log was cut: it ends with record {last}, and {sink} has record {delivered}")]
    Cut {
        /// The last record of the log.
        last: u64,
        /// A sink with more records.
        sink: String,
        /// The last record of the sink.
        delivered: u64,
    },
    /// The head beside the log names a later record.
    #[error(
        "the log was cut or replaced: it ends with record {last}, and audit.head names record {kept}, which it does not have"
    )]
    Behind {
        /// The last record of the log.
        last: u64,
        /// The record in the head.
        kept: u64,
    },
    /// The head beside the log belongs to another log.
    #[error("audit.head is of another log: audit.db was deleted or replaced")]
    Replaced,
    /// The head beside the log is missing, and the log says it was kept.
    #[error(
        "audit.head is missing, and tells where the log ends; put it back, or put a copy of `callgate audit backup` in the log's place"
    )]
    HeadMissing,
    /// A segment is missing from the state directory.
    #[error("the segment {name} is missing, and it was neither archived nor deleted after audit.keep")]
    SegmentMissing {
        /// The name of its file.
        name: String,
    },
    /// A segment is not the sealed file.
    #[error("the segment {name} is not the file that was sealed: it was altered or replaced")]
    SegmentAltered {
        /// The name of its file.
        name: String,
    },
    /// The file is a copy without its last records.
    #[error(
        "the file was copied while an executor wrote it, without audit.db-wal: it ends with record {last}, and later ones may be \
         missing; make copies with `callgate audit backup`"
    )]
    Incomplete {
        /// The last record of the copy.
        last: u64,
    },
    /// The search index does not match the records.
    #[error("the search index was altered: for records {first} to {last} it {what}")]
    ListAltered {
        /// The first record of the block.
        first: u64,
        /// The last number of the block.
        last: u64,
        /// The mismatch.
        what: &'static str,
    },
    /// The head kept elsewhere is not in the log.
    #[error("no record has the hash {0}: the log was cut before this record, or replaced")]
    HeadUnknown(Hash),
}

/// The reason a log did not verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It is not whole.
    #[error(transparent)]
    Broken(#[from] ChainFault),
}

/// Verifies a whole log, and finds the record with the hash `head`.
///
/// # Errors
/// The first fault, or the reason it cannot be read.
pub fn verify(reader: &LogReader, head: Option<Hash>) -> Result<Whole, VerifyError> {
    let executor = reader.executor()?;
    // Read before the records, so the log has every record the sinks are known to have.
    let kept = KeptHead::read(reader.path()).ok().flatten();
    // Records and search index are of one moment.
    let _moment = reader.moment()?;
    let base = reader.base()?;
    let mut chain = Chain::from(base.seq + 1, Some(base.hash), &executor);
    let mut listed = ListedCheck::start(reader, base.seq + 1);
    let mut known = (head == Some(base.hash)).then_some(base.seq);
    reader.every(|stored| {
        if head == Some(stored.hash) {
            known = Some(stored.seq);
        }
        chain.accept(&stored)?;
        listed.as_mut().map_or(Ok(()), |listed| listed.accept(&stored))
    })??;
    let end = chain.end(&reader.cursors()?)?;
    // A copy has no head beside it, or that of another log.
    let kept = kept.filter(|kept| kept.executor == executor).and_then(|kept| kept.required());
    match kept {
        Some(kept) if !reader.holds(kept)? => return Err(ChainFault::Behind { last: end.seq, kept: kept.seq }.into()),
        // The log of a killed executor, whose write-ahead log another program brought into the file.
        Some(kept) if kept.seq == end.seq => {}
        Some(_) | None if reader.is_torn_off()? => return Err(ChainFault::Incomplete { last: end.seq }.into()),
        Some(_) | None => {}
    }
    listed.map_or(Ok(()), ListedCheck::end)?;
    match head {
        Some(head) if known.is_none() => Err(ChainFault::HeadUnknown(head).into()),
        _ => Ok(Whole { base, head: end, executor: executor.clone(), known }),
    }
}

/// A chain under examination, up to some record.
pub(super) struct Chain<'a> {
    executor: &'a str,
    next: u64,
    /// The hash the next record must carry; unknown if the examination begins inside the log.
    previous: Option<Hash>,
}

// === impl Chain ===

impl<'a> Chain<'a> {
    /// Starts an examination at a record; `previous` is the hash of the record before it, if known.
    pub(super) fn from(seq: u64, previous: Option<Hash>, executor: &'a str) -> Self {
        Self { executor, next: seq, previous }
    }

    /// Examines the next record.
    pub(super) fn accept(&mut self, stored: &Stored) -> Result<(), ChainFault> {
        let seq = self.next;
        if stored.seq != seq {
            return Err(ChainFault::Missing { seq, found: stored.seq });
        }
        let altered = |what| ChainFault::Altered { seq, what };
        let record = callgate_json::read(stored.text.as_bytes()).map_err(|_| altered("its text is not strict JSON"))?;
        if Hash::of(&stored.text) != stored.hash {
            return Err(altered("its text does not have its hash"));
        }
        if canonical(&record) != stored.text {
            return Err(altered("its text is not canonical"));
        }
        if record.get("seq").and_then(Value::as_u64) != Some(seq) {
            return Err(altered("its text has another number"));
        }
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("executor") != self.executor {
            return Err(altered("its text names another executor"));
        }
        let previous = text("previous").parse().map_err(|_| altered("it carries no hash of the record before"))?;
        if self.previous.is_some_and(|expected| expected != previous) {
            return Err(ChainFault::Unlinked { seq });
        }
        if !columns_agree(stored, &record) {
            return Err(altered("what it is looked up by is not what its text says"));
        }
        self.previous = Some(stored.hash);
        self.next += 1;
        Ok(())
    }

    /// Returns the last record after all were examined.
    pub(super) fn end(&self, cursors: &[(String, u64)]) -> Result<Head, ChainFault> {
        let last = self.next.saturating_sub(1);
        match cursors.iter().find(|(_, delivered)| *delivered > last) {
            Some((sink, delivered)) => Err(ChainFault::Cut { last, sink: sink.clone(), delivered: *delivered }),
            None => Ok(Head { seq: last, hash: self.previous.unwrap_or(Hash::GENESIS) }),
        }
    }
}

fn columns_agree(stored: &Stored, record: &Value) -> bool {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = match text("kind") {
        "decision" if text("code").is_empty() => text("verdict"),
        "decision" => text("code"),
        "outcome" => text("outcome"),
        kind @ ("repeat" | "key_reused" | "conflict") => kind,
        _ if record.get("approved") == Some(&Value::Bool(true)) => "approved",
        _ => "refused",
    };
    stored.source == text("source")
        && stored.exchange == text("exchange_id")
        && Some(stored.position) == record.get("position").and_then(Value::as_u64)
        && stored.tenant == text("tenant")
        && stored.tool == text("tool")
        && stored.code == code
}
