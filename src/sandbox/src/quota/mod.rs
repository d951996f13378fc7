//! Enforces quotas on writable folders, and refuses files that would block the host.
//!
//! The WASI library offers no hook that could refuse growth. So its implementations of WASI preview 1 (`p1`) and of
//! `wasi:filesystem` (`p2`) are wrapped: every operation that lengthens a file or creates an entry first books it
//! (`account`), and is refused with "no space" otherwise. Each such change runs to its end with the folder's books
//! open, on a thread that may block: a call that is cut off leaves no half-done change.
//!
//! Nobody waits for a folder on a thread: a change waits until the folder's books are free (`account`), and only then
//! blocks a thread for the change itself. So a folder takes one such thread at a time, however many calls write to it.
//!
//! Lengths are booked: a file with a hole counts whole. Nothing is moved or linked between two granted folders.
//!
//! Opening anything but a file or a folder (a named pipe, a device) is refused, in all granted folders: the host could
//! wait for it forever. Guests cannot create such things. Not covered: an entry others swap for one between the check
//! and the opening, and blocks the host's file system needs beyond the length of files.

mod account;
mod accounts;
mod calls;
mod count;
mod p1;
mod p2;
mod stream;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;

pub use self::account::Account;
use self::account::{Presence, Stay};
pub(super) use self::accounts::Accounts;
pub(super) use self::p2::{View, add_to_linker as add_p2_to_linker};
use super::grants::OpenFolder;

/// The file descriptors before the first granted folder: standard input, output and error.
const STANDARD: u32 = 3;

/// Maps a call's descriptors to granted folders with a quota.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// The folders in the order of the grants.
    granted: Vec<Option<Arc<Stay>>>,
    /// The read-only ones.
    _read: Vec<Presence>,
    /// By file descriptor of WASI preview 1.
    p1: HashMap<u32, Arc<Stay>>,
    /// By index of the resource of `wasi:filesystem`.
    p2: HashMap<u32, Arc<Stay>>,
}

// === impl Folders ===

impl Folders {
    /// Creates the map for one call with `folders`, in the order the guest will find them.
    pub(super) fn new(folders: &[OpenFolder]) -> Self {
        let stay = |folder: &OpenFolder| {
            Some(Arc::new(Stay::begin(Arc::clone(&folder.account), folder.handle.clone(), folder.access.quota()?)))
        };
        let read = folders.iter().filter(|folder| folder.access.quota().is_none());
        let read = read.map(|folder| Presence::begin(Arc::clone(&folder.account))).collect();
        let granted: Vec<_> = folders.iter().map(stay).collect();
        let p1 = (STANDARD..).zip(&granted).filter_map(|(fd, stay)| Some((fd, Arc::clone(stay.as_ref()?)))).collect();
        Self { granted, _read: read, p1, p2: HashMap::new() }
    }
}

/// Notes the folder of a new descriptor; its number may have been another's before.
fn note(descriptors: &mut HashMap<u32, Arc<Stay>>, number: u32, stay: Option<Arc<Stay>>) {
    match stay {
        Some(stay) => descriptors.insert(number, stay),
        None => descriptors.remove(&number),
    };
}

/// Returns true if two descriptors belong to one folder, or both to none with a quota.
fn together(one: Option<&Arc<Stay>>, other: Option<&Arc<Stay>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.same_folder(other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Blocks on work that must finish. Other guests' work moves to other threads meanwhile.
fn to_the_end<R>(change: impl Future<Output = R>) -> R {
    tokio::task::block_in_place(|| Handle::current().block_on(change))
}
