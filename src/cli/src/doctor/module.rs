//! The native module: its versions, and its side of the ABI.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::envoy::Envoy;
use super::error::{DoctorError, Fault};
use super::hooks::{CALLBACK, HOOK, REQUIRED};
use super::symbols;

/// The module's description of itself: ABI, version and Envoys, each ended by NUL.
const ABOUT: &str = "CALLGATE_ABOUT";

pub(crate) struct Module {
    file: PathBuf,
    version: String,
    /// `v0.2.0`.
    abi: String,
    /// `1.40 and 1.41`.
    envoys: String,
    /// The functions of Envoy that the module calls.
    callbacks: BTreeSet<String>,
    /// The functions of the module that Envoy may call.
    hooks: BTreeSet<String>,
}

impl Module {
    pub(crate) fn read(file: &Path) -> Result<Self, DoctorError> {
        let bytes = symbols::bytes(file)?;
        let about = symbols::constant(file, &bytes, ABOUT)?;
        let about = about.ok_or_else(|| DoctorError::NotModule { file: file.into() })?;
        let about = String::from_utf8_lossy(&about);
        let mut texts = about.split('\0').map(str::to_owned);
        let mut next = || texts.next().unwrap_or_default();
        Ok(Self {
            file: file.into(),
            abi: next(),
            version: next(),
            envoys: next(),
            callbacks: symbols::needed(file, &bytes, CALLBACK)?,
            hooks: symbols::exported(file, &bytes, HOOK)?,
        })
    }

    /// Returns the same as [`Self::describe`].
    pub(crate) fn json(&self) -> Value {
        json!({
            "file": self.file.display().to_string(), "version": self.version, "abi": self.abi,
            "envoys": self.envoys.split(" and ").collect::<Vec<_>>(), "functions": self.callbacks.len(), "hooks": self.hooks.len(),
        })
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "{}: Callgate {}, ABI {}, for Envoy {}; calls {} functions of Envoy, and exports {} hooks\n",
            self.file.display(),
            self.version,
            self.abi,
            self.envoys,
            self.callbacks.len(),
            self.hooks.len()
        )
    }

    /// Returns every reason why this Envoy should not load the module.
    pub(crate) fn faults(&self, envoy: &Envoy) -> Vec<Fault> {
        let mut faults = Vec::new();
        let file = || self.file.clone();
        if !fits(&self.envoys, &envoy.version) {
            let (envoys, version) = (self.envoys.clone(), envoy.version.clone());
            faults.push(Fault::Version { file: file(), envoys, version });
        }
        let missing = self.callbacks.difference(&envoy.callbacks);
        faults.extend(missing.map(|name| Fault::Callback { file: file(), name: name.clone() }));
        let required = REQUIRED.iter().map(|name| format!("{HOOK}{name}")).filter(|name| !self.hooks.contains(name));
        faults.extend(required.map(|name| Fault::MissingHook { file: file(), name }));
        let unknown = self.hooks.difference(&envoy.hooks);
        faults.extend(unknown.map(|name| Fault::UnknownHook { file: file(), name: name.clone() }));
        faults
    }
}

/// Returns true if `version` (`1.40.2`) is a patch of one of `envoys` (`1.40 and 1.41`).
fn fits(envoys: &str, version: &str) -> bool {
    envoys.split(" and ").any(|envoy| version.strip_prefix(envoy).is_some_and(|patch| patch.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_fits_the_patches_of_its_versions_only() {
        for (version, fitting) in [
            ("1.40.0", true),
            ("1.41.12", true),
            ("1.39.9", false),
            ("1.42.0", false),
            ("1.4.0", false),
            ("1.400.0", false),
        ] {
            assert_eq!(fits("1.40 and 1.41", version), fitting, "{version}");
        }
    }
}
