//! Verifies a log together with its segments.

use std::path::PathBuf;

use super::chain::{ChainFault, VerifyError, Whole, verify};
use super::read::LogReader;
use super::record::Hash;
use super::segment::{self, Segment, SegmentPlace};
use super::store::Head;

/// A whole log, and the segments that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeLog {
    /// The log itself.
    pub live: Whole,
    /// The number of checked segments.
    pub checked: Vec<Segment>,
    /// Segments not found, which need not be here.
    pub absent: Vec<Absent>,
}

/// A segment not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The segment.
    pub segment: Segment,
}

/// Verifies a log and its segments, found in `folders`. Each segment must be the sealed file, be whole, and follow the
/// one before; the log must follow the last.
///
/// # Errors
/// The first fault, or the reason something cannot be read. A segment missing from the state directory is a fault.
pub fn verify_all(log: &LogReader, folders: &[PathBuf], head: Option<Hash>) -> Result<WholeLog, VerifyError> {
    let (mut checked, mut absent) = (Vec::new(), Vec::new());
    let mut known = None;
    // Read before the log: records sealed meanwhile are in the log, too.
    let segments = log.segments()?;
    let mut before = Head { seq: 0, hash: Hash::GENESIS };
    for segment in &segments {
        let follows = std::mem::replace(&mut before, segment.last);
        if follows.seq + 1 != segment.first {
            return Err(ChainFault::Missing { seq: follows.seq + 1, found: segment.first }.into());
        }
        let name = segment.name();
        let found = folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file());
        let Some(path) = found else {
            // The archiver may have moved it just now.
            let now = log.segments()?.into_iter().find(|now| now.first == segment.first);
            let segment = now.unwrap_or_else(|| segment.clone());
            if segment.at == SegmentPlace::Here {
                return Err(ChainFault::SegmentMissing { name }.into());
            }
            absent.push(Absent { segment });
            continue;
        };
        if segment::hash(&path).ok() != Some(segment.sha256) {
            return Err(ChainFault::SegmentAltered { name }.into());
        }
        let file = LogReader::open(&path)?;
        let whole = verify(&file, None)?;
        if whole.head != segment.last || whole.base.seq != follows.seq {
            return Err(ChainFault::SegmentAltered { name }.into());
        }
        // Otherwise somebody could replace a segment without those after it.
        if whole.base.hash != follows.hash {
            return Err(ChainFault::Unlinked { seq: segment.first }.into());
        }
        if let Some(head) = head
            && file.number_of(head)?.is_some()
        {
            known = file.number_of(head)?;
        }
        checked.push(segment.clone());
    }
    let mut live = verify(log, head.filter(|_| known.is_none()))?;
    if let Some(last) = segments.last()
        && (live.base.seq > last.last.seq || !log.holds(last.last)?)
    {
        return Err(ChainFault::Unlinked { seq: last.last.seq + 1 }.into());
    }
    live.known = known.or(live.known);
    Ok(WholeLog { live, checked, absent })
}
