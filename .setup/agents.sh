#!/bin/sh
# .callgate/agents: the open coding agents of `make test-agents`, in the versions of tests/agents, and Node for those that need a later one.
# npm checks each package's hash; install scripts do not run. It takes about 1.5 GB. If something is unavailable,
# `.callgate/agents-missing` names it, and the agents are skipped with that reason.
. "$(dirname -- "$0")/lib.sh"
optional agents "coding agents"

[ "$(uname -sm)" = "Linux x86_64" ] || without "the hashes in tests/agents are those of Linux x86_64"
need_node 18
need_npm

agents=$state/agents
lock=$root/tests/agents/package-lock.json
mkdir -p "$agents"
if ! cmp -s "$lock" "$agents/installed.json"; then
    rm -rf "$agents/installed.json" "$agents/node_modules"
    cp "$root/tests/agents/package.json" "$lock" "$agents/"
    # `npm ci` wants packages of every platform in the lock; `npm install` needs those of this one.
    (run "install coding agents" npm install --prefix "$agents" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error) ||
        without "npm cannot install them; see $state/log"
    cp "$lock" "$agents/installed.json"
fi
# Nothing is installed that the lock does not pin.
node -e '
    const [locked, installed] = process.argv.slice(1).map((file) => JSON.parse(require("fs").readFileSync(file)).packages);
    const foreign = Object.keys(installed).filter((name) => !installed[name].integrity || installed[name].integrity !== locked[name]?.integrity);
    if (foreign.length) { console.error(foreign.join("\n")); process.exit(1); }
' "$lock" "$agents/node_modules/.package-lock.json" || fail "the packages above are not those of tests/agents/package-lock.json" "rm -rf $agents"
