//! The module's description of itself: for Envoy, for the log, and for `callgate doctor`, which reads it from the file.

use std::ffi::CStr;

/// Texts that end with NUL: the ABI's version, the module's version, and the versions of Envoy that provide this ABI. Envoy supports a
/// module in the version that it was built for, and in the next one.
const TEXT: &str = concat!("v0.2.0\0", env!("CARGO_PKG_VERSION"), "\0", "1.40 and 1.41\0");

/// [`TEXT`] under a name that `callgate doctor` finds.
#[unsafe(no_mangle)]
static CALLGATE_ABOUT: [u8; TEXT.len()] = match TEXT.as_bytes().first_chunk() {
    Some(bytes) => *bytes,
    None => [0; TEXT.len()],
};

/// Returns the ABI's version, as Envoy compares it. Envoy logs a warning if its own differs.
pub(crate) fn abi_version() -> &'static CStr {
    CStr::from_bytes_until_nul(&CALLGATE_ABOUT).unwrap_or_default()
}

/// Returns the line for Envoy's log.
pub(crate) fn line() -> String {
    let mut texts = TEXT.split('\0');
    let mut next = || texts.next().unwrap_or_default();
    let (abi, version, envoys) = (next(), next(), next());
    format!("callgate: native module {version}, for Envoy {envoys} (ABI {abi})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_line_names_the_versions() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(line(), format!("callgate: native module {version}, for Envoy 1.40 and 1.41 (ABI v0.2.0)"));
        assert_eq!(abi_version(), c"v0.2.0");
    }
}
