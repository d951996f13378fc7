#!/bin/sh
# Installs wasm-opt, which optimises the filters after linking: Binaryen compiled for Node, from npm, in the version and with the hash of
# `.setup/binaryen/package-lock.json`. So every machine makes the same module of the same input.
. "$(dirname -- "$0")/lib.sh"
home=$state/binaryen
lock=$root/.setup/binaryen/package-lock.json
sum=$(sha256sum "$lock" | cut -d ' ' -f 1)

node_is 18 || apt nodejs
node_is 18 || fail "wasm-opt runs under Node 18 or later, and $(node --version 2>/dev/null || echo none) is on PATH" "install a later Node"
[ "$(cat "$home/installed" 2>/dev/null)" = "$sum" ] && exit 0

have npm || apt npm
rm -rf "$home"
mkdir -p "$home"
cp "$root/.setup/binaryen/package.json" "$lock" "$home"
run "install wasm-opt" sh -c 'cd "$1" && npm ci --ignore-scripts --no-audit --no-fund' sh "$home"
printf '%s\n' "$sum" >"$home/installed"
