//! Turns the contract's grants into the sandbox's: resolves paths and reads the environment, all at start.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use callgate_contract::{FileGrant, FileMode, HttpGrant, WasmRun};

use super::error::ToolFault;
use super::fence::Fence;
use super::overlap::{Granted, Overlaps};
use super::secrets;
use crate::footprint::Reads;
use callgate_sandbox::{Folder, FolderAccess, Grants, Handle, Outgoing, OutgoingGrant, Sandbox};

/// Resolves one tool's grants; relative host paths are relative to `base`, the contract's folder.
pub(super) fn resolve(
    sandbox: &Sandbox,
    fence: &Fence,
    overlaps: &mut Overlaps,
    tool: &str,
    run: &WasmRun,
    base: &Path,
    reads: &Reads,
) -> Result<Grants, ToolFault> {
    let mut args = vec![tool.to_owned()];
    args.extend(run.args.iter().cloned());
    let folders = run.files.iter().map(|grant| folder(sandbox, fence, overlaps, tool, grant, base, reads));
    Ok(Grants {
        args,
        env: environment(fence, tool, &run.env)?,
        secrets: secrets::read(fence, &run.secret_env, reads)?,
        folders: folders.collect::<Result<_, _>>()?,
        outgoing: Outgoing::granted(&outgoing(&run.http), sandbox.network()).map_err(ToolFault::Tls)?,
        memory: run.memory,
        fuel: run.fuel,
        timeout: run.timeout,
        output_bytes: usize::try_from(run.output_bytes).unwrap_or(usize::MAX),
    })
}

/// A grant is not a demand: a variable the executor lacks is left out, with a log line.
fn environment(fence: &Fence, tool: &str, names: &[String]) -> Result<Vec<(String, String)>, ToolFault> {
    let mut env = Vec::new();
    for name in names {
        fence.variable(name)?;
        match std::env::var(name) {
            Ok(value) => env.push((name.clone(), value)),
            Err(std::env::VarError::NotPresent) => {
                tracing::warn!(
                    tool,
                    variable = name,
                    "granted environment variable is not set; the tool runs without it"
                );
            }
            Err(std::env::VarError::NotUnicode(_)) => return Err(ToolFault::Environment { name: name.clone() }),
        }
    }
    Ok(env)
}

fn outgoing(grants: &[HttpGrant]) -> Vec<OutgoingGrant> {
    let grant = |HttpGrant { host, port, private, authorization }: &HttpGrant| OutgoingGrant {
        host: host.clone(),
        port: *port,
        private: *private,
        authorization: *authorization,
    };
    grants.iter().map(grant).collect()
}

fn folder(
    sandbox: &Sandbox,
    fence: &Fence,
    overlaps: &mut Overlaps,
    tool: &str,
    grant: &FileGrant,
    base: &Path,
    reads: &Reads,
) -> Result<Folder, ToolFault> {
    let (host, below) = match grant.per_tenant() {
        None => (base.join(&grant.host), None),
        Some((above, below)) => (base.join(above), Some(below.map(OsString::from).collect::<Vec<_>>())),
    };
    reads.folder(&host);
    let missing = |reason: io::Error| ToolFault::Folder { host: host.clone(), reason: reason.to_string() };
    if !std::fs::metadata(&host).map_err(missing)?.is_dir() {
        return Err(missing(io::Error::other("it is not a folder")));
    }
    let handle = Handle::open(&host).map_err(missing)?;
    handle.check_link().map_err(|reason| ToolFault::Proc { host: host.clone(), reason: reason.to_string() })?;
    fence.folder(&handle)?;
    let granted = Granted { handle: handle.clone(), below: below.clone(), mode: grant.mode, tool: tool.to_owned() };
    overlaps.add(granted)?;
    let access = match grant.mode {
        FileMode::Ro => FolderAccess::ReadOnly,
        FileMode::Rw => FolderAccess::ReadWrite { quota: grant.quota },
    };
    let host = match below {
        None => sandbox.shared_folder(handle),
        Some(below) => sandbox.tenant_folders(handle, below),
    };
    Ok(Folder { host, guest: grant.guest.clone(), access })
}
