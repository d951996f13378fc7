//! A Unix socket and its file: never open to more than it should be, never taken from a process that listens, gone at the end.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use tokio::net::UnixListener;

use super::error::TransportError;

/// Removes the socket's file when it is dropped, if it is still the one that was made here.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    made: (u64, u64),
}

/// Listens on `path`.
///
/// The socket is made in a folder that only this user can enter, given its permissions, and then moved to its place: there is
/// no moment at which others could connect. A file that nobody listens on any more is replaced.
pub(super) fn bind(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), TransportError> {
    free(path)?;
    let failed = |reason| TransportError::Socket { path: path.to_owned(), reason };
    let folder = path.parent().unwrap_or_else(|| Path::new("/")).join(format!(".{}", std::process::id()));
    // Of an earlier process with our number, killed at a bad moment.
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

/// Checks that a socket could be made at `path`. One that a process listens on is no fault.
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

/// Whether `path` may be taken: there is nothing, or a socket that nobody listens on.
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
