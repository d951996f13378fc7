#!/bin/sh
# All tests, and at the end what was left out and why. `make test` has built everything before.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
failed=
log=$state/log/test.log
mkdir -p "$state/log"
: >"$log"

# suite NAME COMMAND…: goes on after a failure, so that one run shows all of them.
suite() {
    printf '\n=== %s ===\n' "$1"
    name=$1
    shift
    { "$@" || touch "$log.failed"; } 2>&1 | tee -a "$log"
    if [ -e "$log.failed" ]; then
        rm -f "$log.failed"
        failed="$failed
  $name"
    fi
}

# The wasm-only crates are not in the workspace's default members. The tools' own tests come apart from the rest, because
# what the SQL engine wants of shared dependencies would have wasmtime built again.
if cargo nextest --version >/dev/null 2>&1; then
    suite "crates" cargo nextest run --release --no-fail-fast -E 'not (binary(e2e) or binary(siege))'
    # By itself, because a runner of tests would hide its cases until the last one is through.
    suite "end to end" cargo test --quiet --release --test e2e
    suite "siege" cargo test --quiet --release --test siege
else
    echo "cargo-nextest is not installed: running plain cargo test"
    # It hides what a passing test says, so what the replays would say of missing data is said here.
    [ -f "${CALLGATE_DATA:-../shared/data}/recorded.jsonl.gz" ] ||
        echo "SKIPPED: replays of recorded data: ${CALLGATE_DATA:-../shared/data} does not have it" | tee -a "$log"
    suite "crates and end to end" cargo test --release --no-fail-fast
fi
suite "pure crates under Node" .setup/node-test.sh
suite "end to end in containers" .setup/test-containers.sh
suite "example tools" cargo test --quiet --release -p callgate-tool-orders -p callgate-tool-payment -p callgate-tool-sql -p callgate-tool-units
suite "official clients" "$state/venv/bin/python" -m pytest tests/python -q -rs --color=no -p no:cacheprovider

printf '\n=== summary ===\n'
# How much of what others recorded was replayed.
grep -E '^ *COVERED ' "$log" | sed 's/^ *COVERED /covered: /'
# What a runner leaves out it says in a line of its own, perhaps indented: pytest as `SKIPPED [1] file: why`, ours as `SKIPPED: why`.
if grep -E '^ *(SKIPPED|skipped:)' "$log" >"$log.skipped"; then
    echo "left out:"
    sed 's/^ */  /' "$log.skipped"
else
    echo "nothing was left out"
fi
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
echo "all suites passed"
