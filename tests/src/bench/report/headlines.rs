//! The few lines for a first look, under the names that earlier versions of this bench gave them.

use super::line::{Better, SummaryLine};
use super::lines::better;
use crate::bench::Measured;
use crate::bench::case::{ALONE, STREAM, TWO_CALLS};
use crate::bench::exchange::DELTAS;
use crate::bench::load::{Measure, Spread};
use crate::bench::variant::{BARE, CALLGATE_WASM, COPY_WASM, NOOP_WASM};

impl Measured {
    /// Returns those whose cases were measured.
    pub(crate) fn headlines(&self) -> Vec<SummaryLine> {
        use Measure::{Cpu, P50, P99, Throughput};
        let figures = &self.figures;
        let against =
            |name: &str, at: (&str, &str), base: (&str, &str), measure: Measure, scale: f64, unit: &str, word: &str| {
                let (value, baseline) =
                    (figures.spread(at.0, at.1, measure)?, figures.spread(base.0, base.1, measure)?);
                let ratio = figures.ratio(at, base, measure)?;
                let (value, baseline) = (value.median * scale, baseline.median * scale);
                Some(SummaryLine::new(name, value, unit, baseline, word, ratio, better(measure)))
            };
        let added = |name: &str, measure: Measure| {
            let base = figures.spread(ALONE, BARE, measure)?.median;
            let added = figures.added((ALONE, CALLGATE_WASM), (ALONE, BARE), measure)?;
            let ratio = Spread { low: added.low / base, median: added.median / base, high: added.high / base };
            Some(SummaryLine::new(name, added.median, "us", base, "bare", ratio, Better::Less))
        };
        #[allow(clippy::cast_precision_loss, reason = "a small count")]
        let delta = 1.0 / DELTAS as f64;
        let (gate, copy) = ((TWO_CALLS, CALLGATE_WASM), (TWO_CALLS, COPY_WASM));
        let (noop, bare) = ((TWO_CALLS, NOOP_WASM), (TWO_CALLS, BARE));
        let stream = |variant| (STREAM, variant);
        let lines = [
            against("unary_2_calls.throughput", gate, copy, Throughput, 1.0, "requests/s", COPY_WASM),
            added("unary_2_calls.added_p50", P50),
            added("unary_2_calls.added_p99", P99),
            against("noop_wasm.throughput", noop, bare, Throughput, 1.0, "requests/s", BARE),
            against("copy_wasm.throughput", copy, bare, Throughput, 1.0, "requests/s", BARE),
            against("text_delta.cpu", stream(CALLGATE_WASM), stream(NOOP_WASM), Cpu, delta, "us", NOOP_WASM),
            against("noop_wasm.text_delta.cpu", stream(NOOP_WASM), stream(BARE), Cpu, delta, "us", BARE),
        ];
        let (module, other) = self.module;
        let module = SummaryLine::plain("module.bytes", module, "bytes", other, COPY_WASM, Better::Less);
        lines.into_iter().flatten().chain([module]).collect()
    }
}
