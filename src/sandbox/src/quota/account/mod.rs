//! The books of one folder, over all calls that write to it.
//!
//! The books never understate the effect of calls: bytes and entries are booked before they exist, and the books stay
//! open for one change until it is done. Whoever wants to change the folder meanwhile waits without holding a thread. A
//! deleted file without other names counts as *nameless* until every call that could hold it open has ended.
//!
//! The books survive from call to call. The folder is counted:
//! - at the first growth of a call, if the last count is older than a second: others may have written there;
//! - when growth does not fit, and a count may find less than the books say.
//!
//! At most one count runs in a folder, and it is bounded (`count`). Counts take at most a tenth of one thread's time,
//! unless one takes longer than 100 ms: then growth that does not fit is counted again each second, or as often as a
//! count ends. A folder whose count fails is full until the next count.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::MutexGuard;

use super::calls::{CallNumber, FolderCalls};
use super::count::{FolderSize, count};
use crate::handle::Handle;

/// The maximum files, folders and links of one folder: each costs the host something, even an empty one.
pub(crate) const ENTRIES: u64 = 10_000;
/// The greatest age of a count when a call first grows something.
const FRESH: Duration = Duration::from_secs(1);
/// The longest wait for the next count.
const PAUSE: Duration = Duration::from_secs(1);

/// The books of one folder.
#[derive(Debug, Default)]
pub struct Account {
    books: tokio::sync::Mutex<Books>,
    calls: Mutex<FolderCalls>,
}

#[derive(Debug, Default)]
struct Books {
    /// Named bytes and entries; at least those of calls.
    held: FolderSize,
    counted: Option<Counted>,
}

/// The last count.
#[derive(Clone, Copy, Debug)]
struct Counted {
    began: Instant,
    took: Duration,
    /// True if another count could find less than the books say.
    loose: bool,
    /// True if it did not finish.
    failed: bool,
}

/// A call with possibly open files of a folder.
#[derive(Debug)]
pub(super) struct Presence {
    account: Arc<Account>,
    call: CallNumber,
}

/// One call's use of a writable folder.
#[derive(Debug)]
pub(super) struct Stay {
    presence: Presence,
    folder: Handle,
    quota: u64,
    began: Instant,
    /// True after the call's first growth.
    grew: AtomicBool,
}

/// The books, open for one change of the folder: nobody else changes it until this is dropped.
pub(super) struct LockedAccount<'a> {
    stay: &'a Stay,
    books: MutexGuard<'a, Books>,
}

/// The folder is full.
#[derive(Debug)]
pub(super) struct NoSpace;

// === impl Account ===

impl Account {
    /// Held for moments only: nothing waits for the system under it.
    fn calls(&self) -> std::sync::MutexGuard<'_, FolderCalls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Presence ===

impl Presence {
    pub(super) fn begin(account: Arc<Account>) -> Self {
        let call = account.calls().begin();
        Self { account, call }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.account.calls().end(self.call);
    }
}

// === impl Stay ===

impl Stay {
    pub(super) fn begin(account: Arc<Account>, folder: Handle, quota: u64) -> Self {
        let presence = Presence::begin(account);
        Self { presence, folder, quota, began: Instant::now(), grew: AtomicBool::new(false) }
    }

    /// Opens the books when nobody else changes the folder.
    pub(super) async fn open(&self) -> LockedAccount<'_> {
        LockedAccount { stay: self, books: self.account().books.lock().await }
    }

    /// Opens the books if nobody else changes the folder now.
    pub(super) fn try_open(&self) -> Option<LockedAccount<'_>> {
        Some(LockedAccount { stay: self, books: self.account().books.try_lock().ok()? })
    }

    pub(super) fn same_folder(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.account(), other.account())
    }

    fn account(&self) -> &Arc<Account> {
        &self.presence.account
    }
}

// === impl LockedAccount ===

impl LockedAccount<'_> {
    /// Books growth about to happen; `named` is false for a file without a name. It may count the folder, so only a
    /// thread that may block calls this.
    pub(super) fn grow(&mut self, bytes: u64, entries: u64, named: bool) -> Result<(), NoSpace> {
        if bytes == 0 && entries == 0 {
            return Ok(());
        }
        self.count_if_due(bytes, entries);
        if !self.fits(bytes, entries) {
            return Err(NoSpace);
        }
        if named {
            self.books.held.bytes += bytes;
        } else {
            self.stay.account().calls().grow_nameless(bytes);
        }
        self.books.held.entries += entries;
        Ok(())
    }

    /// Notes that another count could find less: booked growth may have failed, or a file may have been replaced.
    pub(super) fn loosen(&mut self) {
        if let Some(counted) = &mut self.books.counted {
            counted.loose = true;
        }
    }

    /// Notes that a file with a name has become shorter.
    pub(super) fn shrink(&mut self, bytes: u64) {
        if self.is_counted() {
            self.books.held.bytes = self.books.held.bytes.saturating_sub(bytes);
        }
    }

    /// Notes that an entry was removed. A file without other names had `last_name` bytes.
    pub(super) fn remove(&mut self, last_name: Option<u64>) {
        if let Some(bytes) = last_name {
            self.stay.account().calls().grow_nameless(bytes);
            self.shrink(bytes);
        }
        if self.is_counted() {
            self.books.held.entries = self.books.held.entries.saturating_sub(1);
        }
    }

    /// Notes that an entry may have been replaced, and that a file of this size may have lost its last name.
    pub(super) fn replace(&mut self, last_name: Option<u64>) {
        // It may have been replaced by itself, so the books keep its size.
        self.stay.account().calls().grow_nameless(last_name.unwrap_or(0));
        self.loosen();
    }

    fn is_counted(&self) -> bool {
        self.books.counted.is_some_and(|counted| !counted.failed)
    }

    fn fits(&self, bytes: u64, entries: u64) -> bool {
        let held = self.books.held;
        let nameless = self.stay.account().calls().nameless();
        let total = held.bytes.checked_add(nameless).and_then(|sum| sum.checked_add(bytes));
        // A folder with too many entries may grow in bytes, and one with too many bytes in entries.
        (bytes == 0 || total.is_some_and(|sum| sum <= self.stay.quota))
            && (entries == 0 || held.entries.checked_add(entries).is_some_and(|sum| sum <= ENTRIES))
    }

    fn count_if_due(&mut self, bytes: u64, entries: u64) {
        let first = !self.stay.grew.swap(true, Ordering::Relaxed);
        let Some(last) = self.books.counted else { return self.count() };
        let age = last.began.elapsed();
        if first && age >= FRESH.max(last.took * 20) {
            return self.count();
        }
        if self.fits(bytes, entries) {
            return;
        }
        // A count this call has not seen may make the growth fit. Waiting keeps counts rare.
        if last.loose || last.began < self.stay.began {
            std::thread::sleep(PAUSE.min(last.took * 10).saturating_sub(age));
            self.count();
        } else if age >= PAUSE {
            self.count();
        }
    }

    fn count(&mut self) {
        let began = Instant::now();
        let counted = count(&self.stay.folder);
        let failed = counted.is_err();
        self.books.held = match counted {
            Ok(held) => held,
            Err(reason) => {
                // Logged once, until it succeeds again.
                if self.books.counted.is_none_or(|last| !last.failed) {
                    let folder = self.stay.folder.path().display();
                    tracing::warn!(%folder, %reason, "a granted folder cannot be counted; nothing grows in it until it can");
                }
                FolderSize { bytes: u64::MAX, entries: u64::MAX }
            }
        };
        self.books.counted = Some(Counted { began, took: began.elapsed(), loose: false, failed });
    }
}
