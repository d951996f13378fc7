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
    /// The host of the gate: `$CALLGATE_HOST`.
    pub host: GateHost,
    /// The filter's module for that host.
    pub filter: PathBuf,
    /// Envoy: `$ENVOY_BIN`, or the one from set-up, or the one on `PATH`.
    pub envoy: PathBuf,
}

/// The host of the gate inside Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateHost {
    /// The proxy-wasm filter.
    Wasm,
    /// The dynamic module.
    Native,
}

impl GateHost {
    /// Returns the host that `$CALLGATE_HOST` names: `wasm`, the default, or `native`.
    pub fn from_environment() -> Result<Self, StackError> {
        match env::var("CALLGATE_HOST").as_deref() {
            Ok("native") => Ok(Self::Native),
            Ok("wasm" | "") | Err(_) => Ok(Self::Wasm),
            Ok(other) => {
                Err(StackError::Unfit { what: format!("CALLGATE_HOST is {other:?}; it may be wasm or native") })
            }
        }
    }

    /// Returns both hosts, or the one that `$CALLGATE_HOST` names.
    pub fn chosen() -> Result<Vec<Self>, StackError> {
        match env::var("CALLGATE_HOST") {
            Ok(name) if !name.is_empty() => Self::from_environment().map(|host| vec![host]),
            _ => Ok(vec![Self::Wasm, Self::Native]),
        }
    }

    /// Returns the name that `$CALLGATE_HOST` has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
        }
    }

    /// Returns the module's name in `dist`.
    #[must_use]
    pub fn module(self) -> &'static str {
        match self {
            Self::Wasm => "callgate.wasm",
            Self::Native => "libcallgate.so",
        }
    }

    /// Returns the options of `callgate render` for the module at `path`.
    #[must_use]
    pub fn options(self, path: &Path) -> Vec<String> {
        let path = path.display().to_string();
        match self {
            Self::Wasm => vec!["--wasm".to_owned(), path],
            Self::Native => ["--host", "native", "--native", &path].map(str::to_owned).to_vec(),
        }
    }
}

impl Artefacts {
    /// Finds all parts; the error names the missing part and the remedy.
    pub fn find() -> Result<Self, StackError> {
        let dist = env::var_os("CALLGATE_DIST").map_or_else(|| workspace().join("dist"), PathBuf::from);
        let built = |what, name: &str| there(what, dist.join(name), "CALLGATE_DIST");
        let host = GateHost::from_environment()?;
        Ok(Self {
            host,
            cli: built("the command line", "callgate")?,
            executor: built("the executor", "callgate-executor")?,
            filter: built("the filter", host.module())?,
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
