//! What one folder of the host holds, over all calls that write to it.
//!
//! The books are an upper bound, never too low: bytes and entries are booked before they come into being, under a lock that is
//! kept until they have; what goes away is not booked at once. When the bound says no, and something may have gone away, the
//! folder is counted, and the count decides. So:
//! - growth of several calls cannot slip through between a look and a write;
//! - a file that is deleted while a guest still holds it open counts until every call that could hold it has ended;
//! - what others write to the folder is seen at the first growth of each call, and not during it.
//!
//! A folder that cannot be counted (too many entries, too deep, no permission) is full.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Files, folders and links that one folder may hold: each costs the host something, even an empty one.
pub(in crate::sandbox) const ENTRIES: u64 = 10_000;

/// The accounts of all folders that tools may write to.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Accounts(Mutex<HashMap<PathBuf, Weak<Account>>>);

/// What one folder holds.
#[derive(Debug)]
pub struct Account {
    folder: PathBuf,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// Bytes of files and links; at least what there is.
    bytes: u64,
    /// Files, folders and links; at least as many as there are.
    entries: u64,
    /// Whether a count could find less (or, of what others did, more).
    doubtful: bool,
    /// Calls that may hold files of it open.
    calls: BTreeSet<u64>,
    next_call: u64,
    /// Bytes without a name, by the last call that could hold them open.
    nameless: BTreeMap<u64, u64>,
}

/// One call's use of a folder.
#[derive(Debug)]
pub(super) struct Stay {
    account: Arc<Account>,
    quota: u64,
    call: u64,
}

/// The books, open for one change of the folder: nobody else changes it until this is dropped.
pub(super) struct Open<'a> {
    folder: &'a Path,
    quota: u64,
    books: MutexGuard<'a, Books>,
}

/// There is no room.
#[derive(Debug)]
pub(super) struct Full;

// === impl Accounts ===

impl Accounts {
    /// The one account of `folder`, a path without links in it. Gives the other folder if one of the two lies in the other:
    /// growth would be booked in one of them only.
    pub(in crate::sandbox) fn of(&self, folder: &Path) -> Result<Arc<Account>, PathBuf> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, account| account.strong_count() > 0);
        if let Some(account) = accounts.get(folder).and_then(Weak::upgrade) {
            return Ok(account);
        }
        if let Some(other) = accounts.keys().find(|other| other.starts_with(folder) || folder.starts_with(other)) {
            return Err(other.clone());
        }
        let account = Arc::new(Account { folder: folder.to_owned(), books: Mutex::default() });
        accounts.insert(folder.to_owned(), Arc::downgrade(&account));
        Ok(account)
    }
}

// === impl Stay ===

impl Stay {
    pub(super) fn begin(account: &Arc<Account>, quota: u64) -> Self {
        let mut books = account.lock();
        let call = books.next_call;
        books.next_call += 1;
        books.calls.insert(call);
        books.doubtful = true;
        // So that the first growth counts what is there, whoever put it there.
        (books.bytes, books.entries) = (u64::MAX, u64::MAX);
        drop(books);
        Self { account: Arc::clone(account), quota, call }
    }

    /// Opens the books. This waits for whoever changes the folder, so only where a thread may block.
    pub(super) fn open(&self) -> Open<'_> {
        Open { folder: &self.account.folder, quota: self.quota, books: self.account.lock() }
    }

    pub(super) fn same_folder(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.account, &other.account)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut books = self.account.lock();
        books.calls.remove(&self.call);
        // What no running call can hold open any more is gone.
        let oldest = books.calls.first().copied().unwrap_or(u64::MAX);
        books.nameless.retain(|last, _| *last >= oldest);
        books.doubtful = true;
    }
}

// === impl Account ===

impl Account {
    /// A panic in between leaves at worst growth that was booked and did not happen.
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Open ===

impl Open<'_> {
    /// Books growth that is about to happen; `named` is false for a file that has no name any more.
    pub(super) fn grow(&mut self, bytes: u64, entries: u64, named: bool) -> Result<(), Full> {
        if bytes == 0 && entries == 0 {
            return Ok(());
        }
        if !self.fits(bytes, entries) && self.books.doubtful {
            self.count();
        }
        if !self.fits(bytes, entries) {
            return Err(Full);
        }
        self.books.bytes += bytes;
        self.books.entries += entries;
        if !named {
            self.book_nameless(bytes);
        }
        Ok(())
    }

    /// Something may have gone away, or booked growth may not have come.
    pub(super) fn doubt(&mut self) {
        self.books.doubtful = true;
    }

    /// A file of so many bytes is about to lose its last name.
    pub(super) fn lose_name(&mut self, bytes: u64) {
        self.book_nameless(bytes);
        self.books.doubtful = true;
    }

    fn book_nameless(&mut self, bytes: u64) {
        // Only calls that run now can hold it open; the youngest ends last, or its elders do.
        if let Some(last) = self.books.calls.last().copied() {
            let nameless = self.books.nameless.entry(last).or_default();
            *nameless = nameless.saturating_add(bytes);
        }
    }

    fn fits(&self, bytes: u64, entries: u64) -> bool {
        let more = |held: u64, more: u64, bound: u64| held.checked_add(more).is_some_and(|sum| sum <= bound);
        // What grows in bytes only may do so in a folder that has too many entries.
        more(self.books.bytes, bytes, if bytes == 0 { u64::MAX } else { self.quota })
            && more(self.books.entries, entries, if entries == 0 { u64::MAX } else { ENTRIES })
    }

    fn count(&mut self) {
        let (bytes, entries) = count(self.folder).unwrap_or_else(|error| {
            tracing::warn!(folder = %self.folder.display(), reason = %error, "a granted folder cannot be counted; it is full");
            (u64::MAX, u64::MAX)
        });
        let nameless = self.books.nameless.values().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
        self.books.bytes = bytes.saturating_add(nameless);
        self.books.entries = entries;
        self.books.doubtful = false;
    }
}

/// Bytes and entries below `folder`. Links are not followed, and a file with several names counts once.
fn count(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut bytes, mut entries) = (0u64, 0u64);
    let mut seen = HashSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let found: Metadata = entry.metadata()?;
            entries += 1;
            if entries > ENTRIES.saturating_mul(2) {
                return Err(io::Error::other(format!("it holds far more than {ENTRIES} entries")));
            }
            if found.is_dir() {
                folders.push(entry.path());
            } else if found.nlink() == 1 || seen.insert((found.dev(), found.ino())) {
                bytes = bytes.saturating_add(found.len());
            }
        }
    }
    Ok((bytes, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(folder: &Path) -> Arc<Account> {
        Accounts::default().of(folder).unwrap()
    }

    #[test]
    fn what_is_there_counts_and_so_does_every_growth() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there"), [0; 60]).unwrap();
        let stay = Stay::begin(&account(folder.path()), 100);
        assert!(stay.open().grow(30, 1, true).is_ok());
        assert!(stay.open().grow(11, 0, true).is_err());
        assert!(stay.open().grow(10, 0, true).is_ok());
    }

    #[test]
    fn calls_share_the_folder_s_account() {
        let folder = tempfile::tempdir().unwrap();
        let account = account(folder.path());
        let (one, two) = (Stay::begin(&account, 100), Stay::begin(&account, 100));
        assert!(one.open().grow(80, 0, true).is_ok());
        // Nothing was written yet, but it is about to be.
        assert!(!one.account.lock().doubtful);
        assert!(two.open().grow(30, 0, true).is_err());
    }

    #[test]
    fn what_was_deleted_makes_room_when_no_call_can_hold_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let account = account(folder.path());
        let (one, two) = (Stay::begin(&account, 100), Stay::begin(&account, 100));
        assert!(one.open().grow(100, 1, true).is_ok());
        one.open().lose_name(100);
        assert!(one.open().grow(1, 0, true).is_err());
        drop(one);
        assert!(two.open().grow(1, 0, true).is_err(), "the other may have it open");
        drop(two);
        assert!(Stay::begin(&account, 100).open().grow(100, 1, true).is_ok());
    }

    #[test]
    fn a_file_without_a_name_counts_as_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let stay = Stay::begin(&account(folder.path()), 100);
        stay.open().lose_name(0);
        assert!(stay.open().grow(60, 0, false).is_ok());
        stay.open().doubt();
        assert!(stay.open().grow(60, 0, false).is_err());
    }

    #[test]
    fn entries_are_bounded_whatever_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let stay = Stay::begin(&account(folder.path()), u64::MAX);
        assert!(stay.open().grow(0, ENTRIES, true).is_ok());
        stay.account.lock().doubtful = false;
        assert!(stay.open().grow(0, 1, true).is_err());
        assert!(stay.open().grow(1, 0, true).is_ok());
    }

    #[test]
    fn one_folder_inside_another_has_no_account_of_its_own() {
        let accounts = Accounts::default();
        let outer = accounts.of(Path::new("/data")).unwrap();
        assert_eq!(accounts.of(Path::new("/data/in")).unwrap_err(), Path::new("/data"));
        assert!(Arc::ptr_eq(&outer, &accounts.of(Path::new("/data")).unwrap()));
        assert!(accounts.of(Path::new("/database")).is_ok());
        drop(outer);
        assert!(accounts.of(Path::new("/data/in")).is_ok());
    }
}
