//! The lines of the executor.

use super::line::{Better, SummaryLine};
use crate::bench::executor::ExecutorFigures;

/// Returns them.
pub(crate) fn lines(calls: &ExecutorFigures) -> Vec<SummaryLine> {
    use Better::{Less, More};
    let ExecutorFigures { executor, echo, duration, instances, .. } = calls;
    #[allow(clippy::cast_precision_loss, reason = "sizes of processes")]
    let [idle, loaded, hundred] = calls.resident.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let [cold, warm] = calls.startup.map(|took| took.as_secs_f64());
    let [cold_python, warm_python] = calls.interpreter.map(|took| took.as_secs_f64());
    let echoed = "bare gRPC echo";
    vec![
        SummaryLine::plain("executor_noop.throughput", executor.throughput, "calls/s", echo.throughput, echoed, More),
        SummaryLine::plain("executor_noop.p50", executor.p50, "us", echo.p50, echoed, Less),
        SummaryLine::plain("executor_noop.p99", executor.p99, "us", echo.p99, echoed, Less),
        SummaryLine::plain(
            "executor_noop.duration",
            *duration,
            "us",
            instances.run,
            "wasmtime's own instance, and its run",
            Less,
        ),
        SummaryLine::plain("wasmtime.instance", instances.wasi, "us", instances.empty, "that of an empty module", Less),
        SummaryLine::plain("executor.resident", loaded, "MiB", idle, "idle, before the load", Less),
        SummaryLine::plain("executor_100_tools.resident", hundred, "MiB", idle, "idle, with one tool", Less),
        SummaryLine::plain("executor_100_tools.startup", warm, "s", cold, "the first start", Less),
        SummaryLine::plain("executor_python.startup", warm_python, "s", cold_python, "the first start", Less),
    ]
}
