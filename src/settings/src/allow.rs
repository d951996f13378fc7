//! `sandbox.allow` and `secrets.allow`: the limits of contracts' grants on this machine.
//!
//! The owner of a tool writes a contract; the operator writes this file. Without a list nothing of its kind can be
//! granted. A path in a list must not contain a symbolic link: whoever can replace a part of it could widen the list.

use std::path::{Path, PathBuf};

use serde_saphyr::Spanned;

use crate::{ConfigFile, FieldError};

/// Paths contracts may grant, with everything in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow(Vec<AllowedPath>);

/// One path of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedPath {
    /// The path as written in the file, for errors.
    pub written: String,
    /// The same path, resolved against the folder of the configuration file.
    pub path: PathBuf,
}

impl Allow {
    /// Resolves a value of the file.
    ///
    /// # Errors
    /// The fault, with its place.
    pub fn resolve(field: &str, written: Vec<Spanned<String>>, place: &ConfigFile<'_>) -> Result<Self, FieldError> {
        let path = |text: Spanned<String>| {
            if text.value.is_empty() || text.value.contains(['*', '{', '\0']) {
                let message =
                    format!("{field}: expected a path without `*` and `{{`; what lies in a folder is allowed with it");
                return Err(place.fault(text.referenced, message));
            }
            Ok(AllowedPath { path: place.folder.join(&text.value), written: text.value })
        };
        Ok(Self(written.into_iter().map(path).collect::<Result<_, _>>()?))
    }

    /// The paths in the order of the list.
    pub fn paths(&self) -> &[AllowedPath] {
        &self.0
    }

    /// Writes the list with one more path, for the file.
    pub fn with(&self, path: &Path) -> String {
        let quoted = |text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            if text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
        };
        let path = path.to_string_lossy();
        let paths = self.0.iter().map(|allowed| allowed.written.as_str()).chain([&*path]);
        format!("allow: [{}]", paths.map(quoted).collect::<Vec<_>>().join(", "))
    }
}
