#!/bin/sh
# Runs the end-to-end suite with Envoy and the executor in containers, or prints the reason for skipping it.
. "$(dirname -- "$0")/lib.sh"
cd "$root"

engine=$(.setup/engine.sh 2>"$state/log/engine.log") || {
    echo "SKIPPED: end to end in containers: $(tail -n 1 "$state/log/engine.log" | sed 's/^set-up: //')"
    exit 0
}
.setup/images.sh

# An engine may answer and still not be allowed to run a container: the exit code is then 125 or 126, unlike our programs' codes.
probe=callgate-probe-$$
# shellcheck disable=SC2086 # the engine is a list of words
probe() {
    $engine network create "$probe" || return 125
    timeout 60 $engine run --rm --name "$probe" --network "$probe" --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        localhost/callgate-executor --version && answer=0 || answer=$?
    $engine network rm "$probe" || true
    return "$answer"
}
probe >"$state/log/engine.log" 2>&1 && answer=0 || answer=$?
if [ "$answer" -eq 125 ] || [ "$answer" -eq 126 ]; then
    echo "SKIPPED: end to end in containers: $engine cannot run a container here: $(tail -n 1 "$state/log/engine.log")"
    exit 0
fi
[ "$answer" -eq 0 ] || fail "the executor's image does not run: $(tail -n 1 "$state/log/engine.log")"

# The whole suite has a time limit, because an engine may hang outside a case.
CALLGATE_CONTAINERS=$engine timeout --kill-after=30 300 cargo test --quiet --release --test e2e
