//! Raises the system's limit of open files, which bounds connections too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The files beyond connections: stores, modules, and those of tools and their requests.
const OTHERS: u64 = 512;

/// Raises this process's limit of open files as far as allowed, and warns if `connections` alone could reach it.
pub fn raise_open_files(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(reason) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%reason, "the limit of open files cannot be raised");
        }
    }
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    if let Some(files) = getrlimit(Resource::Nofile).current
        && files < needed
    {
        tracing::warn!(
            files,
            needed,
            "too few files may be open for all connections; raise `ulimit -n` or lower `connections.max`"
        );
    }
}
