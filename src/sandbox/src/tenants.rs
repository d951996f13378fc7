//! Folders of each tenant's own: `host: data/{tenant}`.
//!
//! The folder above `{tenant}` is opened when the contract is loaded. A call opens its tenant's folder below that
//! handle, one name at a time and through no link. The call creates a missing folder, for the executor's user only.
//!
//! A tenant's name comes with the request, so it is never used as a path. Letters, digits, `-`, `_` and `.` stay; every
//! other byte is written as `%` and two digits, and so are the names `.` and `..`. Two tenants never share a folder.
//!
//! Not covered: a file system that does not distinguish upper and lower case.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use rustix::fs::Dir;

use super::handle::Handle;
use super::quota::{Account, Accounts};

/// The longest name of a tenant with a folder, in bytes.
const NAME: usize = 64;
/// The maximum tenants with a folder in one place. More are refused, since each costs the host something.
const TENANTS: usize = 10_000;

/// The folders of all tenants in one place.
#[derive(Clone, Debug)]
pub struct TenantFolders {
    above: Handle,
    below: Vec<OsString>,
    accounts: Arc<Accounts>,
}

/// The reason a call gets no folder.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoFolder {
    /// The tenant's name cannot name a folder.
    #[error("the tenant's name {0}, so no folder is granted to it")]
    Name(&'static str),
    /// The system refuses.
    #[error("the tenant's folder cannot be opened: {0}")]
    System(#[from] io::Error),
}

// === impl TenantFolders ===

impl TenantFolders {
    pub(super) fn new(above: Handle, below: Vec<OsString>, accounts: Arc<Accounts>) -> Self {
        Self { above, below, accounts }
    }

    /// Opens the tenant's folder, and creates it if it does not exist. Blocks.
    pub(super) fn open(&self, tenant: &str) -> Result<Handle, NoFolder> {
        let name = folder_name(tenant)?;
        let mut folder = match self.above.below(OsStr::new(&name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.bound()?;
                enter(&self.above, OsStr::new(&name))?
            }
            opened => opened?,
        };
        for name in &self.below {
            folder = enter(&folder, name)?;
        }
        Ok(folder)
    }

    /// Returns the books of a tenant's folder.
    pub(super) fn account(&self, folder: &Handle) -> Arc<Account> {
        self.accounts.of(folder.id())
    }

    /// Refuses a further tenant if there are too many.
    fn bound(&self) -> io::Result<()> {
        let entries = Dir::new(self.above.reader()?)?;
        if entries.take(TENANTS + 2).count() >= TENANTS + 2 {
            return Err(io::Error::other(format!("there are folders of {TENANTS} tenants already")));
        }
        Ok(())
    }
}

/// Opens the folder with this name, and creates it if it does not exist.
fn enter(above: &Handle, name: &OsStr) -> io::Result<Handle> {
    match above.below(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            above.make(name)?;
            above.below(name)
        }
        opened => opened,
    }
}

/// Returns the name of a tenant's folder. Different tenants have different names.
fn folder_name(tenant: &str) -> Result<String, NoFolder> {
    if tenant.is_empty() {
        return Err(NoFolder::Name("is empty"));
    }
    if tenant.len() > NAME {
        return Err(NoFolder::Name("has more than 64 bytes"));
    }
    let is_dots = matches!(tenant, "." | "..");
    let mut name = String::with_capacity(tenant.len());
    for byte in tenant.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && !is_dots);
        if plain {
            name.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_tenant_s_name_is_never_a_path_and_never_another_s() {
        for (tenant, name) in [
            ("acme", "acme"),
            ("Acme-2.eu_x", "Acme-2.eu_x"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("...", "..."),
            ("../acme", "..%2Facme"),
            ("a%2Fb", "a%252Fb"),
            ("a\0b\n", "a%00b%0A"),
            ("Søn", "S%C3%B8n"),
        ] {
            assert_eq!(folder_name(tenant).unwrap(), name);
        }
        assert!(folder_name("").is_err() && folder_name(&"x".repeat(65)).is_err());
        assert!(folder_name(&"é".repeat(32)).unwrap().len() <= 255);
        // All short names over confusable characters.
        let parts = [".", "%", "2", "E", "/", "a"];
        let mut tenants = vec![String::new()];
        for _ in 0..4 {
            tenants = tenants
                .iter()
                .flat_map(|name| parts.iter().map(move |part| format!("{name}{part}")))
                .chain(tenants.clone())
                .collect();
        }
        let tenants: BTreeSet<_> = tenants.into_iter().filter(|tenant| !tenant.is_empty()).collect();
        let names: BTreeSet<_> = tenants.iter().map(|tenant| folder_name(tenant).unwrap()).collect();
        assert_eq!(tenants.len(), names.len());
        assert!(names.iter().all(|name| !name.contains('/') && name != "." && name != ".."));
    }

    #[test]
    fn a_tenant_s_folder_is_made_for_the_executor_only_and_no_link_is_followed() {
        let outer = tempfile::tempdir().unwrap();
        let above = Handle::open(outer.path()).unwrap();
        let folders = TenantFolders::new(above, vec!["in".into()], Arc::default());
        let opened = folders.open("acme").unwrap();
        assert_eq!(opened.id(), Handle::open(&outer.path().join("acme/in")).unwrap().id());
        let mode = outer.path().join("acme").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(folders.open("acme").unwrap().id(), opened.id());
        std::os::unix::fs::symlink("acme", outer.path().join("other")).unwrap();
        assert!(matches!(folders.open("other"), Err(NoFolder::System(_))));
    }
}
