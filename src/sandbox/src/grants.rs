//! The grants of one tool, resolved once at start. Everything else is denied.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::FsPerms;

use super::handle::Handle;
use super::outgoing::Outgoing;
use super::quota::Account;
use super::secret::SecretVariable;
use super::tenants::{NoFolder, TenantFolders};

/// The maximum bytes of standard error. People read it, so the bound is ours and not the contract's.
pub(super) const STDERR_BYTES: usize = 64 << 10;

/// The grants of one tool.
#[derive(Clone, Debug)]
pub struct Grants {
    /// The whole argument vector: the tool's name, then the contract's `args`.
    pub args: Vec<String>,
    /// The variables without secrets.
    pub env: Vec<(String, String)>,
    /// The rest of the environment.
    pub secrets: Vec<SecretVariable>,
    /// The whole file system.
    pub folders: Vec<Folder>,
    /// The destinations of its HTTP requests.
    pub outgoing: Outgoing,
    /// Linear memory in bytes, over all memories of a call.
    pub memory: u64,
    /// Fuel, in units of the engine: about one for an instruction.
    pub fuel: u64,
    /// The wall-clock limit of the whole call, the wait for a sandbox included.
    pub timeout: Duration,
    /// The maximum bytes on standard output.
    pub output_bytes: usize,
}

/// A folder of the host the guest sees.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder on the host.
    pub host: HostFolder,
    /// The path the guest sees.
    pub guest: String,
    /// The guest's rights in it.
    pub access: FolderAccess,
}

/// The rights of a guest in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderAccess {
    /// The guest may read.
    ReadOnly,
    /// The guest may read and write.
    ReadWrite {
        /// The maximum bytes in the folder.
        quota: u64,
    },
}

/// A folder on the host.
#[derive(Clone, Debug)]
pub enum HostFolder {
    /// One for all tenants, opened when the contract was loaded.
    Shared {
        /// The folder.
        handle: Handle,
        /// Its books.
        account: Arc<Account>,
    },
    /// One for each tenant, opened by each call.
    PerTenant(TenantFolders),
}

/// A folder opened for one call.
#[derive(Clone, Debug)]
pub(super) struct OpenFolder {
    pub(super) handle: Handle,
    pub(super) guest: String,
    pub(super) access: FolderAccess,
    /// The folder's books, over all calls of all tools.
    pub(super) account: Arc<Account>,
}

// === impl Grants ===

impl Grants {
    /// Opens the folders for a call of this tenant.
    pub(super) async fn open_folders(self: &Arc<Self>, tenant: &str) -> Result<Vec<OpenFolder>, NoFolder> {
        let per_tenant = |folder: &Folder| matches!(folder.host, HostFolder::PerTenant(_));
        if !self.folders.iter().any(per_tenant) {
            return self.folders.iter().map(|folder| folder.open(tenant)).collect();
        }
        let (grants, tenant) = (Arc::clone(self), tenant.to_owned());
        let open = move || grants.folders.iter().map(|folder| folder.open(&tenant)).collect();
        tokio::task::spawn_blocking(open).await.unwrap_or_else(|error| Err(NoFolder::System(io::Error::other(error))))
    }
}

// === impl Folder ===

impl Folder {
    fn open(&self, tenant: &str) -> Result<OpenFolder, NoFolder> {
        let (handle, account) = match &self.host {
            HostFolder::Shared { handle, account } => (handle.clone(), Arc::clone(account)),
            HostFolder::PerTenant(folders) => {
                let handle = folders.open(tenant)?;
                let account = folders.account(&handle);
                (handle, account)
            }
        };
        Ok(OpenFolder { handle, guest: self.guest.clone(), access: self.access, account })
    }
}

// === impl FolderAccess ===

impl FolderAccess {
    /// Returns the library's flags.
    pub(super) fn perms(self) -> FsPerms {
        match self {
            Self::ReadOnly => FsPerms::ReadOnly,
            Self::ReadWrite { .. } => FsPerms::ReadWrite,
        }
    }

    /// Returns the maximum bytes in the folder; `None` if it is read-only.
    pub(super) fn quota(self) -> Option<u64> {
        match self {
            Self::ReadOnly => None,
            Self::ReadWrite { quota } => Some(quota),
        }
    }
}
