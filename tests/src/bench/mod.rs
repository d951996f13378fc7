//! Measures the gate against the same Envoy without it, in one run on one machine: ratios, not records.
//!
//! Four Envoys with one worker each stand before one static upstream: bare, with an empty wasm filter, with one that buffers, copies
//! and writes back both bodies (the floor of this design), and with Callgate. The bench measures them in turn, round after round, and
//! takes the median of the rounds. Throughput comes from a closed loop of 32 connections. Added latency comes from a single connection,
//! so nothing queues. Load generator and upstream run on the same machine, so the table shows Envoy's own CPU time for a request, or
//! for one text delta of a stream, too.

mod exchange;
mod executor;
mod instances;
mod load;
mod report;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::http::{Connection, Protocol, Request};
use crate::stack::{Artefacts, Change, GatePlan, Model, Plan, Stack, StackError, workspace};
use exchange::StaticUpstream;
use load::{Load, Sample};
use report::Measured;

const CONNECTIONS: usize = 32;
/// Streams at a time; each brings a text delta a millisecond at most.
const STREAMS: usize = 16;

/// The length of a measurement.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Rounds; each measures every variant once
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of load for each variant in a round
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Only the executor, without any Envoy
    #[arg(long)]
    pub executor: bool,
}

const VARIANTS: [&str; 4] = ["bare", "noop", "copy", "callgate"];

/// Measures, prints a table, and writes `target/bench/summary.json`.
pub async fn bench(options: &Options) -> Result<(), StackError> {
    let artefacts = Artefacts::find()?;
    let time = Duration::try_from_secs_f64(options.seconds).unwrap_or(Duration::from_secs(3));
    if options.executor {
        return bench_executor(&artefacts, options, time).await;
    }
    for name in ["bench/noop.wasm", "bench/copy.wasm"] {
        artefacts.built("a filter to compare with", name)?;
    }
    let folder = tempfile::tempdir().map_err(StackError::io("a folder for the bench"))?;
    let upstream = StaticUpstream::start().map_err(StackError::io("starting the static upstream"))?;
    println!("starting four Envoys, one after the other …");
    let stack = Stack::start(&plan(upstream.address()), &artefacts, folder.path()).await?;
    check(&stack).await?;

    let mut under_load: [Vec<Sample>; 4] = Default::default();
    let mut alone: [Vec<Sample>; 4] = Default::default();
    let mut streams: [Vec<Sample>; 4] = Default::default();
    for round in 1..=options.rounds.max(1) {
        println!(
            "round {round} of {}: {CONNECTIONS} connections, one, and {STREAMS} streams on each of {}",
            options.rounds,
            VARIANTS.join(", ")
        );
        let variants = stack.gates().iter().zip(&mut under_load).zip(&mut alone).zip(&mut streams);
        for (((gate, under_load), alone), streams) in variants {
            let load = |request: &str, connections, time| {
                let request = request.to_owned();
                Load { request, server: gate.address, process: gate.envoy.id(), connections, time }.run()
            };
            let measure = |connections, time| load(exchange::REQUEST, connections, time);
            // The bench measures warm connections and caches.
            measure(CONNECTIONS, Duration::from_millis(300)).map_err(StackError::io(gate.name.clone()))?;
            under_load.push(measure(CONNECTIONS, time).map_err(StackError::io(gate.name.clone()))?);
            alone.push(measure(1, time / 3).map_err(StackError::io(gate.name.clone()))?);
            let streamed = load(&exchange::stream_request(), STREAMS, time);
            streams.push(streamed.map_err(StackError::io(gate.name.clone()))?);
        }
    }
    let calls = measure_executor(&artefacts, folder.path(), options, time).await?;

    let size = |path| std::fs::metadata(path).map(|data| data.len()).unwrap_or(0);
    let measured = Measured {
        under_load: under_load.map(|samples| Sample::median(&samples)),
        alone: alone.map(|samples| Sample::median(&samples)),
        streams: streams.map(|samples| Sample::median(&samples)),
        calls,
        module: (size(artefacts.filter.clone()), size(artefacts.dist.join("bench/copy.wasm"))),
        startup: stack.gates().iter().map(|gate| gate.startup).collect(),
    };
    measured.print();
    let file = workspace().join("target/bench/summary.json");
    measured.write(&file)?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

/// Measures the executor, prints a table, and writes `target/bench/executor.json`.
async fn bench_executor(artefacts: &Artefacts, options: &Options, time: Duration) -> Result<(), StackError> {
    let folder = tempfile::tempdir().map_err(StackError::io("a folder for the bench"))?;
    let entries = report::executor(&measure_executor(artefacts, folder.path(), options, time).await?);
    report::table(&entries);
    let file = workspace().join("target/bench/executor.json");
    report::write(&entries, &file)?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

async fn measure_executor(
    artefacts: &Artefacts,
    folder: &Path,
    options: &Options,
    time: Duration,
) -> Result<executor::ExecutorFigures, StackError> {
    println!("executor: calls of a tool that does nothing, against a bare gRPC echo, {} at a time", executor::AT_ONCE);
    executor::measure(artefacts, folder, options.rounds, time / 2).await
}

/// Serves the bare gRPC echo, the baseline of the executor, until the process ends.
pub async fn echo(listen: SocketAddr) -> Result<(), StackError> {
    crate::executor::echo(listen).await.map_err(StackError::io("starting the echo"))
}

fn plan(upstream: SocketAddr) -> Plan {
    let contract = workspace().join("tests/contracts/bench/contract.yaml");
    let changes: [Change; 4] = [
        |bootstrap, _| bootstrap.quiet().and_then(|()| bootstrap.without_filter()),
        |bootstrap, artefacts| {
            bootstrap.quiet().and_then(|()| bootstrap.other_filter(&artefacts.dist.join("bench/noop.wasm")))
        },
        |bootstrap, artefacts| {
            bootstrap.quiet().and_then(|()| bootstrap.other_filter(&artefacts.dist.join("bench/copy.wasm")))
        },
        |bootstrap, _| bootstrap.quiet(),
    ];
    let gate = |(name, change)| GatePlan { change: Some(change), ..GatePlan::new(name, &contract) };
    Plan { model: Model::At(upstream), gates: VARIANTS.into_iter().zip(changes).map(gate).collect(), one_by_one: true }
}

/// Checks every variant: its speed means nothing if it fails its job.
async fn check(stack: &Stack) -> Result<(), StackError> {
    for gate in stack.gates() {
        let unfit = |what: String| StackError::Unfit { what: format!("{} does not do its job: {what}", gate.name) };
        let mut connection = Connection::open(gate.address, Protocol::Http1).await.map_err(|e| unfit(e.to_string()))?;
        let mut request = Request::post(exchange::PATH, exchange::REQUEST.as_bytes().to_vec());
        for (name, value) in exchange::HEADERS {
            request = request.header(name, value);
        }
        let mut response = connection.send(request).await.map_err(|e| unfit(e.to_string()))?;
        let body = response.json().await.map_err(|e| unfit(e.to_string()))?;
        let calls = body.pointer("/choices/0/message/tool_calls").and_then(|calls| calls.as_array()).map(Vec::len);
        if (response.status, calls) != (200, Some(2)) {
            return Err(unfit(format!("status {}: {body}", response.status)));
        }
    }
    Ok(())
}
