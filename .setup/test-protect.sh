#!/bin/sh
# test-protect.sh [OPTION]…: measures the protection by contracts, or prints the reason for skipping it. The options are those of
# tests/python/protect.
. "$(dirname -- "$0")/lib.sh"
cd "$root"

if [ ! -e "$state/protect/.requirements.sha256" ]; then
    echo "SKIPPED: protection: AgentDojo cannot be installed here: make setup-protect"
    exit 0
fi
# The comparisons take as long as the measure itself.
case " $* " in *" --names-only "*) set -- "$@" --callgate "$(target_folder)/release/callgate" ;; esac
exec "$state/protect/bin/python" tests/python/protect --program "$(target_folder)/release/callgate-protect" "$@"
