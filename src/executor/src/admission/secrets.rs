//! Secrets of tools: read from files at start, checked, and never shown.

use std::fs::File;
use std::path::Path;

use super::error::ToolFault;
use super::fence::Fence;
use crate::footprint::Reads;
use callgate_sandbox::{Secret, SecretVariable};

/// The maximum size of a secret: a larger file is not the intended one.
const SECRET_BYTES: u64 = 64 << 10;

/// Reads the files of `secretEnv`: the variable's name and the file's path.
pub(super) fn read(
    fence: &Fence,
    secret_env: &[(String, String)],
    reads: &Reads,
) -> Result<Vec<SecretVariable>, ToolFault> {
    let secret = |(name, path): &(String, String)| {
        let path = Path::new(path);
        let file = fence.secret(name, path).inspect_err(|_| {
            // Noted, so a reload sees a replaced file.
            let _ = reads.bytes(path, SECRET_BYTES);
        })?;
        let value = text(path, file, reads).map_err(|reason| ToolFault::Secret {
            variable: name.clone(),
            file: path.to_owned(),
            reason,
        })?;
        Ok(SecretVariable { name: name.clone(), value: Secret::new(value) })
    };
    secret_env.iter().map(secret).collect()
}

/// Returns the text of a file without the final newline editors add.
fn text(path: &Path, file: File, reads: &Reads) -> Result<String, String> {
    let bytes = reads.opened(path, Ok(file), SECRET_BYTES).map_err(|error| error.to_string())?;
    let mut text = String::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err("nothing".into());
    }
    if text.contains('\0') {
        return Err("a NUL character, which no environment variable can hold".into());
    }
    Ok(text)
}
