//! Prints the measurements, and writes them as JSON.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::exchange::DELTAS;
use super::executor::ExecutorFigures;
use super::load::Sample;
use super::{CONNECTIONS, VARIANTS};
use crate::stack::StackError;

/// All measurements. Arrays are in the order of [`VARIANTS`].
#[derive(Debug)]
pub(super) struct Measured {
    /// With many connections.
    pub(super) under_load: [Sample; 4],
    /// With one.
    pub(super) alone: [Sample; 4],
    /// Streams of text, many at a time.
    pub(super) streams: [Sample; 4],
    /// The executor.
    pub(super) calls: ExecutorFigures,
    /// Bytes of Callgate's module, and of the copying one.
    pub(super) module: (u64, u64),
    /// Time from Envoy's start to readiness.
    pub(super) startup: Vec<Duration>,
}

/// One line of the summary, compared with `baseline`.
pub(super) struct SummaryLine {
    name: &'static str,
    value: f64,
    unit: &'static str,
    baseline: f64,
    against: &'static str,
}

impl Measured {
    fn entries(&self) -> Vec<SummaryLine> {
        let [bare, noop, copy, gate] = self.under_load;
        let [bare_alone, _, _, gate_alone] = self.alone;
        let startup = |n: usize| self.startup.get(n).map_or(f64::NAN, Duration::as_secs_f64);
        #[allow(clippy::cast_precision_loss, reason = "a small count")]
        let delta = |n: usize| self.streams.get(n).map_or(f64::NAN, |sample| sample.cpu / DELTAS as f64);
        #[allow(clippy::cast_precision_loss, reason = "sizes of files")]
        let (module, copy_module) = (self.module.0 as f64, self.module.1 as f64);
        let mut entries = vec![
            entry("unary_2_calls.throughput", gate.throughput, "requests/s", copy.throughput, "copy_wasm.throughput"),
            entry(
                "unary_2_calls.added_p50",
                gate_alone.p50 - bare_alone.p50,
                "us",
                bare_alone.p50,
                "p50 of bare Envoy",
            ),
            entry(
                "unary_2_calls.added_p99",
                gate_alone.p99 - bare_alone.p99,
                "us",
                bare_alone.p99,
                "p99 of bare Envoy",
            ),
            entry("noop_wasm.throughput", noop.throughput, "requests/s", bare.throughput, "bare Envoy"),
            entry("copy_wasm.throughput", copy.throughput, "requests/s", bare.throughput, "bare Envoy"),
            entry("text_delta.cpu", delta(3), "us", delta(1), "noop_wasm, CPU for a delta"),
            entry("noop_wasm.text_delta.cpu", delta(1), "us", delta(0), "bare Envoy, CPU for a delta"),
            entry("module.bytes", module, "bytes", copy_module, "the copying filter"),
            entry("envoy.startup", startup(3), "s", startup(0), "bare Envoy"),
        ];
        entries.extend(executor(&self.calls));
        entries
    }

    /// Prints two tables on standard output.
    pub(super) fn print(&self) {
        println!(
            "\n{:<10}{:>12}{:>12}{:>12}{:>13}{:>14}{:>14}{:>12}",
            "Envoy", "requests/s", "p50", "p99", "CPU/request", "p50, alone", "p99, alone", "start-up"
        );
        let rows = VARIANTS.iter().zip(self.under_load).zip(self.alone).zip(&self.startup);
        for (((name, load), alone), startup) in rows {
            let startup = startup.as_secs_f64();
            println!(
                "{name:<10}{:>12.0}{:>9.0} us{:>9.0} us{:>10.0} us{:>11.0} us{:>11.0} us{startup:>10.1} s",
                load.throughput, load.p50, load.p99, load.cpu, alone.p50, alone.p99
            );
        }
        println!("({CONNECTIONS} connections; alone: one connection; one worker; medians)\n");
        table(&self.entries());
        let floor = self.under_load.map(|sample| sample.throughput);
        let [bare, _, copy, gate] = floor;
        let word = if gate / copy >= 0.75 { "as expected" } else { "below the 0.75 that is expected" };
        println!(
            "\nCallgate reaches {:.2} of the floor of this design ({word}), and {:.2} of bare Envoy.",
            gate / copy,
            gate / bare
        );
        let [bare, _, copy, gate] = self.under_load.map(|sample| sample.cpu);
        println!(
            "By Envoy's own CPU time for a request: {:.2} of the floor, {:.2} of bare Envoy.",
            copy / gate,
            bare / gate
        );
    }

    /// Writes the summary as JSON.
    pub(super) fn write(&self, file: &Path) -> Result<(), StackError> {
        write(&self.entries(), file)
    }
}

fn entry(name: &'static str, value: f64, unit: &'static str, baseline: f64, against: &'static str) -> SummaryLine {
    SummaryLine { name, value, unit, baseline, against }
}

/// Returns the lines of the executor.
pub(super) fn executor(calls: &ExecutorFigures) -> Vec<SummaryLine> {
    let ExecutorFigures { executor, echo, duration, instances, .. } = calls;
    #[allow(clippy::cast_precision_loss, reason = "sizes of processes")]
    let [idle, loaded, hundred] = calls.resident.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let [cold, warm] = calls.startup.map(|took| took.as_secs_f64());
    let [cold_python, warm_python] = calls.interpreter.map(|took| took.as_secs_f64());
    vec![
        entry("executor_noop.throughput", executor.throughput, "calls/s", echo.throughput, "bare gRPC echo"),
        entry("executor_noop.p50", executor.p50, "us", echo.p50, "bare gRPC echo"),
        entry("executor_noop.p99", executor.p99, "us", echo.p99, "bare gRPC echo"),
        entry("executor_noop.duration", *duration, "us", instances.run, "wasmtime's own instance, and its run"),
        entry("wasmtime.instance", instances.wasi, "us", instances.empty, "that of an empty module"),
        entry("executor.resident", loaded, "MiB", idle, "idle, before the load"),
        entry("executor_100_tools.resident", hundred, "MiB", idle, "idle, with one tool"),
        entry("executor_100_tools.startup", warm, "s", cold, "the first start"),
        entry("executor_python.startup", warm_python, "s", cold_python, "the first start"),
    ]
}

/// Prints a table on standard output.
pub(super) fn table(entries: &[SummaryLine]) {
    println!("{:<28}{:>14} {:<12}{:>8}  against", "", "value", "unit", "ratio");
    for entry in entries {
        let (value, ratio) = (number(entry.value), entry.value / entry.baseline);
        let (name, unit, against) = (entry.name, entry.unit, entry.against);
        println!("{name:<28}{value:>14} {unit:<12}{ratio:>8.2}  {against} ({})", number(entry.baseline));
    }
}

/// Writes a table as JSON.
pub(super) fn write(entries: &[SummaryLine], file: &Path) -> Result<(), StackError> {
    let one = |e: &SummaryLine| {
        let (value, baseline, ratio) = (round(e.value), round(e.baseline), round(e.value / e.baseline));
        json!({"name": e.name, "value": value, "unit": e.unit, "baseline": baseline, "ratio": ratio})
    };
    let list: Vec<Value> = entries.iter().map(one).collect();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(StackError::io(folder.display().to_string()))?;
    }
    let text = serde_json::to_string_pretty(&list).unwrap_or_default() + "\n";
    fs::write(file, text).map_err(StackError::io(file.display().to_string()))
}

fn number(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
