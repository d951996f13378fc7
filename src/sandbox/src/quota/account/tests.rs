use std::path::Path;

use super::*;
use crate::handle::FileId;
use crate::quota::accounts::{Accounts, KEPT};

struct Folder {
    folder: tempfile::TempDir,
    account: Arc<Account>,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), account: Arc::default() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn stay(&self, quota: u64) -> Stay {
        Stay::begin(Arc::clone(&self.account), Handle::open(self.path()).unwrap(), quota)
    }
}

fn open(stay: &Stay) -> LockedAccount<'_> {
    stay.try_open().unwrap()
}

#[test]
fn what_is_there_counts_and_so_does_every_growth() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("there"), [0; 60]).unwrap();
    let stay = folder.stay(100);
    assert!(open(&stay).grow(30, 1, true).is_ok());
    assert!(open(&stay).grow(11, 0, true).is_err());
    assert!(open(&stay).grow(10, 0, true).is_ok());
}

#[test]
fn calls_share_the_folder_s_account() {
    let folder = Folder::new();
    let (one, two) = (folder.stay(100), folder.stay(100));
    assert!(open(&one).grow(80, 0, true).is_ok());
    // Nothing was written yet, but it is about to be.
    assert!(open(&two).grow(30, 0, true).is_err());
}

#[test]
fn what_was_deleted_makes_room_when_no_call_can_hold_it_open() {
    let folder = Folder::new();
    let (one, two) = (folder.stay(100), folder.stay(100));
    assert!(open(&one).grow(100, 1, true).is_ok());
    open(&one).remove(Some(100));
    assert!(open(&one).grow(1, 0, true).is_err());
    drop(one);
    assert!(open(&two).grow(1, 0, true).is_err(), "the other may have it open");
    drop(two);
    assert!(open(&folder.stay(100)).grow(100, 1, true).is_ok());
}

#[test]
fn a_call_that_only_reads_can_hold_a_deleted_file_open() {
    let folder = Folder::new();
    let reader = Presence::begin(Arc::clone(&folder.account));
    let writer = folder.stay(100);
    assert!(open(&writer).grow(100, 1, true).is_ok());
    open(&writer).remove(Some(100));
    drop(writer);
    assert!(open(&folder.stay(100)).grow(1, 0, true).is_err());
    drop(reader);
    assert!(open(&folder.stay(100)).grow(1, 0, true).is_ok());
}

#[test]
fn a_file_without_a_name_counts_as_it_grows() {
    let folder = Folder::new();
    let stay = folder.stay(100);
    open(&stay).remove(Some(0));
    assert!(open(&stay).grow(60, 0, false).is_ok());
    open(&stay).loosen();
    assert!(open(&stay).grow(60, 0, false).is_err());
}

#[test]
fn entries_are_bounded_whatever_they_hold() {
    let folder = Folder::new();
    let stay = folder.stay(u64::MAX);
    assert!(open(&stay).grow(0, ENTRIES, true).is_ok());
    assert!(open(&stay).grow(0, 1, true).is_err());
    assert!(open(&stay).grow(1, 0, true).is_ok());
}

#[test]
fn a_folder_is_not_counted_at_each_call() {
    let folder = Folder::new();
    assert!(open(&folder.stay(100)).grow(10, 1, true).is_ok());
    let counted = folder.account.books.try_lock().unwrap().counted.unwrap().began;
    for _ in 0..100 {
        let stay = folder.stay(100);
        // Pretend that no second has passed, however slow the machine is.
        folder.account.books.try_lock().unwrap().counted.as_mut().unwrap().began = Instant::now();
        let before = folder.account.books.try_lock().unwrap().counted.unwrap().began;
        assert!(open(&stay).grow(10, 1, true).is_ok());
        open(&stay).shrink(10);
        open(&stay).remove(None);
        assert_eq!(folder.account.books.try_lock().unwrap().counted.unwrap().began, before);
    }
    assert!(folder.account.books.try_lock().unwrap().counted.unwrap().began > counted);
}

#[test]
fn a_full_folder_that_others_emptied_has_room_for_the_next_call() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("there"), [0; 100]).unwrap();
    assert!(open(&folder.stay(100)).grow(1, 0, true).is_err());
    std::fs::remove_file(folder.path().join("there")).unwrap();
    assert!(open(&folder.stay(100)).grow(1, 0, true).is_ok());
}

#[test]
fn accounts_are_kept_within_a_bound_and_those_in_use_always() {
    let accounts = Accounts::default();
    let folder = |n: u64| FileId::numbered(n);
    let used = accounts.of(folder(0));
    for n in 1..5_000 {
        accounts.of(folder(n));
    }
    assert!(accounts.0.lock().unwrap().accounts.len() <= KEPT);
    assert!(Arc::ptr_eq(&used, &accounts.of(folder(0))));
}
