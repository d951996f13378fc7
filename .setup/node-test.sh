#!/bin/sh
# Runs the pure crates as WebAssembly under Node: their own tables, and the shared table of verdicts.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
if [ -f "$state/node-missing" ]; then
    echo "SKIPPED: the pure crates under Node: $(cat "$state/node-missing")"
    exit 0
fi
CALLGATE_VERDICTS=$state/verdicts.json
# The program of `make native`: `cargo run` would rebuild its dependencies with other features.
"${CARGO_TARGET_DIR:-target}/release/callgate-verdicts" >"$CALLGATE_VERDICTS"
[ -s "$CALLGATE_VERDICTS" ] || echo "SKIPPED: verdicts of the corpus under Node: ${CALLGATE_DATA:-../shared/data} does not have it"
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$state/wasm-bindgen/bin/wasm-bindgen-test-runner
# Seconds.
WASM_BINDGEN_TEST_TIMEOUT=600
WASM_TOOLCHAIN=$(cat "$state/node-toolchain")
WASM_TARGET=wasm32-unknown-unknown
export CALLGATE_VERDICTS CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER WASM_BINDGEN_TEST_TIMEOUT WASM_TOOLCHAIN WASM_TARGET
exec .setup/cargo-wasm test --release -p callgate-json -p callgate-contract -p callgate-kinds -p callgate-verdicts \
    --test reading --test canonical --test contract --test shell_reading --test node "$@" -- --nocapture
