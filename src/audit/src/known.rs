//! Compares a decision with the log's records of the same call.
//!
//! The filter sends a decision until it is acknowledged, so the same one may arrive again: it is kept once. A different
//! decision on the same call is an alarm, and so is a call the filter refused and the executor ran. Both leave a record
//! of their own.

use rusqlite::{Connection, params};

use super::entry::{AuditEvent, Entry, Source, Verdict};
use super::record::Record;

/// The records of one call to compare with: 64 at most. The number is not a parameter, since SQLite compiles a query
/// again each time its limit is bound.
const RECORDS_OF_CALL: &str = "SELECT seq, text FROM record WHERE exchange = ?1 AND position = ?2 LIMIT 64";
/// Recorded contradictions of one call; more are only counted.
const CONFLICTS: usize = 8;

/// The records an entry becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is new.
    New,
    /// It is new, and contradicts this record.
    NewAgainst(u64),
    /// The log has it already.
    Kept,
    /// The executor refused the same call before.
    RefusedAgain,
    /// It contradicts this record of the same source, and replaces nothing.
    Against(u64),
    /// The same, too often: no further record is written.
    AgainstAgain,
}

/// Compares an entry with the log.
pub(super) fn judge(log: &Connection, entry: &Entry) -> rusqlite::Result<Judged> {
    let AuditEvent::Decision { verdict, .. } = &entry.event else { return Ok(Judged::New) };
    let mut ask = log.prepare_cached(RECORDS_OF_CALL)?;
    let mut rows = ask.query(params![entry.call.exchange_id, entry.call.position])?;
    let (mut first, mut conflicts, mut other_side) = (None, 0, None);
    while let Some(row) = rows.next()? {
        let (seq, text): (u64, String) = (row.get(0)?, row.get(1)?);
        // `verify` reports texts that are not records.
        let Ok(record) = Record::read(&text) else { continue };
        let of_filter = record.source == Source::Filter.as_str();
        match (entry.source, &*record.kind) {
            (Source::Filter, "decision" | "conflict") if of_filter && same(entry, &record) => return Ok(Judged::Kept),
            (Source::Filter, "decision") if of_filter => first = first.or(Some(seq)),
            (Source::Filter, "conflict") if of_filter => conflicts += 1,
            (Source::Executor, "decision") if !of_filter && *verdict == Verdict::Deny && same(entry, &record) => {
                return Ok(Judged::RefusedAgain);
            }
            (Source::Filter, "decision") if *verdict == Verdict::Deny && ran(&record) && one_call(entry, &record) => {
                other_side = Some(seq);
            }
            (Source::Executor, "decision")
                if of_filter
                    && runs(*verdict)
                    && record.verdict == Verdict::Deny.as_str()
                    && one_call(entry, &record) =>
            {
                other_side = Some(seq);
            }
            _ => {}
        }
    }
    Ok(match (first, other_side) {
        (Some(_), _) if conflicts >= CONFLICTS => Judged::AgainstAgain,
        (Some(seq), _) => Judged::Against(seq),
        (None, Some(seq)) => Judged::NewAgainst(seq),
        (None, None) => Judged::New,
    })
}

/// Compares two decisions apart from their times.
fn same(entry: &Entry, record: &Record<'_>) -> bool {
    let AuditEvent::Decision { verdict, code, pointer, .. } = &entry.event else { return false };
    one_call(entry, record) && record.verdict == verdict.as_str() && record.code == *code && record.pointer == *pointer
}

/// Compares the members that identify a call.
fn one_call(entry: &Entry, record: &Record<'_>) -> bool {
    let call = &entry.call;
    record.round == call.round
        && record.tenant == call.tenant
        && record.role == call.role
        && record.contract_digest == call.contract_digest
        && record.tool == call.tool
        && record.arguments_digest == call.arguments_digest
}

fn runs(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Allow | Verdict::Approved)
}

fn ran(record: &Record<'_>) -> bool {
    record.source == Source::Executor.as_str()
        && (record.verdict == Verdict::Allow.as_str() || record.verdict == Verdict::Approved.as_str())
}
