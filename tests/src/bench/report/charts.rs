//! The plots of a run.

use std::path::Path;

use super::plot::Plot;
use crate::bench::Measured;
use crate::bench::case::{Case, Desk};
use crate::bench::load::{Measure, Spread};
use crate::bench::rounds::{HALF_LOAD, HALF_LOAD_BARE};
use crate::bench::stage::Residence;
use crate::bench::variant::{BARE, Variant};
use crate::stack::StackError;

impl Measured {
    /// Writes all plots into a folder. A plot without bars is not written.
    pub(crate) fn plot(&self, folder: &Path) -> Result<(), StackError> {
        let ratios = [
            ("throughput.svg", "Throughput", "bare Envoy is 1; more is better", Measure::Throughput),
            ("cpu.svg", "Envoy's CPU time for an exchange", "bare Envoy is 1; less is better", Measure::Cpu),
        ];
        for (file, title, axis, measure) in ratios {
            let shown = |case: &&Case| measure == Measure::Cpu || !case.paced;
            let group = |case: &Case| {
                let ratio = |v: &Variant| self.figures.ratio((case.name, v.name), (case.name, BARE), measure);
                (case.title, self.others().map(ratio).collect())
            };
            let groups = self.cases.iter().filter(shown).map(group).collect();
            self.chart(title, axis, groups, Some(1.0)).write(&folder.join(file))?;
        }
        let added = |(name, measure): (&'static str, Measure)| {
            let one = |v: &Variant| self.figures.added((HALF_LOAD, v.name), (HALF_LOAD_BARE, v.name), measure);
            (name, self.others().map(one).collect())
        };
        let groups = [("median", Measure::P50), ("99th percentile", Measure::P99)].map(added).into();
        self.chart("Added latency at half load", "microseconds; less is better", groups, None)
            .write(&folder.join("latency.svg"))?;
        let costs: [(&str, &str, &'static str, Cost); 2] = [
            ("startup.svg", "Start of Envoy", "seconds; less is better", |r| r.startup),
            ("memory.svg", "Memory of Envoy after the load", "MiB; less is better", |r| r.now),
        ];
        for (file, title, axis, figure) in costs {
            let group = |&desk: &Desk| {
                let one = |v: &Variant| {
                    let these = self.residences.iter().filter(|r| r.variant == v.name && r.desk == desk);
                    Some(Spread::of(these.map(figure))).filter(|spread| spread.median.is_finite())
                };
                (desk.title(), self.others().map(one).collect())
            };
            self.chart(title, axis, self.desks.iter().map(group).collect(), self.bare(figure))
                .write(&folder.join(file))?;
        }
        Ok(())
    }

    /// The cost of bare Envoy.
    fn bare(&self, figure: Cost) -> Option<f64> {
        let these = self.residences.iter().filter(|residence| residence.variant == BARE);
        Some(Spread::of(these.map(figure)).median).filter(|median| median.is_finite())
    }

    fn chart(&self, title: &str, axis: &'static str, groups: Vec<Group>, mark: Option<f64>) -> Plot {
        let title = format!("{title} (median; lines from the lowest to the highest round)");
        Plot { title, axis, series: self.others().map(|variant| variant.title).collect(), groups, mark }
    }
}

/// One figure of an Envoy.
type Cost = fn(&Residence) -> f64;
/// Name and bars of a group.
type Group = (&'static str, Vec<Option<Spread>>);
