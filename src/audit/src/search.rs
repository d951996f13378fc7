//! Searches a log in parts, so a search can be stopped.

use super::read::{LogReader, Query, ReadError, Stored};

/// Records read in one part: an index answers most conditions, except a search for text.
const PART: u64 = 100_000;
const TEXT_PART: u64 = 2_000;

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The records, newest first.
    pub records: Vec<Stored>,
    /// The newest unread record, if the search was stopped.
    pub unsearched: Option<u64>,
}

// === impl LogReader ===

impl LogReader {
    /// Returns the matching records, newest first, found before `stop` returns true. A later search continues at
    /// `unsearched`.
    ///
    /// A condition without an index reads every record. So a search reads a part of the log at a time, and asks `stop`
    /// in between.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn search(&self, query: &Query, stop: impl Fn() -> bool) -> Result<Found, ReadError> {
        let newest = self.query(&Query { newest_first: true, limit: 1, ..Query::default() })?;
        let newest = newest.first().map_or(0, |record| record.seq);
        let mut to = query.to.map_or(newest, |to| to.min(newest));
        let from = query.from.unwrap_or(0).max(self.base()?.seq + 1);
        let part = if query.text.is_some() { TEXT_PART } else { PART };
        let mut records = Vec::new();
        let wanted = query.limit as usize;
        while from <= to && records.len() < wanted {
            if stop() {
                return Ok(Found { records, unsearched: Some(to) });
            }
            let at = to.saturating_sub(part - 1).max(from);
            let left = u32::try_from(wanted - records.len()).unwrap_or(u32::MAX);
            let query = Query { from: Some(at), to: Some(to), limit: left, newest_first: true, ..query.clone() };
            records.extend(self.query(&query)?);
            to = at - 1;
        }
        Ok(Found { records, unsearched: None })
    }
}
