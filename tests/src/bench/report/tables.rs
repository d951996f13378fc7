//! Tables on standard output.

use crate::bench::Measured;
use crate::bench::case::{Case, Desk};
use crate::bench::load::{Measure, Spread};
use crate::bench::rounds::{HALF_LOAD, HALF_LOAD_BARE};
use crate::bench::variant::{BARE, HARNESS, Variant};

/// Below this share of its processor, the baseline waits for others, and its throughput is too low.
const BUSY: f64 = 0.9;

impl Measured {
    /// Prints all tables.
    pub(crate) fn print(&self) {
        self.cases("Throughput, against bare Envoy", Measure::Throughput, |case| !case.paced);
        self.cases("Envoy's own CPU time for an exchange, against bare Envoy", Measure::Cpu, |_| true);
        self.latencies();
        self.start_and_memory();
        self.limits();
    }

    /// All variants but the baseline.
    pub(super) fn others(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| variant.name != BARE)
    }

    fn heading(&self, what: &str, first: &str) {
        print!("\n{what} (median, lowest–highest of {} rounds)\n{:<26}{first:>14}", self.rounds, "");
        self.others().for_each(|variant| print!(" {:>21}", variant.title));
        println!();
    }

    fn cases(&self, what: &str, measure: Measure, shown: fn(&Case) -> bool) {
        self.heading(what, "bare Envoy");
        for case in self.cases.iter().filter(|case| shown(case)) {
            let bare = self.figures.spread(case.name, BARE, measure).map_or(f64::NAN, |spread| spread.median);
            let unit = if measure == Measure::Throughput { "/s" } else { " us" };
            print!("{:<26}{:>14}", case.title, format!("{bare:.0}{unit}"));
            for variant in self.others() {
                let ratio = self.figures.ratio((case.name, variant.name), (case.name, BARE), measure);
                print!(" {:>21}", cell(ratio));
            }
            println!();
        }
    }

    fn latencies(&self) {
        if self.figures.spread(HALF_LOAD, self.others().last().map_or(BARE, |v| v.name), Measure::P50).is_none() {
            return;
        }
        self.heading(
            "Latency added to bare Envoy's at the same rate, in us: each at half of its own throughput, 2 calls",
            "",
        );
        for (name, measure) in [("p50", Measure::P50), ("p99", Measure::P99)] {
            print!("{name:<26}{:>14}", "");
            for variant in self.others() {
                let added = self.figures.added((HALF_LOAD, variant.name), (HALF_LOAD_BARE, variant.name), measure);
                let text = added.map_or("-".to_owned(), |s| format!("{:.0} ({:.0}–{:.0})", s.median, s.low, s.high));
                print!(" {text:>21}");
            }
            println!();
        }
    }

    fn start_and_memory(&self) {
        println!("\n{:<40}{:>12}{:>16}{:>16}", "Envoy", "start-up", "memory, idle", "after the load");
        for variant in &self.variants {
            for desk in self.desks.iter().filter(|desk| variant.gate || **desk == Desk::Usual) {
                let these: Vec<_> =
                    self.residences.iter().filter(|r| r.variant == variant.name && r.desk == *desk).collect();
                if these.is_empty() {
                    continue;
                }
                let [startup, idle, now] = [
                    Spread::of(these.iter().map(|r| r.startup)),
                    Spread::of(these.iter().map(|r| r.idle)),
                    Spread::of(these.iter().map(|r| r.now)),
                ];
                let name = format!("{}, {}", variant.title, desk.title());
                println!("{name:<40}{:>10.2} s{:>12.0} MiB{:>12.0} MiB", startup.median, idle.median, now.median);
            }
        }
    }

    /// The proof that load generator and upstream are not the limit, or the remark that they are.
    fn limits(&self) {
        println!(
            "\nLimits: the load generator straight at the upstream; then shares of a processor, Envoy's and the harness's"
        );
        print!("{:<26}{:>14}", "", "alone / bare");
        self.variants.iter().for_each(|variant| print!(" {:>21}", variant.title));
        println!();
        let mut idle = Vec::new();
        for case in &self.cases {
            let alone = self.figures.ratio((case.name, HARNESS), (case.name, BARE), Measure::Throughput);
            print!(
                "{:<26}{:>14}",
                case.title,
                alone.map_or("paced".to_owned(), |ratio| format!("{:.1}", ratio.median))
            );
            for variant in &self.variants {
                let sample = self.figures.median(case.name, variant.name);
                print!(" {:>21}", sample.map_or("-".to_owned(), |s| format!("{:.2} {:.2}", s.share, s.harness)));
                if sample.is_some_and(|s| !case.paced && s.share < BUSY) && variant.name == BARE {
                    idle.push(case.title);
                }
            }
            println!();
        }
        println!("{}", self.placement);
        if !idle.is_empty() {
            println!(
                "Bare Envoy waits for others in: {}. Its throughput there is too low and the ratios are too kind; read CPU time.",
                idle.join(", ")
            );
        }
    }
}

fn cell(ratio: Option<Spread>) -> String {
    ratio.map_or("-".to_owned(), |r| format!("{:.2} ({:.2}–{:.2})", r.median, r.low, r.high))
}
