#!/bin/sh
# Runs all tests, and lists the skipped ones with their reasons. `make test` has built everything before.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
failed=
times=
log=$state/log/test.log
mkdir -p "$state/log"
: >"$log"

# suite NAME COMMAND…: continues after a failure, so one run shows all of them.
suite() {
    printf '\n=== %s ===\n' "$1"
    name=$1
    shift
    began=$(date +%s)
    { "$@" || touch "$log.failed"; } 2>&1 | tee -a "$log"
    took=$(($(date +%s) - began))
    times="$times
  $((took / 60)) min $((took % 60)) s  $name"
    if [ -e "$log.failed" ]; then
        rm -f "$log.failed"
        failed="$failed
  $name"
    fi
}

# clients HOST OPTION…: the client tests through one host.
clients() {
    host=$1
    shift
    CALLGATE_HOST=$host "$state/venv/bin/python" -m pytest tests/python -q -rfEs --color=no -p no:cacheprovider --durations=15 --durations-min=5 "$@"
}

# The clients through both hosts at the same time, since each of them waits for half of its time. Tests that need no gate, or one host
# alone, are shared out so that both end together. The native host's output comes after the other's.
clients_of_both_hosts() {
    without() { for test in "$@"; do printf -- '--ignore=tests/python/%s.py ' "$test"; done; }
    # shellcheck disable=SC2046
    clients native $(without test_monitoring test_help) >"$log.native" 2>&1 &
    native=$!
    status=0
    # shellcheck disable=SC2046
    clients wasm $(without test_docs test_approvals_page test_security_page test_local_model) || status=$?
    printf '\n--- native host ---\n'
    wait "$native" || status=$?
    cat "$log.native"
    return "$status"
}

# The wasm-only crates are not default members of the workspace. The tools' tests run separately: the SQL engine changes features of
# shared dependencies, which would rebuild wasmtime.
if cargo nextest --version >/dev/null 2>&1; then
    suite "crates" cargo nextest run --release --no-fail-fast -E 'not (binary(e2e) or binary(siege) or binary(load) or binary(shell_oracle))'
    # By itself, because nextest hides the counts of a passing test, and the shells of other tests would slow it.
    suite "shell oracle" env CALLGATE_SHELL_SECONDS="${CALLGATE_SHELL_SECONDS:-60}" CALLGATE_SHELL_MUTANTS="${CALLGATE_SHELL_MUTANTS:-300}" cargo test --quiet --release -p callgate-kinds --test shell_oracle
    # By itself, because nextest would hide its cases until the last one ends.
    suite "end to end" cargo test --quiet --release --test e2e
    suite "siege" cargo test --quiet --release --test siege
    suite "load" cargo test --quiet --release --test load
else
    echo "cargo-nextest is not installed: running plain cargo test"
    # Plain cargo test hides the output of passing tests, so a missing corpus is reported here.
    [ -f "${CALLGATE_DATA:-../shared/data}/recorded.jsonl.gz" ] ||
        echo "SKIPPED: replays of recorded data: ${CALLGATE_DATA:-../shared/data} does not have it" | tee -a "$log"
    suite "crates and end to end" env CALLGATE_SHELL_SECONDS="${CALLGATE_SHELL_SECONDS:-60}" CALLGATE_SHELL_MUTANTS="${CALLGATE_SHELL_MUTANTS:-300}" cargo test --release --no-fail-fast
fi
suite "end to end, native host" env CALLGATE_HOST=native cargo test --quiet --release --test e2e
suite "pure crates under Node" .setup/node-test.sh
suite "end to end in containers" .setup/test-containers.sh
suite "example tools" cargo test --quiet --release -p callgate-tool-orders -p callgate-tool-payment -p callgate-tool-sql -p callgate-tool-units
suite "platforms" .setup/test-platforms.sh --present
suite "protection" .setup/test-protect.sh
# One variant of each agent in one mode, to save minutes; `make test-agents` runs every variant in every mode.
suite "coding agents" .setup/test-agents.sh --mode error codex "codex (default model)" gemini-cli opencode cline qwen-code "pi (Messages)"
suite "official clients, both hosts" clients_of_both_hosts

printf '\n=== summary ===\n'
# The coverage of replayed recordings.
grep -E '^ *COVERED ' "$log" | sed 's/^ *COVERED /covered: /'
# Runners print skipped tests in lines of their own, perhaps indented: pytest as `SKIPPED [1] file: why`, ours as `SKIPPED: why`.
if grep -E '^ *(SKIPPED|skipped:)' "$log" >"$log.skipped"; then
    echo "left out:"
    sed 's/^ */  /' "$log.skipped"
else
    echo "nothing was left out"
fi
echo "times:$times"
if [ -n "$failed" ]; then
    echo "failed:$failed"
    # Each failing test by name: of cargo `test NAME ... FAILED` or a line of the list after `failures:`, of nextest `FAIL [time] NAME`, of pytest `FAILED FILE::NAME`.
    awk '/^failures:$/ { list = 1; next } /^test result:/ { list = 0 }
        list && /^    [A-Za-z0-9_]+(::[A-Za-z0-9_]+)*$/ { print "  " $1; next }
        /^test .* \.\.\. FAILED$/ { print "  " $2 }
        /^ +FAIL \[/ || /^(FAILED|ERROR) / { sub(/^ +/, ""); print "  " $0 }' "$log" | sort -u | head -n 40
    exit 1
fi
echo "all suites passed"
