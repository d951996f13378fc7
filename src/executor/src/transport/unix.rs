//! A Unix socket and its file: never open to others than intended, never taken from a listening process, removed at the
//! end.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use tokio::net::UnixListener;

use super::error::TransportError;

/// Removes the socket's file when dropped, if the file is still the one made here.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    made: (u64, u64),
}

/// Listens on `path`.
///
/// The socket is made in a folder only this user can enter, gets its permissions, and then moves to its place: others
/// can connect at no earlier moment. A file nobody listens on is replaced.
pub(super) fn bind(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), TransportError> {
    free(path)?;
    let failed = |reason| TransportError::Socket { path: path.to_owned(), reason };
    let folder = path.parent().unwrap_or_else(|| Path::new("/")).join(format!(".{}", std::process::id()));
    // Left by an earlier process with our number, killed at a bad moment.
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        Err(_) | Ok(()) => {}
    }
    DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
    let made = make(&folder.join("s"), path, mode);
    // Empty by now, or useless.
    let _ = fs::remove_dir_all(&folder);
    made.map_err(failed)
}

/// Checks that a socket could be made at `path`. A socket in use is not an error.
pub(super) fn check(path: &Path) -> Result<(), TransportError> {
    let failed = |reason| TransportError::Socket { path: path.to_owned(), reason };
    std::os::unix::net::SocketAddr::from_pathname(path).map_err(failed)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(TransportError::NotASocket { path: path.to_owned() });
        }
        Ok(_) | Err(_) => {}
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| failed(error.into()))
}

fn make(first: &Path, path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    let listener = UnixListener::bind(first)?;
    fs::set_permissions(first, Permissions::from_mode(mode))?;
    let metadata = fs::symlink_metadata(first)?;
    fs::rename(first, path)?;
    Ok((listener, SocketFile { path: path.to_owned(), made: (metadata.dev(), metadata.ino()) }))
}

/// Checks that `path` is free: it does not exist, or is a socket nobody listens on.
fn free(path: &Path) -> Result<(), TransportError> {
    let failed = |reason| TransportError::Socket { path: path.to_owned(), reason };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(TransportError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(TransportError::Taken { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

// === impl SocketFile ===

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.made);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), reason = %error, "the socket's file stays");
        }
    }
}
