//! Metrics of the process itself, under Prometheus's standard names. Read from `/proc` at each scrape.

use std::fs;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};

use crate::telemetry::logs;

/// The kernel's unit of processor time for programs, equal on every machine.
const TICKS_PER_SECOND: u64 = 100;

/// Memory, files, threads and processor time of this process.
#[derive(Debug)]
pub(super) struct Process;

/// Lines the log dropped.
#[derive(Debug)]
pub(super) struct LogLines;

/// One reading. A number the system does not report is left out.
#[derive(Debug, Default)]
struct Reading {
    resident: Option<u64>,
    address_space: Option<u64>,
    threads: Option<u64>,
    open_files: Option<u64>,
    max_files: Option<u64>,
    processor: Option<Duration>,
    start: Option<u64>,
}

// === impl Process ===

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let reading = Reading::now();
        if let Some(processor) = reading.processor {
            let counter = ConstCounter::new(processor.as_secs_f64());
            let help = "Processor time of this process, in user and system mode";
            counter.encode(encoder.encode_descriptor(
                "process_cpu",
                help,
                Some(&Unit::Seconds),
                counter.metric_type(),
            )?)?;
        }
        for (name, help, unit, value) in [
            ("process_resident_memory", "Memory that is in RAM", Some(Unit::Bytes), reading.resident),
            ("process_virtual_memory", "Address space that is in use", Some(Unit::Bytes), reading.address_space),
            ("process_start_time", "Start, since the Unix epoch", Some(Unit::Seconds), reading.start),
            ("process_open_fds", "Open file descriptors", None, reading.open_files),
            ("process_max_fds", "The most file descriptors that may be open", None, reading.max_files),
            ("process_threads", "Threads of this process", None, reading.threads),
        ] {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?)?;
        }
        Ok(())
    }
}

// === impl LogLines ===

impl Collector for LogLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counter = ConstCounter::new(logs::dropped());
        let help = "Log lines that were dropped because standard error was not read";
        counter.encode(encoder.encode_descriptor("log_lines_dropped", help, None, counter.metric_type())?)
    }
}

// === impl Reading ===

impl Reading {
    fn now() -> Self {
        let mut reading = Self {
            open_files: fs::read_dir("/proc/self/fd").ok().and_then(|entries| {
                // Reading the folder takes a descriptor, too.
                u64::try_from(entries.count()).ok()?.checked_sub(1)
            }),
            max_files: getrlimit(Resource::Nofile).current,
            ..Self::default()
        };
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            let kibibytes = |name| number(&status, name).and_then(|kib| kib.checked_mul(1024));
            reading.resident = kibibytes("VmRSS:");
            reading.address_space = kibibytes("VmSize:");
            reading.threads = number(&status, "Threads:");
        }
        if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
            // The second field is the program's name in brackets and may hold any characters.
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
            // Fields 14, 15 and 22 of proc(5); the first here is field 3.
            reading.processor = field(11).zip(field(12)).map(|(user, system)| ticks(user.saturating_add(system)));
            let boot = fs::read_to_string("/proc/stat").ok().and_then(|stat| number(&stat, "btime "));
            reading.start = field(19).zip(boot).map(|(since, boot)| boot.saturating_add(since / TICKS_PER_SECOND));
        }
        reading
    }
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND))
}

/// Returns the number after `name` at the start of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_read_whole() {
        let reading = Reading::now();
        assert!(reading.resident.is_some_and(|bytes| bytes > 1 << 20), "{reading:?}");
        assert!(reading.address_space >= reading.resident, "{reading:?}");
        assert!(reading.threads.is_some_and(|threads| threads >= 1), "{reading:?}");
        assert!(reading.open_files.is_some_and(|files| files >= 3), "{reading:?}");
        assert!(reading.processor.is_some() && reading.start.is_some_and(|start| start > 1_600_000_000), "{reading:?}");
    }
}
