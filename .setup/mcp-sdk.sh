#!/bin/sh
# .callgate/mcp-sdk: the TypeScript SDK of MCP, in the versions of tests/mcp. npm checks each package's hash; install scripts do not run. If
# something is unavailable, `.callgate/mcp-sdk-missing` names it, and its tests are skipped with that reason.
. "$(dirname -- "$0")/lib.sh"
missing=$state/mcp-sdk-missing
rm -f "$missing"
without() {
    printf '%s\n' "$1" >"$missing"
    say "mcp-sdk: $1; tests with the TypeScript SDK of MCP are skipped"
    exit 0
}

node_ready() { have node && at_least 20 "$(node --version 2>/dev/null | tr -d v)"; }
node_ready || (apt nodejs) || true
node_ready || without "Node 20 or later is not on PATH, and Debian's cannot be installed"
have npm || (apt npm) || true
have npm || without "npm is not on PATH, and Debian's cannot be installed"

folder=$state/mcp-sdk
lock=$root/tests/mcp/package-lock.json
mkdir -p "$folder"
cmp -s "$lock" "$folder/installed.json" && exit 0
rm -rf "$folder/installed.json" "$folder/node_modules"
cp "$root/tests/mcp/package.json" "$lock" "$folder/"
(run "install the TypeScript SDK of MCP" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error) ||
    without "npm cannot install it; see $state/log"
cp "$lock" "$folder/installed.json"
