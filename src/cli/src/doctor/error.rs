//! Reasons why nothing can be said, and reasons why a module does not fit.

use std::path::PathBuf;

use crate::disk::FileError;

/// The reason why the two files cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{file}: cannot be run: {reason}", file = file.display())]
    Run { file: PathBuf, reason: std::io::Error },
    #[error("{file}: is not Envoy: `--version` prints no version of it; pass Envoy's program itself", file = file.display())]
    NotEnvoy { file: PathBuf },
    #[error("{file}: is not an ELF file; pass a program or module for Linux", file = file.display())]
    NotElf { file: PathBuf },
    #[error("{file}: is not Callgate's native module; pass libcallgate.so", file = file.display())]
    NotModule { file: PathBuf },
}

/// A reason why Envoy should not load the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{file}: does not fit Envoy {version}, only {envoys}; use one of them, or the wasm filter", file = file.display())]
    Version { file: PathBuf, envoys: String, version: String },
    #[error("{file}: calls {name}, which this Envoy does not export; use a module built for this version", file = file.display())]
    Callback { file: PathBuf, name: String },
    #[error("{file}: lacks the hook {name}, which Envoy requires; please report this", file = file.display())]
    MissingHook { file: PathBuf, name: String },
    #[error("{file}: exports the hook {name}, which this Envoy never calls; use a module built for this version", file = file.display())]
    UnknownHook { file: PathBuf, name: String },
}
