//! Secrets by reference: `file:PATH`. The configuration and its errors never contain the secret itself.

use std::io;
use std::path::{Path, PathBuf};

use serde_saphyr::Spanned;

use crate::{ConfigFile, FieldError};

/// The maximum size: a larger file is a mistake.
const BYTES: u64 = 64 << 10;

/// A file with a secret, read when the secret is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile(PathBuf);

// === impl SecretFile ===

impl SecretFile {
    /// Resolves a value of the file.
    ///
    /// # Errors
    /// The fault, with its place.
    pub fn resolve(field: &str, text: &Spanned<String>, place: &ConfigFile<'_>) -> Result<Self, FieldError> {
        match text.value.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(Self(place.folder.join(path))),
            // The value may be the secret itself: it is not repeated.
            Some(_) | None => {
                let message = format!("{field}: expected file: and the path of a file that holds it");
                Err(place.fault(text.referenced, message))
            }
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the secret, without the line break at its end.
    ///
    /// # Errors
    /// It cannot be read, is not text, or is far too large.
    pub fn read(&self) -> io::Result<String> {
        let size = std::fs::metadata(&self.0)?.len();
        if size > BYTES {
            return Err(io::Error::other(format!("it has {size} bytes; expected at most {BYTES}")));
        }
        let text = std::fs::read_to_string(&self.0)?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}
