//! A folder that only the executor's user can enter: made so, or refused.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Owner only.
const MODE: u32 = 0o700;
/// What group and others may not do with the folder above: rename ours away and put theirs in its place.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why compiled code cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or written to.
    #[error(
        "stateDir: expected a folder for compiled modules at {folder}, found: {reason}; correct `stateDir`, or keep nothing with \
         `sandbox: {{ cacheBytes: 0 }}`"
    )]
    Unusable {
        /// Where.
        folder: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Others could put code there, which the executor would run.
    #[error(
        "stateDir: expected {folder} to be a folder of the executor's user that no other can {verb}, found {found}; compiled code \
         is run from there: remove the folder, or run `chmod {chmod} {folder}` as its owner"
    )]
    Open {
        /// Which folder.
        folder: PathBuf,
        /// What others may not do with it.
        verb: &'static str,
        /// What was found.
        found: String,
        /// The mode that mends it.
        chmod: &'static str,
    },
}

/// Makes `folder` and checks that it, and the one it lies in, are closed to all other users.
///
/// # Errors
/// It cannot be made or written to, or others could write to it.
pub(super) fn prepare(folder: &Path) -> Result<(), CacheError> {
    let unusable = |reason| CacheError::Unusable { folder: folder.to_owned(), reason };
    DirBuilder::new().recursive(true).mode(MODE).create(folder).map_err(unusable)?;
    let us = our_user(folder).map_err(unusable)?;
    check(folder, us, MODE ^ 0o777, "enter", "700")?;
    match folder.parent() {
        Some(above) => check(above, us, WRITABLE_BY_OTHERS, "write to", "go-w"),
        None => Ok(()),
    }
}

fn check(folder: &Path, us: u32, forbidden: u32, verb: &'static str, chmod: &'static str) -> Result<(), CacheError> {
    let found =
        folder.symlink_metadata().map_err(|reason| CacheError::Unusable { folder: folder.to_owned(), reason })?;
    let open = |found: String| CacheError::Open { folder: folder.to_owned(), verb, found, chmod };
    if !found.is_dir() {
        return Err(open("a link or a file".into()));
    }
    if found.uid() != us {
        return Err(open(format!("one of user {} (the executor runs as {us})", found.uid())));
    }
    if found.mode() & forbidden != 0 {
        return Err(open(format!("mode {:04o}", found.mode() & 0o7777)));
    }
    Ok(())
}

/// Whom the system takes us for, seen in a file that we made: that holds where user namespaces and mounts map users, too.
fn our_user(folder: &Path) -> io::Result<u32> {
    let probe = folder.join(format!(".probe-{}", uuid::Uuid::new_v4()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe)?;
    let found = file.metadata();
    std::fs::remove_file(&probe)?;
    Ok(found?.uid())
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn refused(folder: &Path, root: &Path) -> String {
        prepare(folder).unwrap_err().to_string().replace(&format!("{}/", root.display()), "")
    }

    #[test]
    fn a_folder_is_made_for_its_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("state/modules");
        prepare(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(folder.read_dir().unwrap().count(), 0);
        prepare(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("modules");
        prepare(&folder).unwrap();
        set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        assert_eq!(
            refused(&folder, root.path()),
            "stateDir: expected modules to be a folder of the executor's user that no other can enter, found mode 0750; compiled \
             code is run from there: remove the folder, or run `chmod 700 modules` as its owner"
        );
    }

    #[test]
    fn a_folder_that_others_could_swap_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        prepare(&state.join("modules")).unwrap();
        set_permissions(&state, Permissions::from_mode(0o777)).unwrap();
        let refused = refused(&state.join("modules"), root.path());
        assert!(refused.contains("expected state to be") && refused.contains("found mode 0777"), "{refused}");
    }

    #[test]
    fn a_link_to_a_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        prepare(&root.path().join("elsewhere")).unwrap();
        symlink(root.path().join("elsewhere"), root.path().join("modules")).unwrap();
        assert!(refused(&root.path().join("modules"), root.path()).contains("found a link or a file"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("state"), "").unwrap();
        let refused = refused(&root.path().join("state/modules"), root.path());
        assert!(refused.contains("expected a folder for compiled modules at state/modules, found: "), "{refused}");
    }
}
