//! Appends one entry: as a record, a repeat, a contradiction, or nothing.

use rusqlite::{Connection, params};

use super::blocks::Noted;
use super::entry::{Appended, AuditEvent, Entry};
use super::known::{self, Judged};
use super::record::{self, Hash, Link};
use super::store::{Head, INSERT};

/// The outcome of a call the executor refused.
const DENIED: &str = "denied";

/// The reason an entry was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum TakeError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Text(#[from] serde_json::Error),
}

/// The end of the log while a group is written.
pub(super) struct End<'a> {
    pub(super) log: &'a Connection,
    pub(super) executor: &'a str,
    pub(super) head: Head,
    pub(super) noted: &'a mut Noted,
}

// === impl End ===

impl End<'_> {
    /// Writes the records of an entry.
    pub(super) fn take(&mut self, entry: &Entry) -> Result<Appended, TakeError> {
        Ok(match known::judge(self.log, entry)? {
            Judged::New => {
                self.append(entry)?;
                Appended::New
            }
            Judged::Kept => Appended::Repeat,
            Judged::RefusedAgain => {
                self.append(&Entry { event: AuditEvent::Repeat { outcome: DENIED.into() }, ..entry.clone() })?;
                Appended::Repeat
            }
            Judged::NewAgainst(of) => {
                self.append(entry)?;
                self.append(&conflict(entry, of))?;
                Appended::Conflict
            }
            Judged::Against(of) => {
                self.append(&conflict(entry, of))?;
                Appended::Conflict
            }
            Judged::AgainstAgain => Appended::Conflict,
        })
    }

    fn append(&mut self, entry: &Entry) -> Result<(), TakeError> {
        let seq = self.head.seq + 1;
        let text = record::write(entry, &Link { executor: self.executor, seq, previous: self.head.hash })?;
        let hash = Hash::of(&text);
        let call = &entry.call;
        self.log.prepare_cached(INSERT)?.execute(params![
            seq,
            text,
            hash.0,
            entry.source.as_str(),
            call.exchange_id,
            call.position,
            call.tenant,
            call.tool,
            entry.event.code(),
        ])?;
        self.noted.note(self.log, seq, entry)?;
        self.head = Head { seq, hash };
        Ok(())
    }
}

/// The record of a contradiction: the decision, and the number of the contradicted record.
fn conflict(entry: &Entry, of: u64) -> Entry {
    let event = match entry.event.clone() {
        AuditEvent::Decision { verdict, code, pointer, .. } => AuditEvent::Conflict { of, verdict, code, pointer },
        // Only decisions contradict.
        other => other,
    };
    Entry { event, ..entry.clone() }
}
