#!/bin/sh
# test-agents.sh [OPTION]…: runs real coding agents through the gate, or prints the reason for skipping them. The options are those of
# tests/python/agents.
. "$(dirname -- "$0")/lib.sh"
cd "$root"

if [ -s "$state/agents-missing" ]; then
    echo "SKIPPED: coding agents: $(cat "$state/agents-missing")"
    exit 0
fi
if [ ! -e "$state/agents/installed.json" ]; then
    echo "SKIPPED: coding agents: they are not installed: make setup-agents"
    exit 0
fi
exec "$state/venv/bin/python" tests/python/agents --installed "$state/agents" "$@"
