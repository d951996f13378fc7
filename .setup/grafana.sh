#!/bin/sh
# .callgate/grafana: Grafana's types of dashboards, in the versions of tests/grafana. npm checks each package's hash; install scripts do not run. If
# something is unavailable, `.callgate/grafana-missing` names it, and the test is skipped with that reason.
. "$(dirname -- "$0")/lib.sh"
missing=$state/grafana-missing
rm -f "$missing"
without() {
    printf '%s\n' "$1" >"$missing"
    say "grafana: $1; the dashboard is not checked against its types"
    exit 0
}

node_ready() { have node && at_least 20 "$(node --version 2>/dev/null | tr -d v)"; }
node_ready || (apt nodejs) || true
node_ready || without "Node 20 or later is not on PATH, and Debian's cannot be installed"
have npm || (apt npm) || true
have npm || without "npm is not on PATH, and Debian's cannot be installed"

folder=$state/grafana
lock=$root/tests/grafana/package-lock.json
mkdir -p "$folder"
cmp -s "$lock" "$folder/installed.json" && exit 0
rm -rf "$folder/installed.json" "$folder/node_modules"
cp "$root/tests/grafana/package.json" "$lock" "$folder/"
(run "install the types of Grafana" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error) ||
    without "npm cannot install it; see $state/log"
cp "$lock" "$folder/installed.json"
