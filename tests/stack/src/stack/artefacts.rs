//! Finds the parts of a stack.

use std::env;
use std::path::{Path, PathBuf};

use super::StackError;

/// The built parts and Envoy.
#[derive(Debug, Clone)]
pub struct Artefacts {
    /// The folder of built parts: `$CALLGATE_DIST`, or `dist` in the workspace.
    pub dist: PathBuf,
    /// The `callgate` command.
    pub cli: PathBuf,
    /// The executor.
    pub executor: PathBuf,
    /// The filter's module.
    pub filter: PathBuf,
    /// Envoy: `$ENVOY_BIN`, or the one from set-up, or the one on `PATH`.
    pub envoy: PathBuf,
}

impl Artefacts {
    /// Finds all parts; the error names the missing part and the remedy.
    pub fn find() -> Result<Self, StackError> {
        let dist = env::var_os("CALLGATE_DIST").map_or_else(|| workspace().join("dist"), PathBuf::from);
        let built = |what, name: &str| there(what, dist.join(name), "CALLGATE_DIST");
        Ok(Self {
            cli: built("the command line", "callgate")?,
            executor: built("the executor", "callgate-executor")?,
            filter: built("the filter", "callgate.wasm")?,
            envoy: envoy()?,
            dist,
        })
    }

    /// Finds another file in `dist`.
    pub fn built(&self, what: &'static str, name: &str) -> Result<PathBuf, StackError> {
        there(what, self.dist.join(name), "CALLGATE_DIST")
    }
}

/// Returns the folder of the workspace at compile time.
pub fn workspace() -> PathBuf {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    this.ancestors().nth(2).unwrap_or(this).to_path_buf()
}

fn envoy() -> Result<PathBuf, StackError> {
    if let Some(path) = env::var_os("ENVOY_BIN") {
        return there("Envoy", path.into(), "ENVOY_BIN");
    }
    let set_up = workspace().join(".callgate/envoy/envoy");
    let on_path = env::var_os("PATH").unwrap_or_default();
    let mut found = std::iter::once(set_up.clone()).chain(env::split_paths(&on_path).map(|dir| dir.join("envoy")));
    found.find(|path| path.is_file()).ok_or(StackError::Missing { what: "Envoy", path: set_up, variable: "ENVOY_BIN" })
}

fn there(what: &'static str, path: PathBuf, variable: &'static str) -> Result<PathBuf, StackError> {
    // Absolute, because each process has its own working directory.
    path.canonicalize().ok().filter(|path| path.is_file()).ok_or(StackError::Missing { what, path, variable })
}
