//! Secrets of tools: read from files at start, checked, and never shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::Fault;
use super::fence::Fence;
use crate::sandbox::{Secret, SecretVariable};

/// No credential is longer; what is, is another file than the one that was meant.
const SECRET_BYTES: u64 = 64 << 10;

/// Reads the files of `secretEnv`: name of the variable, path of the file.
pub(super) fn read(fence: &Fence, secret_env: &[(String, String)]) -> Result<Vec<SecretVariable>, Fault> {
    let secret = |(name, path): &(String, String)| {
        let path = Path::new(path);
        let file = fence.secret(name, path)?;
        let value =
            text(file).map_err(|reason| Fault::Secret { variable: name.clone(), file: path.to_owned(), reason })?;
        Ok(SecretVariable { name: name.clone(), value: Secret::new(value) })
    };
    secret_env.iter().map(secret).collect()
}

/// The text of a file without the newline that editors end it with.
fn text(file: File) -> Result<String, String> {
    let bytes = bytes(file).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > SECRET_BYTES {
        return Err(format!("more than {SECRET_BYTES} bytes"));
    }
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

fn bytes(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(SECRET_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
