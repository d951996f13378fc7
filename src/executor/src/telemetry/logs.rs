//! Writes JSON lines to standard error: ours from `info` unless configured otherwise, the libraries' from `warn`.
//!
//! Logging never blocks. A separate thread writes the lines, those of [`GATHER`] together: under load a line costs
//! neither a write nor the wake of a thread. If standard error is not read, up to [`LINES`] lines wait; the rest are
//! dropped and counted. A closed standard error is not an error.
//!
//! The libraries' level cannot be raised, since their traces would show the payload. A line written during a call has
//! the call's `trace_id` and `span_id` at the top level. OpenTelemetry looks for them there in logs outside its own
//! protocol.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::panic;
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};

use super::settings::{Log, LogLevel};

/// The maximum lines waiting for standard error.
const LINES: usize = 8192;
/// The thread's pause after a write. Lines wait for it; no caller does.
const GATHER: Duration = Duration::from_millis(2);
/// The bytes of lines written at once.
const BLOCK: usize = 64 << 10;
/// The maximum time an ending process waits for its last lines to be read.
const FLUSH: Duration = Duration::from_secs(2);

/// Counts the lines dropped at a full queue, once the log has started.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// The process's log. [`Logs::flush`] writes its last lines.
pub struct Logs {
    writer: WorkerGuard,
    levels: reload::Handle<Targets, Registry>,
}

/// Writes lines in blocks. The log's thread flushes it once no line waits.
struct Blocks<W> {
    to: W,
    block: Vec<u8>,
}

/// The library's JSON, with the trace's identifiers.
struct Traced(Format<Json>);

/// Writes logs to standard error from now on, panics included.
pub fn start() -> Logs {
    let (lines, writer) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(Blocks { to: std::io::stderr(), block: Vec::new() });
    // It fails only if the log was started before; then `init` below fails, too.
    let _ = DROPPED.set(lines.error_counter());
    let (filter, levels) = reload::Layer::new(targets(&Log::default()));
    let json = Format::default().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Traced(json))
        .fmt_fields(JsonFields::new())
        // It would write to standard error itself and block.
        .log_internal_errors(false)
        .with_writer(lines);
    tracing_subscriber::registry().with(filter).with(lines).init();
    panic::set_hook(Box::new(|panic| {
        // The default hook writes to standard error itself and blocks. A panic's message may quote data, so it is left
        // out.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked");
    }));
    Logs { writer, levels }
}

/// Returns the lines dropped because standard error was not read.
pub fn dropped() -> u64 {
    DROPPED.get().map_or(0, |lines| u64::try_from(lines.dropped_lines()).unwrap_or(u64::MAX))
}

/// The crates whose lines are the executor's own.
const OURS: [&str; 7] = [
    "callgate_approvals",
    "callgate_audit",
    "callgate_counters",
    "callgate_executor",
    "callgate_sandbox",
    "callgate_settings",
    "callgate_state",
];

/// Returns the levels of all targets: only ours follow the configuration.
fn targets(log: &Log) -> Targets {
    let ours = OURS.map(|name| (name, filter(log.level)));
    let parts = log.targets.iter().map(|(part, level)| (target(part), filter(*level)));
    Targets::new()
        .with_default(LevelFilter::WARN)
        // Its warnings quote texts of MCP servers.
        .with_target("rmcp", LevelFilter::OFF)
        .with_targets(ours)
        .with_targets(parts)
}

/// The target of a part's lines: its crate, or its module of this crate.
fn target(part: &str) -> String {
    match part {
        "approvals" | "audit" | "counters" | "sandbox" | "state" => format!("callgate_{part}"),
        "once" => "callgate_executor::idempotency".into(),
        part => format!("callgate_executor::{part}"),
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

// === impl Logs ===

impl Logs {
    /// Uses the configured levels from now on.
    pub fn set_levels(&self, log: &Log) {
        // It fails only if the subscriber is gone, which lives as long as the process.
        let _ = self.levels.reload(targets(log));
    }

    /// Writes the last lines within a bounded time: an unread standard error does not delay the end of the process.
    pub fn flush(self) {
        let (done, written) = mpsc::channel();
        let Self { writer, .. } = self;
        // The guard prints if the lines are stuck, and could block too.
        let flushing = thread::Builder::new().name("log-flush".into()).spawn(move || {
            drop(writer);
            let _ = done.send(());
        });
        if flushing.is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

// === impl Blocks ===

impl<W: Write> Blocks<W> {
    /// Nobody can be told of an error: the lines are lost.
    fn write_out(&mut self) {
        let _ = self.to.write_all(&self.block);
        self.block.clear();
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.block.len() >= BLOCK {
            self.write_out();
        }
        self.block.extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out();
        thread::sleep(GATHER);
        Ok(())
    }
}

// === impl Traced ===

impl<S, N> FormatEvent<S, N> for Traced
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    Format<Json>: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let trace = Context::map_current(|context| context.span().span_context().clone());
        if !trace.is_valid() {
            return self.0.format_event(ctx, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        writer.write_str(&with_trace(&line, &trace))
    }
}

/// A line with the trace's identifiers at its end.
fn with_trace(line: &str, trace: &SpanContext) -> String {
    let Some(open) = line.trim_end().strip_suffix('}') else { return line.to_owned() };
    let mut line = open.to_owned();
    // Writing to a `String` never fails.
    let _ = writeln!(line, ",\"trace_id\":\"{}\",\"span_id\":\"{}\"}}", trace.trace_id(), trace.span_id());
    line
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn lines_are_written_together_and_a_closed_output_loses_only_lines() {
        let mut lines = Blocks { to: Vec::new(), block: Vec::new() };
        for line in ["a\n", "b\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        assert!(lines.to.is_empty());
        lines.flush().unwrap();
        assert_eq!(lines.to, b"a\nb\n");

        let mut room = [0; 3];
        let mut closed = Blocks { to: &mut room[..], block: Vec::new() };
        closed.write_all(b"abcd\n").unwrap();
        closed.flush().unwrap();
        assert!(closed.block.is_empty());
    }

    #[test]
    fn levels_are_for_our_own_parts_and_libraries_stay_at_warn() {
        let parts = vec![("transport", LogLevel::Debug), ("state", LogLevel::Info), ("once", LogLevel::Debug)];
        let targets = targets(&Log { level: LogLevel::Warn, targets: parts });
        assert!(targets.would_enable("callgate_executor::transport::serve", &Level::DEBUG));
        assert!(targets.would_enable("callgate_audit::writer", &Level::WARN));
        assert!(!targets.would_enable("callgate_audit::writer", &Level::INFO));
        assert!(targets.would_enable("callgate_state::database", &Level::INFO));
        assert!(targets.would_enable("callgate_executor::idempotency::shared", &Level::DEBUG));
        assert!(targets.would_enable("callgate_sandbox::slots", &Level::WARN));
        assert!(!targets.would_enable("callgate_sandbox::slots", &Level::INFO));
        assert!(!targets.would_enable("hyper::proto", &Level::INFO));
        assert!(!targets.would_enable("rmcp::service", &Level::ERROR));
    }
}
