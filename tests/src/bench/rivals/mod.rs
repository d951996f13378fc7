//! The alternatives of a user, at the case of two calls: LiteLLM's proxy with its tool-permission guardrail, and the tool rail of
//! NeMo Guardrails for validation alone. One worker each, the same static upstream, in one run with the gate.

mod litellm;
mod nemo;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::case::{CASES, Case, Desk, TWO_CALLS};
use super::cores::Cores;
use super::exchange::Exchange;
use super::figures::Figures;
use super::load::{Closed, Length, Measure, Spread};
use super::process::resident;
use super::report::{Better, SummaryLine};
use super::stage::{Stage, check};
use super::upstream::StaticUpstream;
use super::variant::{BARE, Variant};
use crate::stack::{Artefacts, StackError, workspace};
use litellm::LiteLlm;

/// The name in files.
const LITELLM: &str = "litellm";
const CONNECTIONS: usize = 16;
/// LiteLLM is slow, so each load lasts longer than those of the other benches.
const TIMES: u32 = 3;

/// Returns the Python of the environment that `make setup-rivals` makes, if it exists.
fn python() -> Option<PathBuf> {
    Some(workspace().join(".callgate/rivals/bin/python")).filter(|python| python.is_file())
}

/// Measures them; prints how to get them if they are not installed.
pub(super) async fn measure(
    artefacts: &Artefacts,
    folder: &Path,
    rounds: usize,
    time: Duration,
) -> Result<Vec<SummaryLine>, StackError> {
    let Some(python) = python() else {
        println!("left out: LiteLLM and NeMo Guardrails are not installed; `make setup-rivals` installs them");
        return Ok(Vec::new());
    };
    let variants: Vec<Variant> =
        Variant::present(artefacts).into_iter().filter(|variant| variant.gate || variant.name == BARE).collect();
    let exchanges = Exchange::all();
    let cores = Cores::new();
    let upstream = StaticUpstream::start(&exchanges, &cores).map_err(StackError::io("starting the static upstream"))?;
    let usual = CASES.into_iter().find(|case| case.name == TWO_CALLS);
    let exchange = exchanges.iter().find(|exchange| exchange.name == TWO_CALLS);
    let (Some(case), Some(exchange)) = (usual, exchange) else { return Ok(Vec::new()) };
    let stage = Stage::start(&variants, &[Desk::Usual], upstream.address(), artefacts, folder).await?;
    println!("starting LiteLLM, which takes half a minute …");
    let litellm = LiteLlm::start(&python, upstream.address(), &cores, folder).await?;
    stage.pin(&cores);
    check(litellm.address, exchange, false, "LiteLLM").await?;
    litellm.check_refusal(exchange).await?;

    let mut figures = Figures::default();
    let servers = servers(&stage, &variants, &case, &litellm);
    for round in 1..=rounds {
        println!("rivals, round {round} of {rounds}: {CONNECTIONS} connections");
        for &(name, server, process) in &servers {
            let load = |time| Closed {
                requests: exchange.requests(false),
                server,
                process,
                connections: CONNECTIONS,
                length: Length::Time(time),
            };
            let failed = || StackError::io(name);
            load(time / 2).run(&cores).map_err(failed())?;
            figures.add(TWO_CALLS, name, load(time * TIMES).run(&cores).map_err(failed())?);
        }
    }
    let memory = |name: &str| {
        let process = servers.iter().find(|(server, ..)| *server == name).map(|(_, _, process)| *process);
        #[allow(clippy::cast_precision_loss, reason = "the size of a process")]
        process.and_then(|process| resident(process).ok()).map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20))
    };
    let mut lines: Vec<SummaryLine> =
        variants.iter().flat_map(|variant| against_litellm(&figures, variant, &memory)).collect();
    let rail = nemo::measure(&python, exchange, folder)?;
    lines.extend(
        variants.iter().filter(|variant| variant.gate).filter_map(|variant| against_rail(&figures, variant, rail)),
    );
    Ok(lines)
}

type Server = (&'static str, SocketAddr, u32);

fn servers(stage: &Stage, variants: &[Variant], case: &Case, litellm: &LiteLlm) -> Vec<Server> {
    let gates = variants
        .iter()
        .filter_map(|variant| stage.server(variant, case).map(|(address, process)| (variant.name, address, process)));
    gates.chain([(LITELLM, litellm.address, litellm.process.id())]).collect()
}

/// `rivals.VARIANT.throughput`, `.p50`, `.memory`: the variant's figures, against LiteLLM's.
fn against_litellm(figures: &Figures, variant: &Variant, memory: &dyn Fn(&str) -> f64) -> Vec<SummaryLine> {
    let (at, base) = ((TWO_CALLS, variant.name), (TWO_CALLS, LITELLM));
    let one = |measure: Measure, better: Better| {
        let value = figures.spread(at.0, at.1, measure)?.median;
        let (baseline, ratio) = (figures.spread(base.0, base.1, measure)?.median, figures.ratio(at, base, measure)?);
        let name = format!("rivals.{}.{}", variant.name, measure.name());
        Some(SummaryLine::new(&name, value, measure.unit(), baseline, LITELLM, ratio, better))
    };
    let name = format!("rivals.{}.memory", variant.name);
    let resident = SummaryLine::plain(&name, memory(variant.name), "MiB", memory(LITELLM), LITELLM, Better::Less);
    let lines = [one(Measure::Throughput, Better::More), one(Measure::P50, Better::Less)];
    lines.into_iter().flatten().chain([resident]).collect()
}

/// `rivals.VARIANT.added_cpu`: the CPU time that the gate adds to bare Envoy's for an exchange, against that of NeMo's rail, which
/// neither proxies nor parses HTTP.
fn against_rail(figures: &Figures, variant: &Variant, rail: f64) -> Option<SummaryLine> {
    let added = figures.added((TWO_CALLS, variant.name), (TWO_CALLS, BARE), Measure::Cpu)?;
    let ratio = Spread { low: added.low / rail, median: added.median / rail, high: added.high / rail };
    let name = format!("rivals.{}.added_cpu", variant.name);
    Some(SummaryLine::new(&name, added.median, "us", rail, "nemo_guardrails_rail", ratio, Better::Less))
}
