//! From what the contract writes to what the sandbox gives: paths resolved, environment read, all of it at start.

use std::path::Path;

use callgate_contract::{FileGrant, FileMode, WasmRun};
use wasmtime_wasi::FsPerms;

use super::error::Fault;
use crate::sandbox::{Folder, Grants, Network, Outgoing};

/// Resolves one tool's grants; relative host paths are relative to `base`, the contract's folder.
pub(super) fn resolve(tool: &str, run: &WasmRun, base: &Path, network: &Network) -> Result<Grants, Fault> {
    let mut args = vec![tool.to_owned()];
    args.extend(run.args.iter().cloned());
    Ok(Grants {
        args,
        env: environment(tool, &run.env)?,
        folders: run.files.iter().map(|grant| folder(grant, base)).collect::<Result<_, _>>()?,
        outgoing: Outgoing::granted(&run.http, network).map_err(Fault::Tls)?,
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

fn folder(grant: &FileGrant, base: &Path) -> Result<Folder, Fault> {
    let host = base.join(&grant.host);
    let perms = match grant.mode {
        FileMode::Ro => FsPerms::ReadOnly,
        FileMode::Rw => FsPerms::ReadWrite,
    };
    match std::fs::metadata(&host) {
        Ok(found) if found.is_dir() => Ok(Folder { host, guest: grant.guest.clone(), perms }),
        Ok(_) => Err(Fault::Folder { host, reason: "it is not a folder".into() }),
        Err(error) => Err(Fault::Folder { host, reason: error.to_string() }),
    }
}
