//! Compares the search index (the table `block`) with the records.
//!
//! A search reads only the blocks that the index names. So a removed row hides records from every search, while the
//! chain stays whole. In the first block the index may have values of records that were trimmed.

use std::collections::HashSet;

use super::blocks::BLOCK;
use super::chain::{ChainFault, VerifyError};
use super::read::{LogReader, Stored};

/// A field and a value of it, as the index names them.
pub(super) type Listed = HashSet<(String, String)>;

/// The index under examination, block by block.
pub(super) struct ListedCheck<'a> {
    reader: &'a LogReader,
    /// The number of the log's first record.
    first: u64,
    block: u64,
    /// The values of the block's records so far.
    found: Listed,
}

// === impl ListedCheck ===

impl<'a> ListedCheck<'a> {
    /// Starts an examination of a log whose first record is `first`; `None` if the log has no blocks.
    pub(super) fn start(reader: &'a LogReader, first: u64) -> Option<Self> {
        let check = Self { reader, first, block: first / BLOCK, found: Listed::new() };
        reader.has_blocks().then_some(check)
    }

    /// Takes the values of the next record; its columns were compared with its text.
    pub(super) fn accept(&mut self, stored: &Stored) -> Result<(), VerifyError> {
        let block = stored.seq / BLOCK;
        if block != self.block {
            self.compare()?;
            self.found.clear();
            self.block = block;
        }
        for (field, value) in [("tenant", &stored.tenant), ("tool", &stored.tool), ("code", &stored.code)] {
            self.found.insert((field.to_owned(), value.clone()));
        }
        Ok(())
    }

    /// Compares the last block, and looks for blocks without records.
    pub(super) fn end(self) -> Result<(), VerifyError> {
        self.compare()?;
        let first = self.first / BLOCK;
        match self.reader.block_outside(first, self.block)? {
            Some(block) => Err(altered(block, "has a value that no record has").into()),
            None => Ok(()),
        }
    }

    fn compare(&self) -> Result<(), VerifyError> {
        let listed = self.reader.block(self.block)?;
        if !self.found.is_subset(&listed) {
            return Err(altered(self.block, "lacks a value, so searches miss records").into());
        }
        let whole = self.block * BLOCK >= self.first || self.first == 1;
        if whole && listed.len() != self.found.len() {
            return Err(altered(self.block, "has a value that no record has").into());
        }
        Ok(())
    }
}

fn altered(block: u64, what: &'static str) -> ChainFault {
    let first = block.saturating_mul(BLOCK);
    ChainFault::ListAltered { first: first.max(1), last: first.saturating_add(BLOCK - 1), what }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::*;
    use crate::chain::verify;
    use crate::entry::{AuditEvent, Call, Entry, Source};
    use crate::store::Store;
    use callgate_state::Synchronous;

    fn entry(n: u64) -> Entry {
        let tenant = if n.is_multiple_of(1500) { "rare" } else { "acme" };
        let call = Call { exchange_id: format!("e-{n}"), tenant: tenant.into(), tool: "t".into(), ..Call::default() };
        let (time, source) = (std::time::SystemTime::UNIX_EPOCH, Source::Executor);
        Entry { time, source, call: call.into(), event: AuditEvent::KeyReused }
    }

    /// A log with three blocks, of which the second has the tenant `rare`.
    fn log(folder: &Path) -> Store {
        let mut store = Store::open(&folder.join("state"), Synchronous::Normal).unwrap();
        let entries: Vec<_> = (1..=2500).map(entry).collect();
        store.write(entries.iter()).unwrap();
        store
    }

    fn fault(store: &Store) -> Option<String> {
        match verify(&LogReader::open(store.path()).unwrap(), None) {
            Ok(_) => None,
            Err(VerifyError::Broken(fault @ ChainFault::ListAltered { .. })) => Some(fault.to_string()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_altered_search_index_is_found() {
        const LACKS: &str =
            "the search index was altered: for records 1024 to 2047 it lacks a value, so searches miss records";
        let extra = |first: u64| {
            let (first, last) = (first.max(1), first + 1023);
            format!("the search index was altered: for records {first} to {last} it has a value that no record has")
        };
        for (tamper, expected) in [
            ("DELETE FROM block WHERE value = 'rare'", LACKS.to_owned()),
            ("UPDATE block SET value = 'other' WHERE value = 'rare'", LACKS.to_owned()),
            ("DELETE FROM block WHERE number = 1", LACKS.to_owned()),
            ("UPDATE block SET number = 7 WHERE value = 'rare'", LACKS.to_owned()),
            ("INSERT INTO block VALUES ('tenant', 'other', 0)", extra(0)),
            ("INSERT INTO block VALUES ('tenant', 'other', 9)", extra(9 * 1024)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let store = log(folder.path());
            assert_eq!(fault(&store), None);
            Connection::open(store.path()).unwrap().execute_batch(tamper).unwrap();
            assert_eq!(fault(&store), Some(expected), "{tamper}");
        }
    }

    #[test]
    fn a_trimmed_log_may_list_values_of_the_records_before_its_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = log(folder.path());
        for to in [1600, 2047, 2048, 2500] {
            assert!(store.trim(to));
            assert_eq!(fault(&store), None, "{to}");
        }
        Connection::open(store.path()).unwrap().execute_batch("INSERT INTO block VALUES ('tenant', 'x', 0)").unwrap();
        assert!(fault(&store).is_some());
    }
}
