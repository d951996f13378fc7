#!/bin/sh
# .callgate/mcp-sdk: the TypeScript SDK of MCP, in the versions of tests/mcp. npm checks each package's hash; install scripts do not run. If
# something is unavailable, `.callgate/mcp-sdk-missing` names it, and its tests are skipped with that reason.
. "$(dirname -- "$0")/lib.sh"
optional mcp-sdk "tests with the TypeScript SDK of MCP"
need_node 20
need_npm

folder=$state/mcp-sdk
lock=$root/tests/mcp/package-lock.json
mkdir -p "$folder"
cmp -s "$lock" "$folder/installed.json" && exit 0
rm -rf "$folder/installed.json" "$folder/node_modules"
cp "$root/tests/mcp/package.json" "$lock" "$folder/"
(run "install the TypeScript SDK of MCP" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error) ||
    without "npm cannot install it; see $state/log"
cp "$lock" "$folder/installed.json"
