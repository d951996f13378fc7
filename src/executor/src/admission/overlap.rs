//! The one rule about nested granted folders, over all tools of all contracts.
//!
//! A folder one grant makes writable neither contains nor lies in the folder of any other grant. Otherwise a tool could
//! rename another tool's folder and replace it with a link, or grow one folder on the books of another. Two grants may
//! name the very same folder, and read-only folders may be nested. A grant per tenant counts as the whole folder above
//! its tenants; two such grants in the same place are compared by the part after the tenant.
//!
//! Folders are compared by identity, not by path, which covers links and bind mounts of a granted folder or a folder
//! above it. Not covered: a bind mount of a folder inside a writable folder.

use std::ffi::OsString;

use callgate_contract::FileMode;

use super::error::ToolFault;
use callgate_sandbox::Handle;

/// A folder granted to a tool.
pub(super) struct Granted {
    /// The folder, or the one above its tenants.
    pub(super) handle: Handle,
    /// The names after the tenant's; `None` if all tenants share the folder.
    pub(super) below: Option<Vec<OsString>>,
    pub(super) mode: FileMode,
    pub(super) tool: String,
}

/// The folders granted so far.
#[derive(Default)]
pub(super) struct Overlaps(Vec<Granted>);

// === impl Overlaps ===

impl Overlaps {
    /// Adds a granted folder.
    pub(super) fn add(&mut self, granted: Granted) -> Result<(), ToolFault> {
        if let Some(other) = self.0.iter().find(|other| granted.conflicts(other)) {
            return Err(ToolFault::Nested {
                host: granted.handle.path().to_owned(),
                other: other.handle.path().to_owned(),
                tool: other.tool.clone(),
            });
        }
        // Another grant of the same folder in the same mode adds nothing.
        if !self.0.iter().any(|other| other.mode == granted.mode && other.is_same(&granted)) {
            self.0.push(granted);
        }
        Ok(())
    }
}

// === impl Granted ===

impl Granted {
    fn conflicts(&self, other: &Self) -> bool {
        let writable = self.mode == FileMode::Rw || other.mode == FileMode::Rw;
        writable && !self.is_same(other) && self.touches(other)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.handle.id() == other.handle.id() && self.below == other.below
    }

    /// Returns true if one lies in the other, for any tenant.
    fn touches(&self, other: &Self) -> bool {
        match (&self.below, &other.below) {
            (Some(one), Some(two)) if self.handle.id() == other.handle.id() => {
                one.starts_with(two) || two.starts_with(one)
            }
            _ => self.handle.holds(&other.handle) || other.handle.holds(&self.handle),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn grants_per_tenant_are_compared_with_each_other_and_with_whole_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        let granted = |path: &str, below: Option<&[&str]>, mode| Granted {
            handle: Handle::open(&folder.path().join(Path::new(path))).unwrap(),
            below: below.map(|names| names.iter().map(OsString::from).collect()),
            mode,
            tool: "t".into(),
        };
        for (one, two, conflict) in [
            (("a", Some(&[][..])), ("a", Some(&[][..])), false),
            (("a", Some(&["in"])), ("a", Some(&["out"])), false),
            (("a", Some(&["in"])), ("a", Some(&[])), true),
            (("a", Some(&["in"])), ("a", Some(&["in", "deep"])), true),
            (("a", Some(&[])), ("a", None), true),
            (("a", Some(&[])), ("a/b", None), true),
            (("a/b", Some(&[])), ("a", None), true),
            (("a", Some(&[])), ("a/b", Some(&[])), true),
        ] {
            for (mode, other) in [(FileMode::Rw, FileMode::Ro), (FileMode::Ro, FileMode::Rw)] {
                let (one, two) = (granted(one.0, one.1, mode), granted(two.0, two.1, other));
                assert_eq!(one.conflicts(&two), conflict);
                assert_eq!(two.conflicts(&one), conflict);
            }
            assert!(!granted(one.0, one.1, FileMode::Ro).conflicts(&granted(two.0, two.1, FileMode::Ro)));
        }
    }
}
