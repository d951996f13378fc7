//! Lines of the `log` crate in Envoy's own log.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::abi::{self, LogLevel};

struct EnvoyLog;

static ENVOY_LOG: EnvoyLog = EnvoyLog;

/// Sends all lines to Envoy's log. Only the first call has an effect.
pub(crate) fn install() {
    if log::set_logger(&ENVOY_LOG).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

impl Log for EnvoyLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        abi::log_enabled(level(metadata.level()))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            abi::log(level(record.level()), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
        Level::Trace => LogLevel::Trace,
    }
}
