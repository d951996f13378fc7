#!/bin/sh
# test-platforms.sh [--present]: tests what operators install on real control planes, and writes target/platforms.json. With --present it uses
# the programs that are there already, and prints what it left out.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
present=
[ "${1:-}" = --present ] && present=1
if [ ! -x "$state/platforms/helm" ] || [ ! -x "$state/platforms/kubectl" ]; then
    [ -n "$present" ] || fail "helm and kubectl are missing" "make setup-platforms"
    echo "SKIPPED: platforms: helm and kubectl are not there; make test-platforms installs them, and builds an API server"
    exit 0
fi
# A hanging server must not hang the run.
PATH=$state/platforms:$PATH CALLGATE_SCHEMAS=$state/platforms/schemas timeout --kill-after=20 "${CALLGATE_PLATFORMS_SECONDS:-600}" \
    "$state/venv/bin/python" -m pytest tests/platforms -q -rfEs --color=no -p no:cacheprovider --timeout=120
