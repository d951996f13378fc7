//! The rounds of a run: each measures every variant in every case, so slow changes of the machine reach all of them.

use std::time::{Duration, Instant};

use super::Settings;
use super::case::{Case, TWO_CALLS};
use super::cores::Cores;
use super::exchange::Exchange;
use super::figures::Figures;
use super::load::{Closed, Length, Measure, Open};
use super::stage::{Stage, check};
use super::upstream::StaticUpstream;
use super::variant::{BARE, HARNESS, Variant};
use crate::stack::StackError;

/// Part of a measurement that warms connections and caches first.
const WARM_UP: u32 = 8;

/// The parts of a run.
pub(super) struct Run<'a> {
    pub(super) cases: &'a [Case],
    pub(super) variants: &'a [Variant],
    pub(super) exchanges: &'a [Exchange],
    pub(super) stage: &'a Stage,
    pub(super) upstream: &'a StaticUpstream,
    pub(super) cores: &'a Cores,
    pub(super) settings: &'a Settings,
}

impl Run<'_> {
    /// Checks that every variant does its job in every case.
    pub(super) async fn check(&self) -> Result<(), StackError> {
        for (case, exchange) in self.with_exchanges() {
            for variant in self.variants {
                let Some((server, _)) = self.stage.server(variant, case) else { continue };
                check(server, exchange, !variant.gate, variant.title).await?;
            }
        }
        Ok(())
    }

    /// Measures until all rounds are done or the time is over; at least one round.
    pub(super) fn measure(&self, figures: &mut Figures) -> Result<usize, StackError> {
        let began = Instant::now();
        for round in 1..=self.settings.rounds {
            let took = began.elapsed();
            let next = took / u32::try_from(round.saturating_sub(1).max(1)).unwrap_or(1);
            if round > 1 && took + next > self.settings.limit {
                println!("no time for round {round}: {} s are over (--minutes)", took.as_secs());
                return Ok(round - 1);
            }
            println!("round {round} of {}, after {} s", self.settings.rounds, took.as_secs());
            for (case, exchange) in self.with_exchanges() {
                self.case(case, exchange, round, figures)?;
            }
        }
        Ok(self.settings.rounds)
    }

    fn case(&self, case: &Case, exchange: &Exchange, round: usize, figures: &mut Figures) -> Result<(), StackError> {
        let mut line = format!("  {:<26}", case.title);
        // Another order in each round, so nobody always runs after the same neighbour.
        for n in 0..self.variants.len() {
            let Some(variant) = self.variants.get((n + round) % self.variants.len()) else { continue };
            let Some((server, process)) = self.stage.server(variant, case) else { continue };
            let load = |time| Closed {
                requests: exchange.requests(!variant.gate),
                server,
                process,
                connections: case.connections,
                length: Length::Time(time),
            };
            let failed = || StackError::io(format!("{} in {}", variant.title, case.title));
            if !case.paced {
                load(self.settings.time / WARM_UP).run(self.cores).map_err(failed())?;
            }
            let sample = load(self.settings.time).run(self.cores).map_err(failed())?;
            line += &format!("  {} {:.0} us", variant.name, sample.cpu);
            figures.add(case.name, variant.name, sample);
        }
        println!("{line}");
        if !case.paced {
            self.harness(case, exchange, figures)?;
        }
        Ok(())
    }

    /// The load generator straight at the upstream: it must be able to do much more than bare Envoy.
    fn harness(&self, case: &Case, exchange: &Exchange, figures: &mut Figures) -> Result<(), StackError> {
        let load = Closed {
            requests: exchange.requests(true),
            server: self.upstream.address(),
            process: std::process::id(),
            connections: case.connections,
            length: Length::Time(self.settings.time / 2),
        };
        let sample = load.run(self.cores).map_err(StackError::io("the load generator alone"))?;
        figures.add(case.name, HARNESS, sample);
        Ok(())
    }

    /// Measures latency of each variant and of bare Envoy, both at half of the variant's own throughput.
    pub(super) fn half_load(&self, figures: &mut Figures) -> Result<(), StackError> {
        let two_calls = self.with_exchanges().find(|(case, _)| case.name == TWO_CALLS);
        let Some((case, exchange)) = two_calls else { return Ok(()) };
        let bare = self.variants.iter().find(|variant| variant.name == BARE);
        let Some(bare) = bare.and_then(|bare| self.stage.server(bare, case)) else { return Ok(()) };
        let Some(request) = exchange.requests(false).into_iter().next() else { return Ok(()) };
        for round in 1..=self.settings.rounds {
            println!("half load, round {round} of {}", self.settings.rounds);
            for variant in self.variants.iter().filter(|variant| variant.name != BARE) {
                let Some(server) = self.stage.server(variant, case) else { continue };
                let Some(full) = figures.spread(case.name, variant.name, Measure::Throughput) else { continue };
                let rate = full.median / 2.0;
                let load = |(server, process)| {
                    let time = self.settings.time * 2;
                    Open { request: request.clone(), server, process, rate, time }.run(self.cores)
                };
                match (load(server), load(bare)) {
                    (Ok(sample), Ok(bare)) => {
                        figures.add(HALF_LOAD, variant.name, sample);
                        figures.add(HALF_LOAD_BARE, variant.name, bare);
                    }
                    // A busy machine may be too slow for this rate now. The figures so far are worth more than this one.
                    (Err(error), _) | (_, Err(error)) => println!("  left out: {}: {error}", variant.title),
                }
            }
        }
        Ok(())
    }

    fn with_exchanges(&self) -> impl Iterator<Item = (&Case, &Exchange)> {
        let of = |case: &Case| self.exchanges.iter().find(|exchange| exchange.name == case.exchange);
        self.cases.iter().filter_map(move |case| of(case).map(|exchange| (case, exchange)))
    }
}

/// The pseudo-case of latency at half load.
pub(super) const HALF_LOAD: &str = "half_load";
/// Bare Envoy at the rate of a variant.
pub(super) const HALF_LOAD_BARE: &str = "half_load_bare";

/// Times of a run.
impl Settings {
    /// An estimate of a whole run, for the first line.
    pub(super) fn estimate(&self, cases: &[Case], variants: usize) -> Duration {
        let cells = u32::try_from(cases.len() * (variants + 1) * self.rounds).unwrap_or(u32::MAX);
        (self.time + self.time / WARM_UP) * cells
    }
}
