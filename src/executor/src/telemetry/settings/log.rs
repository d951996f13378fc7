//! `telemetry.log`: the levels of the log.

use std::collections::BTreeMap;

use callgate_settings::{ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The executor's parts with a level of their own. Libraries have none: their lines would show the data of calls.
const PARTS: [&str; 15] = [
    "admission",
    "approvals",
    "audit",
    "backends",
    "config",
    "counters",
    "once",
    "queue",
    "reload",
    "sandbox",
    "server",
    "service",
    "state",
    "telemetry",
    "transport",
];

/// The levels of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The level of the executor's own lines.
    pub level: LogLevel,
    /// Parts of the executor with another level.
    pub targets: Vec<(&'static str, LogLevel)>,
}

/// The least severe lines in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Only errors.
    Error,
    /// Warnings, too.
    Warn,
    /// Each call and each change of state, too.
    Info,
    /// Details for debugging, too.
    Debug,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LogSection {
    level: Option<Spanned<String>>,
    #[serde(default)]
    targets: BTreeMap<String, Spanned<String>>,
}

impl LogSection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>) -> Result<Log, FieldError> {
        let level = match &self.level {
            None => LogLevel::Info,
            Some(written) => read("telemetry.log.level", written, place)?,
        };
        let targets = self.targets.iter().map(|(name, written)| {
            let Some(part) = PARTS.iter().find(|part| *part == name) else {
                let message = format!("telemetry.log.targets: unknown target `{name}`; known are {}", PARTS.join(", "));
                return Err(place.fault(written.referenced, message));
            };
            Ok((*part, read(&format!("telemetry.log.targets.{part}"), written, place)?))
        });
        Ok(Log { level, targets: targets.collect::<Result<_, _>>()? })
    }
}

fn read(field: &str, written: &Spanned<String>, place: &ConfigFile<'_>) -> Result<LogLevel, FieldError> {
    match written.value.as_str() {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        other => {
            let message = format!("{field}: expected error, warn, info or debug, found `{other}`");
            Err(place.fault(written.referenced, message))
        }
    }
}

// === impl Log ===

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, targets: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(text: &str) -> Result<Log, String> {
        let section: LogSection = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        section.resolve(&place).map_err(|error| error.to_string())
    }

    #[test]
    fn levels_are_read_and_faults_are_named() {
        assert_eq!(parsed("{}").unwrap(), Log::default());
        let log = parsed("level: warn\ntargets: { transport: debug }\n").unwrap();
        assert_eq!(log, Log { level: LogLevel::Warn, targets: vec![("transport", LogLevel::Debug)] });
        for (text, expected) in [
            (
                "level: trace\n",
                "executor.yaml:1:8: telemetry.log.level: expected error, warn, info or debug, found `trace`",
            ),
            (
                "targets: { hyper: debug }\n",
                "executor.yaml:1:19: telemetry.log.targets: unknown target `hyper`; known are",
            ),
            ("targets: { audit: 'off' }\n", "executor.yaml:1:19: telemetry.log.targets.audit: expected error, warn,"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
