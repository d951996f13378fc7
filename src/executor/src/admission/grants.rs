//! From what the contract writes to what the sandbox gives: paths resolved, environment read, all of it at start.

use std::path::Path;

use callgate_contract::{FileGrant, FileMode, WasmRun};
use wasmtime_wasi::FsPerms;

use super::error::Fault;
use super::secrets;
use crate::footprint::Reads;
use crate::sandbox::{Folder, Grants, Outgoing, Quota, Sandbox};

/// Resolves one tool's grants; relative host paths are relative to `base`, the contract's folder.
pub(super) fn resolve(
    sandbox: &Sandbox,
    tool: &str,
    run: &WasmRun,
    base: &Path,
    reads: &Reads,
) -> Result<Grants, Fault> {
    let mut args = vec![tool.to_owned()];
    args.extend(run.args.iter().cloned());
    Ok(Grants {
        args,
        env: environment(tool, &run.env)?,
        secrets: secrets::read(&run.secret_env, reads)?,
        folders: run.files.iter().map(|grant| folder(sandbox, grant, base, reads)).collect::<Result<_, _>>()?,
        outgoing: Outgoing::granted(&run.http, sandbox.network()).map_err(Fault::Tls)?,
        memory: run.memory,
        fuel: run.fuel,
        timeout: run.timeout,
        output_bytes: usize::try_from(run.output_bytes).unwrap_or(usize::MAX),
    })
}

/// A grant is not a demand: a variable that the executor does not have itself is left out, and said so.
fn environment(tool: &str, names: &[String]) -> Result<Vec<(String, String)>, Fault> {
    let mut env = Vec::new();
    for name in names {
        match std::env::var(name) {
            Ok(value) => env.push((name.clone(), value)),
            Err(std::env::VarError::NotPresent) => {
                tracing::warn!(
                    tool,
                    variable = name,
                    "granted environment variable is not set; the tool runs without it"
                );
            }
            Err(std::env::VarError::NotUnicode(_)) => return Err(Fault::Environment { name: name.clone() }),
        }
    }
    Ok(env)
}

fn folder(sandbox: &Sandbox, grant: &FileGrant, base: &Path, reads: &Reads) -> Result<Folder, Fault> {
    let host = base.join(&grant.host);
    reads.folder(&host);
    let missing = |reason: String| Fault::Folder { host: host.clone(), reason };
    if !std::fs::metadata(&host).map_err(|error| missing(error.to_string()))?.is_dir() {
        return Err(missing("it is not a folder".into()));
    }
    let guest = grant.guest.clone();
    match grant.mode {
        FileMode::Ro => Ok(Folder { host, guest, perms: FsPerms::ReadOnly, quota: None }),
        FileMode::Rw => {
            // Without links, so that one folder has one account, and remains that folder.
            let host = host.canonicalize().map_err(|error| missing(error.to_string()))?;
            let account = sandbox.account(&host).map_err(|other| Fault::Nested { host: host.clone(), other })?;
            let quota = Quota { bytes: grant.quota, account };
            Ok(Folder { host, guest, perms: FsPerms::ReadWrite, quota: Some(quota) })
        }
    }
}
