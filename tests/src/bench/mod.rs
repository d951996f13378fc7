//! Measures the gate against the same Envoy without it, in one run on one machine: ratios, not records.
//!
//! ```text
//! load generator ─► Envoy, one worker, in each variant ─► static upstream
//! ```
//!
//! [`case::CASES`] says what is asked, [`variant::VARIANTS`] who answers. Each round measures all of them in turn, and each ratio is
//! taken within a round. A closed loop shows throughput. An open loop at half of a variant's throughput shows added latency. Load
//! generator and upstream run on the same machine, so the tables show Envoy's own CPU time for an exchange too, and how busy its
//! processor was. docs/contribute/benchmarks.md explains the figures.

mod against;
mod case;
mod cores;
mod desks;
mod exchange;
mod executor;
mod figures;
mod framing;
mod growth;
mod instances;
mod load;
mod process;
mod report;
mod rivals;
mod rounds;
mod stage;
mod upstream;
mod variant;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::stack::{Artefacts, GateHost, StackError, workspace};
use case::{Case, Desk};
use cores::Cores;
use exchange::Exchange;
use figures::Figures;
pub use growth::growth;
pub use process::resident;
use rounds::Run;
use stage::{Residence, Stage};
use upstream::StaticUpstream;
use variant::Variant;

/// The length of a measurement.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Rounds; each measures every variant in every case once
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds of load for each variant in a case of a round
    #[arg(long, default_value_t = 0.8)]
    pub seconds: f64,
    /// Minutes after which no further round begins
    #[arg(long, default_value_t = 8.5)]
    pub minutes: f64,
    /// Two short rounds, without the executor: a check that everything runs, in about two minutes
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    pub quick: bool,
    /// Only this case, without the executor; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    pub cases: Vec<String>,
    /// Only the executor, without any Envoy
    #[arg(long)]
    pub executor: bool,
    /// With --executor: only its calls against the echo, for comparisons and profilers
    #[arg(long, requires = "executor")]
    pub calls: bool,
    /// Only LiteLLM and NeMo Guardrails against the gate; `make setup-rivals` installs them
    #[arg(long, conflicts_with = "executor")]
    pub rivals: bool,
    /// Fail if a ratio is worse than in this file by more than its noise: a summary.json, or a ratios.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["executor", "rivals"])]
    pub against: Option<PathBuf>,
}

/// The times of a run.
#[derive(Debug, Clone, Copy)]
struct Settings {
    rounds: usize,
    time: Duration,
    limit: Duration,
    /// Starts of each Envoy, to measure start-up.
    starts: usize,
}

impl Options {
    fn settings(&self) -> Settings {
        let seconds =
            |seconds: f64, default| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(default));
        let limit = seconds(self.minutes * 60.0, 510);
        if self.quick {
            return Settings { rounds: 2, time: Duration::from_millis(250), limit, starts: 1 };
        }
        Settings { rounds: self.rounds.max(1), time: seconds(self.seconds, 1), limit, starts: 3 }
    }
}

/// All measurements of the gate.
struct Measured {
    cases: Vec<Case>,
    variants: Vec<Variant>,
    desks: Vec<Desk>,
    figures: Figures,
    residences: Vec<Residence>,
    /// Bytes of Callgate's module, and of the copying one.
    module: (f64, f64),
    /// Rounds that were done.
    rounds: usize,
    /// A sentence about processors.
    placement: &'static str,
}

/// Measures, prints tables, and writes `target/bench/summary.json`.
pub async fn bench(options: &Options) -> Result<(), StackError> {
    let mut artefacts = Artefacts::find()?;
    // Every variant starts from the configuration of the wasm filter.
    artefacts.host = GateHost::Wasm;
    artefacts.filter = artefacts.built("the filter", GateHost::Wasm.module())?;
    let settings = options.settings();
    let folder = tempfile::tempdir().map_err(StackError::io("a folder for the bench"))?;
    if options.executor && options.calls {
        return finish(&calls(&artefacts, folder.path(), &settings).await?, "calls.json");
    }
    if options.executor {
        return bench_executor(&artefacts, folder.path(), &settings).await;
    }
    if options.rivals {
        let lines = rivals::measure(&artefacts, folder.path(), settings.rounds, settings.time).await?;
        return if lines.is_empty() { Ok(()) } else { finish(&lines, "rivals.json") };
    }
    let earlier = options.against.as_deref().map(report::read).transpose()?;
    let measured = measure(options, &settings, &artefacts, folder.path()).await?;
    let mut shown = measured.headlines();
    if options.cases.is_empty() && !options.quick {
        let calls = measure_executor(&artefacts, folder.path(), &settings).await?;
        shown.extend(report::executor(&calls));
    }
    measured.print();
    println!();
    report::print(&shown);
    let lines: Vec<_> = shown.into_iter().chain(measured.lines()).collect();
    let results = results();
    report::write(&lines, &results.join("summary.json"))?;
    let steady: Vec<_> = lines.iter().filter(|line| line.steady()).cloned().collect();
    report::write(&steady, &results.join("ratios.json"))?;
    measured.plot(&results)?;
    println!("\nwritten to {}: summary.json, ratios.json and plots (SVG)", results.display());
    earlier.map_or(Ok(()), |earlier| against::compare(&lines, &earlier, !options.cases.is_empty()))
}

/// The folder of results.
fn results() -> PathBuf {
    workspace().join("target/bench")
}

/// Prints lines and writes them into a file of the results.
fn finish(lines: &[report::SummaryLine], name: &str) -> Result<(), StackError> {
    report::print(lines);
    let file = results().join(name);
    report::write(lines, &file)?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

async fn measure(
    options: &Options,
    settings: &Settings,
    artefacts: &Artefacts,
    folder: &Path,
) -> Result<Measured, StackError> {
    let cases = case::chosen(&options.cases).map_err(|what| StackError::Unfit { what })?;
    let variants = Variant::present(artefacts);
    let exchanges = Exchange::all();
    let cores = Cores::new();
    let upstream = StaticUpstream::start(&exchanges, &cores).map_err(StackError::io("starting the static upstream"))?;
    let mut desks: Vec<Desk> = [Desk::Usual].into_iter().chain(cases.iter().map(|case| case.desk)).collect();
    desks.sort_unstable();
    desks.dedup();
    println!(
        "about {} s of load; starting Envoys, one after the other …",
        settings.estimate(&cases, variants.len()).as_secs()
    );
    let mut residences = Vec::new();
    for n in 1..settings.starts {
        let folder = folder.join(format!("start-{n}"));
        std::fs::create_dir_all(&folder).map_err(StackError::io("a folder for a start"))?;
        let stage = Stage::start(&variants, &[Desk::Usual], upstream.address(), artefacts, &folder).await?;
        residences.extend(stage.residences().into_iter().map(|residence| Residence { now: f64::NAN, ..residence }));
    }
    let stage = Stage::start(&variants, &desks, upstream.address(), artefacts, folder).await?;
    stage.pin(&cores);
    let run = Run {
        cases: &cases,
        variants: &variants,
        exchanges: &exchanges,
        stage: &stage,
        upstream: &upstream,
        cores: &cores,
        settings,
    };
    run.check().await?;
    let mut figures = Figures::default();
    let rounds = run.measure(&mut figures)?;
    run.half_load(&mut figures)?;
    residences.extend(stage.residences());
    let module = (size(&artefacts.filter), size(&artefacts.dist.join("bench/copy.wasm")));
    Ok(Measured { figures, residences, module, rounds, placement: cores.sentence(), cases, variants, desks })
}

#[allow(clippy::cast_precision_loss, reason = "the size of a file")]
fn size(file: &Path) -> f64 {
    std::fs::metadata(file).map_or(f64::NAN, |data| data.len() as f64)
}

/// Measures the executor, prints a table, and writes `target/bench/executor.json`.
async fn bench_executor(artefacts: &Artefacts, folder: &Path, settings: &Settings) -> Result<(), StackError> {
    let lines = report::executor(&measure_executor(artefacts, folder, settings).await?);
    finish(&lines, "executor.json")
}

async fn measure_executor(
    artefacts: &Artefacts,
    folder: &Path,
    settings: &Settings,
) -> Result<executor::ExecutorFigures, StackError> {
    println!("executor: calls of a tool that does nothing, against a bare gRPC echo, {} at a time", executor::AT_ONCE);
    executor::measure(artefacts, folder, settings.rounds, settings.time).await
}

/// Measures only the calls of the executor.
async fn calls(
    artefacts: &Artefacts,
    folder: &Path,
    settings: &Settings,
) -> Result<Vec<report::SummaryLine>, StackError> {
    let (executor, echo) = executor::calls(artefacts, folder, settings.rounds, settings.time).await?;
    Ok(report::calls(&executor, &echo))
}

/// Serves the bare gRPC echo, the baseline of the executor, until the process ends.
pub async fn echo(listen: SocketAddr) -> Result<(), StackError> {
    crate::executor::echo(listen).await.map_err(StackError::io("starting the echo"))
}
