//! The accounts of all folders: exactly one for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::account::Account;
use crate::handle::FileId;

/// The accounts kept without a running call, so a tenant's next call finds its books.
pub(super) const KEPT: usize = 1024;

/// The accounts of all writable folders of tools.
#[derive(Debug, Default)]
pub(crate) struct Accounts(pub(super) Mutex<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) accounts: HashMap<FileId, (u64, Arc<Account>)>,
    /// Grows at each use: the least recently used account has the smallest.
    uses: u64,
}

// === impl Accounts ===

impl Accounts {
    /// Returns the one account of a folder.
    pub(crate) fn of(&self, folder: FileId) -> Arc<Account> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.uses += 1;
        let uses = known.uses;
        if let Some((used, account)) = known.accounts.get_mut(&folder) {
            *used = uses;
            return Arc::clone(account);
        }
        if known.accounts.len() >= KEPT {
            let idle = known.accounts.iter().filter(|(_, (_, account))| Arc::strong_count(account) == 1);
            if let Some(oldest) = idle.min_by_key(|(_, (used, _))| *used).map(|(folder, _)| *folder) {
                known.accounts.remove(&oldest);
            }
        }
        let account = Arc::<Account>::default();
        known.accounts.insert(folder, (uses, Arc::clone(&account)));
        account
    }
}
