//! The lines of the executor.

use super::line::{Better, SummaryLine};
use crate::bench::executor::ExecutorFigures;
use crate::bench::load::{Measure, Sample, Spread};

/// Returns them.
pub(crate) fn lines(calls: &ExecutorFigures) -> Vec<SummaryLine> {
    use Better::Less;
    let ExecutorFigures { executor, echo, duration, instances, .. } = calls;
    #[allow(clippy::cast_precision_loss, reason = "sizes of processes")]
    let [idle, loaded, hundred] = calls.resident.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let [cold, warm] = calls.startup.map(|took| took.as_secs_f64());
    let [cold_python, warm_python] = calls.interpreter.map(|took| took.as_secs_f64());
    let mut lines = noop(executor, echo);
    lines.extend([
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
    ]);
    lines
}

/// Returns the lines of its calls alone.
pub(crate) fn noop(executor: &[Sample], echo: &[Sample]) -> Vec<SummaryLine> {
    use Better::{Less, More};
    let line = |measure: Measure, unit: &str, better: Better| {
        let ratios = executor.iter().zip(echo).map(|(executor, echo)| executor.get(measure) / echo.get(measure));
        let [value, baseline] = [executor, echo].map(|samples| Sample::median(samples).get(measure));
        let name = format!("executor_noop.{}", measure.name());
        SummaryLine::new(&name, value, unit, baseline, "bare gRPC echo", Spread::of(ratios), better)
    };
    // The client's own processor time for a call, in microseconds.
    let client = |sample: &Sample| sample.harness * 1e6 / sample.throughput;
    let ratios = executor.iter().zip(echo).map(|(executor, echo)| client(executor) / client(echo));
    let [value, baseline] = [executor, echo].map(|samples| Spread::of(samples.iter().map(client)).median);
    vec![
        SummaryLine::new("executor_noop.client", value, "us", baseline, "bare gRPC echo", Spread::of(ratios), Less),
        line(Measure::Throughput, "calls/s", More),
        line(Measure::Cpu, "us", Less),
        line(Measure::P50, "us", Less),
        line(Measure::P99, "us", Less),
    ]
}
