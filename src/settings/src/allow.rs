//! `sandbox.allow` and `secrets.allow`: all that contracts may grant of this machine.
//!
//! A contract is written by the owner of a tool, this file by the operator. If a list is not there, nothing of its kind can be
//! granted. A path on a list goes through no symbolic link: otherwise whoever can replace a part of it could widen the list.

use std::path::{Path, PathBuf};

use serde_saphyr::Spanned;

use crate::{ConfigFile, FieldError};

/// Paths that contracts may grant, or grant what lies in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow(Vec<AllowedPath>);

/// One path of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedPath {
    /// The path as the file says it, for errors.
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

    /// The paths, as they are listed.
    pub fn paths(&self) -> &[AllowedPath] {
        &self.0
    }

    /// The list with one more path, as it would be written.
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
