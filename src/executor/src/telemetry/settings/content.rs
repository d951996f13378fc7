//! `telemetry.content`: the arguments and results of calls in spans. They are off unless the file asks for them.

use callgate_settings::{Bytes, ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

const BYTES: usize = 4 << 10;
const BYTES_MIN: u64 = 64;
const BYTES_MAX: u64 = 16 << 10;

/// The arguments and results in spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentSettings {
    /// True if spans have the arguments of allowed calls.
    pub arguments: bool,
    /// True if spans have the results that the contract accepts.
    pub results: bool,
    /// The maximum bytes of each, 64 to 16,384; a longer one is cut.
    pub max_bytes: usize,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ContentSection {
    #[serde(default)]
    arguments: bool,
    #[serde(default)]
    results: bool,
    max_bytes: Option<Spanned<Bytes>>,
}

// === impl ContentSection ===

impl ContentSection {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<ContentSettings, FieldError> {
        let max_bytes = match self.max_bytes {
            None => BYTES,
            Some(written) => usize::try_from(written.value.0)
                .ok()
                .filter(|_| (BYTES_MIN..=BYTES_MAX).contains(&written.value.0))
                .ok_or_else(|| {
                    let message = "telemetry.content.maxBytes: expected 64 bytes to 16KiB".into();
                    place.fault(written.referenced, message)
                })?,
        };
        Ok(ContentSettings { arguments: self.arguments, results: self.results, max_bytes })
    }
}

// === impl ContentSettings ===

impl ContentSettings {
    /// True if spans have neither.
    pub fn is_off(&self) -> bool {
        !self.arguments && !self.results
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<ContentSettings, String> {
        let section: ContentSection = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        section.resolve(&place).map_err(|error| error.to_string())
    }

    #[test]
    fn content_is_off_by_default_and_bounded() {
        assert_eq!(read("{}").unwrap(), ContentSettings { arguments: false, results: false, max_bytes: 4096 });
        let set = read("arguments: true\nmaxBytes: 1KiB\n").unwrap();
        assert_eq!((set.arguments, set.results, set.max_bytes, set.is_off()), (true, false, 1024, false));
        for text in ["maxBytes: 63\n", "maxBytes: 17KiB\n"] {
            let error = read(text).unwrap_err();
            assert_eq!(error, "executor.yaml:1:11: telemetry.content.maxBytes: expected 64 bytes to 16KiB");
        }
    }
}
