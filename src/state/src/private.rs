//! Files and folders only the executor's user can use: made so, or refused.
//!
//! Nothing here follows a link in the last part of a path. A link planted in the state directory is an error, never a
//! way to another file.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::StateError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Permissions of all users but the owner.
const OTHERS: u32 = 0o077;
/// Permissions an operator's file must not have. Its group may read it: Kubernetes gives a volume to a group.
const LISTED_OTHERS: u32 = 0o027;

/// Makes a missing folder, and checks it for access by other users.
///
/// # Errors
/// It cannot be made, or [`StateError::Exposed`].
pub fn folder(path: &Path) -> Result<(), StateError> {
    let refused = |reason| StateError::Refused { path: path.to_owned(), reason };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(refused)?;
    check_folder(path)
}

/// Checks a folder: it belongs to the executor's user, and no other user can use it. Writes nothing.
///
/// # Errors
/// It is missing, a link or a file, another user's, or open to others.
pub fn check_folder(path: &Path) -> Result<(), StateError> {
    let refused = |reason| StateError::Refused { path: path.to_owned(), reason };
    let found = path.symlink_metadata().map_err(refused)?;
    let what = if found.is_dir() { exposure(&found) } else { Some("a link or a file".to_owned()) };
    match what {
        None => Ok(()),
        Some(found) => Err(StateError::Exposed { path: path.to_owned(), what: "folder", found, mode: "700" }),
    }
}

/// Opens or makes a file for reading and writing by its owner alone.
///
/// # Errors
/// The system's; a link or anything else but a file; another user's file.
pub fn file(path: &Path) -> io::Result<File> {
    let file = options().create(true).truncate(false).read(true).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if found.uid() != geteuid().as_raw() {
        return Err(io::Error::other(format!("it belongs to user {}", found.uid())));
    }
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

/// Makes a file for its owner alone. An existing file or link is an error.
///
/// # Errors
/// The system's.
pub fn new_file(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

/// Makes a file as [`new_file`] does, in place of one left by an ended process.
///
/// # Errors
/// The system's.
pub fn renewed_file(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => new_file(path),
    }
}

/// Opens a file for reading. It must belong to the executor's user and be closed to all others.
///
/// # Errors
/// It is missing, a link, another user's, or open to others.
pub fn read(path: &Path) -> Result<File, StateError> {
    let refused = |reason| StateError::Refused { path: path.to_owned(), reason };
    let nofollow = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags(nofollow)).open(path).map_err(refused)?;
    let found = file.metadata().map_err(refused)?;
    let what = if found.is_file() { exposure(&found) } else { Some("something else".to_owned()) };
    match what {
        None => Ok(file),
        Some(found) => Err(StateError::Exposed { path: path.to_owned(), what: "file", found, mode: "600" }),
    }
}

/// Checks an operator's file: it belongs to the executor's user or to root, other users cannot read it, and its group
/// cannot write it. Follows links, since Kubernetes mounts files as links.
///
/// # Errors
/// It is missing, not a file, another user's, or open to others.
pub fn check_listed(path: &Path) -> Result<(), StateError> {
    let found = std::fs::metadata(path).map_err(|reason| StateError::Refused { path: path.to_owned(), reason })?;
    let (us, owner, mode) = (geteuid().as_raw(), found.uid(), found.mode());
    let found = if !found.is_file() {
        "something else".to_owned()
    } else if owner != us && owner != 0 {
        format!("one of user {owner} (the executor runs as {us})")
    } else if mode & LISTED_OTHERS != 0 {
        format!("mode {:04o}", mode & 0o7777)
    } else {
        return Ok(());
    };
    Err(StateError::Exposed { path: path.to_owned(), what: "file", found, mode: "640" })
}

/// Resolves all links of a file's *folder* for SQLite, which refuses a link in any part of a path.
///
/// # Errors
/// The folder is missing.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::other("it is not the path of a file"))?;
    Ok(folder.canonicalize()?.join(name))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(FILE_MODE).custom_flags(flags(OFlags::NOFOLLOW));
    options
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// Returns the reason other users can use it, if they can.
fn exposure(found: &Metadata) -> Option<String> {
    let us = geteuid().as_raw();
    if found.uid() != us {
        return Some(format!("one of user {} (the executor runs as {us})", found.uid()));
    }
    (found.mode() & OTHERS != 0).then(|| format!("mode {:04o}", found.mode() & 0o7777))
}

#[cfg(test)]
mod tests {
    use std::fs::{set_permissions, write};
    use std::os::unix::fs::symlink;

    use super::*;

    fn refused(path: &Path, root: &Path) -> String {
        folder(path).unwrap_err().to_string().replace(&format!("{}/", root.display()), "")
    }

    #[test]
    fn a_folder_is_made_for_its_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state/modules");
        folder(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        folder(&path).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        folder(&path).unwrap();
        for mode in [0o750, 0o755, 0o701, 0o777] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                refused(&path, root.path()),
                format!(
                    "state: expected a folder of the executor's user that no other user can use, found mode {mode:04o}; remove \
                     it, or run `chmod 700 state` as its owner"
                )
            );
        }
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        if !geteuid().is_root() {
            eprintln!("skipped: only root can give a folder away");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        folder(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        assert!(refused(&path, root.path()).contains("found one of user 12345 (the executor runs as 0)"));
    }

    #[test]
    fn a_link_is_refused_in_place_of_a_folder() {
        let root = tempfile::tempdir().unwrap();
        folder(&root.path().join("elsewhere")).unwrap();
        symlink(root.path().join("elsewhere"), root.path().join("state")).unwrap();
        assert!(refused(&root.path().join("state"), root.path()).contains("found a link or a file"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let root = tempfile::tempdir().unwrap();
        write(root.path().join("state"), "").unwrap();
        assert!(
            refused(&root.path().join("state/modules"), root.path()).starts_with("state/modules: cannot be opened")
        );
    }

    #[test]
    fn a_planted_link_is_never_followed() {
        let root = tempfile::tempdir().unwrap();
        let (link, target) = (root.path().join("calls.lock"), root.path().join("target"));
        write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        assert!(file(&link).is_err() && new_file(&link).is_err() && read(&link).is_err());
        drop(renewed_file(&link).unwrap());
        assert!(link.symlink_metadata().unwrap().is_file(), "the link itself is replaced");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("http-token");
        drop(new_file(&path).unwrap());
        read(&path).unwrap();
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("found mode 0644; remove it, or run `chmod 600 "));
    }
}
