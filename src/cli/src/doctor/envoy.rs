//! Envoy's program: its version, its wasm runtime, and its side of the ABI.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::memmem;
use serde_json::{Value, json};

use super::error::DoctorError;
use super::hooks::{CALLBACK, HOOK};
use super::symbols;

/// The name of the runtime that rendered configurations choose, and a metric of V8. Other builds of Envoy have the name alone.
const V8: [&str; 2] = ["envoy.wasm.runtime.v8", "V8.Wasm"];

pub(crate) struct Envoy {
    pub(crate) file: PathBuf,
    /// `1.40.0`.
    pub(crate) version: String,
    has_v8: bool,
    /// The functions that Envoy exports to modules.
    pub(crate) callbacks: BTreeSet<String>,
    /// The names of hooks that Envoy looks up in modules, some of them only if they exist.
    pub(crate) hooks: BTreeSet<String>,
}

impl Envoy {
    /// Runs `FILE --version`, and reads the file.
    pub(crate) fn read(file: &Path) -> Result<Self, DoctorError> {
        let bytes = symbols::bytes(file)?;
        Ok(Self {
            file: file.into(),
            version: version(file)?,
            has_v8: V8.iter().all(|text| memmem::find(&bytes, text.as_bytes()).is_some()),
            callbacks: symbols::exported(file, &bytes, CALLBACK)?,
            hooks: texts(&bytes, HOOK),
        })
    }

    /// Returns the same as [`Self::describe`].
    pub(crate) fn json(&self) -> Value {
        json!({
            "file": self.file.display().to_string(), "version": self.version, "wasm": self.has_v8,
            "module_functions": self.callbacks.len(),
        })
    }

    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{}: Envoy {}\n", self.file.display(), self.version);
        let _ = writeln!(
            text,
            "wasm filter: {}",
            if self.has_v8 {
                "the V8 runtime is there"
            } else {
                "no V8 runtime was found; use an official build of Envoy"
            }
        );
        let _ = match self.callbacks.len() {
            0 => writeln!(
                text,
                "native module: this build has no dynamic modules; use an official build of Envoy 1.40 or 1.41"
            ),
            count => writeln!(text, "native module: Envoy exports {count} functions to dynamic modules"),
        };
        text
    }
}

/// Returns `1.40.0` of `envoy  version: <revision>/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(file: &Path) -> Result<String, DoctorError> {
    let output = Command::new(file).arg("--version").output();
    let output = output.map_err(|reason| DoctorError::Run { file: file.into(), reason })?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text).ok_or_else(|| DoctorError::NotEnvoy { file: file.into() })
}

fn parse_version(text: &str) -> Option<String> {
    let (_, build) = text.split_once("version: ")?;
    let version = build.split('/').nth(1)?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

/// Returns the names that begin with `prefix` anywhere in a file, each a whole text.
fn texts(bytes: &[u8], prefix: &str) -> BTreeSet<String> {
    memmem::find_iter(bytes, prefix.as_bytes())
        .filter_map(|at| {
            let name = bytes.get(at..)?;
            let end = name.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
            Some(String::from_utf8_lossy(name.get(..end)?).into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_envoys_own_line() {
        let line = "\n/bin/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        assert_eq!(parse_version(line).as_deref(), Some("1.40.0"));
        assert_eq!(parse_version("envoy  version: 9e55/1.41.0-dev/Clean/RELEASE").as_deref(), Some("1.41.0-dev"));
        for other in ["", "nginx version: nginx/x", "version: 1.2.3", "sh (GNU coreutils) 9.1"] {
            assert_eq!(parse_version(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_found_inside_other_bytes() {
        let bytes = b"\xffx_envoy_on_a\0\0envoy_on_b_c returned null\0envoy_on_end";
        assert_eq!(texts(bytes, "envoy_on_"), ["envoy_on_a", "envoy_on_b_c"].map(str::to_owned).into());
    }
}
