//! Compares a decision with those that the log has of the same call.
//!
//! The filter sends a decision until it is acknowledged, so the same one may come again: it is kept once. Another decision under the
//! same name is an alarm, and so is a call that the filter refused and the executor ran. Both leave a record of their own.

use rusqlite::{Connection, params};

use super::entry::{Entry, Event, Source, Verdict};
use super::record::Record;

/// Records of one call that are looked at.
const LOOKED_AT: u32 = 64;
/// Contradictions of one call that are recorded; more are only counted.
const CONFLICTS: usize = 8;

/// The records that an entry becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is new.
    New,
    /// It is new, and contradicts this record.
    NewAgainst(u64),
    /// The log has it: nothing.
    Kept,
    /// The executor refused the same call before.
    RefusedAgain,
    /// It contradicts this record of the same source, and takes its place nowhere.
    Against(u64),
    /// As before, and so often that no more is written.
    AgainstAgain,
}

/// Compares an entry with what the log has.
pub(super) fn judge(log: &Connection, entry: &Entry) -> rusqlite::Result<Judged> {
    let Event::Decision { verdict, .. } = &entry.event else { return Ok(Judged::New) };
    let mut ask = log.prepare_cached("SELECT seq, text FROM record WHERE exchange = ?1 AND position = ?2 LIMIT ?3")?;
    let mut rows = ask.query(params![entry.call.exchange_id, entry.call.position, LOOKED_AT])?;
    let (mut first, mut conflicts, mut other_side) = (None, 0, None);
    while let Some(row) = rows.next()? {
        let (seq, text): (u64, String) = (row.get(0)?, row.get(1)?);
        // A text that is no record is for `verify` to find.
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

/// A decision of the same words; times may differ.
fn same(entry: &Entry, record: &Record<'_>) -> bool {
    let Event::Decision { verdict, code, pointer, .. } = &entry.event else { return false };
    one_call(entry, record) && record.verdict == verdict.as_str() && record.code == *code && record.pointer == *pointer
}

/// A record of the same call, in all that decides about it.
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
