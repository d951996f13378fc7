//! Cheap signs of a change of a file or folder.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file changed this recently may change again without another time or length.
const RECENT: Duration = Duration::from_secs(2);

/// Device, inode, length and times of a file, and when they were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    identity: Identity,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    taken: SystemTime,
}

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

// === impl Stamp ===

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Self {
        Self {
            identity: Identity(found.dev(), found.ino()),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            taken: SystemTime::now(),
        }
    }

    /// Returns true if the file is certainly the same as in `self`.
    pub(super) fn is_same(self, now: Self) -> bool {
        let signs = |stamp: Self| (stamp.identity, stamp.length, stamp.modified, stamp.changed);
        signs(self) == signs(now) && !self.is_recent()
    }

    fn is_recent(self) -> bool {
        let second = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let last = second(self.modified.0.max(self.changed.0)) + RECENT;
        // A time in the future proves nothing.
        last >= self.taken
    }
}

// === impl Identity ===

impl Identity {
    /// The file or folder at `path`; links are followed.
    pub(super) fn at(path: &Path) -> Result<Self, ErrorKind> {
        std::fs::metadata(path).map(|found| Self(found.dev(), found.ino())).map_err(|error| error.kind())
    }
}
