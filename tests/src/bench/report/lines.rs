//! All lines of a run of the gate.

use super::line::{Better, SummaryLine};
use crate::bench::Measured;
use crate::bench::case::{Case, Desk, TOOLS_1};
use crate::bench::load::{Measure, Spread};
use crate::bench::rounds::{HALF_LOAD, HALF_LOAD_BARE};
use crate::bench::variant::{BARE, HARNESS};

impl Measured {
    /// Returns a line for every figure.
    pub(crate) fn lines(&self) -> Vec<SummaryLine> {
        let mut lines: Vec<SummaryLine> = self.cases.iter().flat_map(|case| self.of_case(case)).collect();
        lines.extend(self.half_load());
        lines.extend(self.residences());
        lines
    }

    /// `CASE.VARIANT.MEASURE`, against bare Envoy; for contracts with many tools also against one tool.
    fn of_case(&self, case: &Case) -> Vec<SummaryLine> {
        let mut lines = Vec::new();
        let figures = &self.figures;
        let mut add = |name: String, at: (&str, &str), base: (&str, &str), word: &str, measure: Measure| {
            let (value, baseline) = (figures.spread(at.0, at.1, measure), figures.spread(base.0, base.1, measure));
            let (Some(value), Some(baseline), Some(ratio)) = (value, baseline, figures.ratio(at, base, measure)) else {
                return;
            };
            lines.push(SummaryLine::new(
                &name,
                value.median,
                measure.unit(),
                baseline.median,
                word,
                ratio,
                better(measure),
            ));
        };
        for variant in &self.variants {
            let at = (case.name, variant.name);
            let measures = [Measure::Throughput, Measure::Cpu, Measure::P50, Measure::P99];
            for measure in measures.into_iter().filter(|measure| !case.paced || *measure == Measure::Cpu) {
                let name = format!("{}.{}.{}", case.name, variant.name, measure.name());
                add(name, at, (case.name, BARE), BARE, measure);
            }
            if variant.gate && case.desk != Desk::Usual {
                let name = format!("{}.{}.cpu_of_one_tool", case.name, variant.name);
                add(name, at, (TOOLS_1, variant.name), TOOLS_1, Measure::Cpu);
            }
            if let Some(floor) = variant.floor.filter(|_| !case.paced) {
                let name = format!("{}.{}.throughput_of_floor", case.name, variant.name);
                add(name, at, (case.name, floor), floor, Measure::Throughput);
            }
        }
        let name = format!("{}.{HARNESS}.throughput", case.name);
        add(name, (case.name, HARNESS), (case.name, BARE), BARE, Measure::Throughput);
        lines
    }

    /// `half_load.VARIANT.added_p50` and `.added_p99`, against bare Envoy at the same rate.
    fn half_load(&self) -> Vec<SummaryLine> {
        let one = |variant: &'static str, measure: Measure| {
            let (at, base) = ((HALF_LOAD, variant), (HALF_LOAD_BARE, variant));
            let added = self.figures.added(at, base, measure)?;
            let bare = self.figures.spread(base.0, base.1, measure)?.median;
            let ratio = Spread { low: added.low / bare, median: added.median / bare, high: added.high / bare };
            let name = format!("{HALF_LOAD}.{variant}.added_{}", measure.name());
            Some(SummaryLine::new(&name, added.median, "us", bare, BARE, ratio, Better::Less))
        };
        self.variants.iter().flat_map(|v| [one(v.name, Measure::P50), one(v.name, Measure::P99)]).flatten().collect()
    }

    /// `startup.VARIANT`, `memory.VARIANT.idle`, `memory.VARIANT.loaded`, against bare Envoy; with `.tools_N` for large contracts.
    fn residences(&self) -> Vec<SummaryLine> {
        let of = |variant: &'static str, desk: Desk| {
            self.residences.iter().filter(move |r| r.variant == variant && r.desk == desk).collect::<Vec<_>>()
        };
        let mut lines = Vec::new();
        for variant in &self.variants {
            for &desk in self.desks.iter().filter(|desk| variant.gate || **desk == Desk::Usual) {
                let (these, bare) = (of(variant.name, desk), of(BARE, Desk::Usual));
                if these.is_empty() || bare.is_empty() {
                    continue;
                }
                let suffix = match desk {
                    Desk::Usual => String::new(),
                    Desk::Tools(tools) => format!(".tools_{tools}"),
                };
                let mut add = |name: &str, unit: &str, figure: fn(&crate::bench::stage::Residence) -> f64| {
                    let base = Spread::of(bare.iter().map(|r| figure(r))).median;
                    let value = Spread::of(these.iter().map(|r| figure(r)));
                    let ratio = Spread { low: value.low / base, median: value.median / base, high: value.high / base };
                    let name = format!("{name}.{}{suffix}", variant.name);
                    lines.push(SummaryLine::new(&name, value.median, unit, base, BARE, ratio, Better::Less));
                };
                add("startup", "s", |r| r.startup);
                add("memory_idle", "MiB", |r| r.idle);
                add("memory_loaded", "MiB", |r| r.now);
            }
        }
        lines
    }
}

pub(super) fn better(measure: Measure) -> Better {
    if measure.rises() { Better::More } else { Better::Less }
}
