#!/bin/sh
# Builds the parts of `make demo` and `make up` only: executor, command, stack, filter, one sandboxed tool. Downloads Envoy and the
# OpenAI client meanwhile. The result is demo/dist in the target folder; dist/ belongs to `make build`.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
target=$(target_folder)
dist=$target/demo/dist
logs=$state/log
mkdir -p "$logs"
build_log=$logs/demo-build.log
download_log=$logs/demo-downloads.log
native="-p callgate-executor -p callgate -p callgate-stack"
wasm="-p callgate-filter -p callgate-tool-orders"
# Seconds on 2 idle cores, with empty caches.
expected=300
began=$(date +%s)

# crates OPTION…: counts the crates of a build.
crates() { cargo tree --quiet --locked --prefix none --edges normal,build "$@" 2>/dev/null | sed 's/ (\*)$//' | sort -u | wc -l; }

clock() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# progress: prints a line of progress until it is killed; silent if nothing compiles.
progress() {
    total=
    shown=0
    while sleep 1; do
        [ -n "$total" ] || grep -q ' Compiling ' "$build_log" 2>/dev/null || continue
        # shellcheck disable=SC2086 # a list of options
        [ -n "$total" ] || total=$(($(crates $native) + $(crates $wasm --target wasm32-wasip1)))
        spent=$(($(date +%s) - began))
        compiled=$(grep -c ' Compiling ' "$build_log" || true)
        line="demo: $(clock "$spent") of about $(clock "$expected") on 2 cores; compiled $compiled of about $total crates"
        if [ -t 2 ]; then
            printf '\r%s' "$line" >&2
        elif [ $((spent - shown)) -ge 15 ]; then
            printf '%s\n' "$line" >&2
            shown=$spent
        fi
    done
}

# build COMMAND…: runs a build with its output in the log, and prints the end of the log if it fails.
build() {
    "$@" >>"$build_log" 2>&1 && return 0
    tail -n 30 "$build_log" >&2
    fail "building failed; the whole log is $build_log"
}

# Before the downloads start: both may install Debian packages, and apt allows one installation at a time.
.setup/rust.sh
.setup/wasm.sh

: >"$build_log"
(
    python_environment "$state/demo" "$root/tests/python/demo-requirements.txt" "the OpenAI client"
    .setup/envoy.sh
) >"$download_log" 2>&1 &
downloads=$!
progress &
progress=$!
trap 'kill "$progress" "$downloads" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2086 # lists of options
{
    build cargo build --locked --profile demo --bins $native
    CARGO_PROFILE_DEMO_OPT_LEVEL=1 build .setup/cargo-wasm build --locked --profile demo $wasm
}
kill "$progress" 2>/dev/null || true
[ ! -t 2 ] || [ ! -s "$build_log" ] || printf '\r\033[K' >&2
wait "$downloads" || { cat "$download_log" >&2; fail "Envoy or the OpenAI client could not be installed; see above"; }

put "$target/demo/callgate" "$dist/callgate"
put "$target/demo/callgate-executor" "$dist/callgate-executor"
put "$target/wasm32-wasip1/demo/callgate_filter.wasm" "$dist/callgate.wasm"
desk=$dist/contracts/order-desk
rm -rf "$desk.new"
mkdir -p "$dist/contracts"
cp -R contracts/order-desk "$desk.new"
rm -rf "$desk.new/tools"
put "$target/wasm32-wasip1/demo/callgate-tool-orders.wasm" "$desk.new/tools/orders.wasm"
"$dist/callgate" pin "$desk.new/contract.yaml" >/dev/null
rm -rf "$desk"
mv "$desk.new" "$desk"

spent=$(($(date +%s) - began))
[ "$spent" -lt 10 ] || say "built for the demo in $(clock "$spent"); optimised programs come from: make build"
