//! The compared configurations of Envoy, as data: one more is one more entry.

use crate::stack::{Artefacts, Bootstrap, StackError};

/// One configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    /// The stable name in files.
    pub(super) name: &'static str,
    /// The name in tables and plots.
    pub(super) title: &'static str,
    /// The file in `dist/` that it needs.
    pub(super) needs: Option<&'static str>,
    /// True for the gate itself: it reads a contract, and runs the tools of the server.
    pub(super) gate: bool,
    /// The name of the variant with the least that this one's design costs.
    pub(super) floor: Option<&'static str>,
    /// Changes the configuration that is rendered for the wasm filter.
    pub(super) change: fn(&mut Bootstrap, &Artefacts) -> Result<(), StackError>,
}

/// The name of the baseline.
pub(super) const BARE: &str = "bare";
/// The load generator straight at the upstream: not an Envoy.
pub(super) const HARNESS: &str = "harness";
pub(super) const NOOP_WASM: &str = "noop_wasm";
pub(super) const COPY_WASM: &str = "copy_wasm";
pub(super) const COPY_NATIVE: &str = "copy_native";
pub(super) const CALLGATE_WASM: &str = "callgate_wasm";

/// All of them; the first is the baseline.
pub(super) const VARIANTS: [Variant; 6] = [
    Variant {
        name: BARE,
        title: "bare Envoy",
        needs: None,
        gate: false,
        floor: None,
        change: |bootstrap, _| bootstrap.quiet().and_then(|()| bootstrap.without_filter()),
    },
    Variant {
        name: NOOP_WASM,
        title: "no-op wasm",
        needs: Some("bench/noop.wasm"),
        gate: false,
        floor: None,
        change: |bootstrap, artefacts| {
            bootstrap.quiet().and_then(|()| bootstrap.other_filter(&artefacts.dist.join("bench/noop.wasm")))
        },
    },
    Variant {
        name: COPY_WASM,
        title: "copying wasm",
        needs: Some("bench/copy.wasm"),
        gate: false,
        floor: None,
        change: |bootstrap, artefacts| {
            bootstrap.quiet().and_then(|()| bootstrap.other_filter(&artefacts.dist.join("bench/copy.wasm")))
        },
    },
    Variant {
        name: COPY_NATIVE,
        title: "copying native",
        needs: Some("bench/copy.so"),
        gate: false,
        floor: None,
        change: |bootstrap, artefacts| {
            bootstrap.quiet().and_then(|()| bootstrap.dynamic_module(&artefacts.dist.join("bench/copy.so")))
        },
    },
    Variant {
        name: CALLGATE_WASM,
        title: "Callgate wasm",
        needs: Some("callgate.wasm"),
        gate: true,
        floor: Some(COPY_WASM),
        change: |bootstrap, _| bootstrap.quiet(),
    },
    Variant {
        name: "callgate_native",
        title: "Callgate native",
        needs: Some("programs/libcallgate.so"),
        gate: true,
        floor: Some(COPY_NATIVE),
        change: |bootstrap, artefacts| {
            // The shipped build, optimised as a whole: tests use another one.
            bootstrap.quiet().and_then(|()| bootstrap.dynamic_module(&artefacts.dist.join("programs/libcallgate.so")))
        },
    },
];

impl Variant {
    /// Returns those whose file is built. Names the others on standard output.
    pub(super) fn present(artefacts: &Artefacts) -> Vec<Self> {
        let mut present = Vec::new();
        for variant in VARIANTS {
            match variant.needs.filter(|name| !artefacts.dist.join(name).is_file()) {
                None => present.push(variant),
                Some(name) => println!(
                    "left out: {} ({} is missing; `make bench` builds it)",
                    variant.title,
                    artefacts.dist.join(name).display()
                ),
            }
        }
        present
    }
}
