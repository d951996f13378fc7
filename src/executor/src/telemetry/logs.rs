//! JSON lines on standard error: ours from `info`, the libraries' from `warn`.
//!
//! There is no switch for more, since the libraries' traces would show what passes through. A line that is written during a
//! call has the `trace_id` and `span_id` that belong to it, at the top, where OpenTelemetry looks for them in logs that did
//! not come by its own protocol.

use std::fmt::{self, Write as _};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// The library's JSON, with what names the trace.
struct Traced(Format<Json>);

/// Writes logs to standard error from now on.
pub fn to_stderr() {
    let targets =
        Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let json = Format::default().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Traced(json))
        .fmt_fields(JsonFields::new())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(targets).init();
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

/// A line with the trace's names put in at its end.
fn with_trace(line: &str, trace: &SpanContext) -> String {
    let Some(open) = line.trim_end().strip_suffix('}') else { return line.to_owned() };
    let mut line = open.to_owned();
    // A `String` takes whatever it is given.
    let _ = writeln!(line, ",\"trace_id\":\"{}\",\"span_id\":\"{}\"}}", trace.trace_id(), trace.span_id());
    line
}
