#!/bin/sh
# Optimises the filters after linking, with wasm-opt. Envoy compiles every function of a module at start, so smaller modules start sooner
# and take less memory. The result is filters/ in the target folder; only a changed module is optimised again.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
target=$(target_folder)
optimiser=$state/binaryen/node_modules/binaryen/bin/wasm-opt
# The instructions in the modules: those that rustc enables for wasm32-wasip1, and SIMD. Envoy's V8 has all of them.
features="--enable-bulk-memory --enable-bulk-memory-opt --enable-call-indirect-overlong --enable-multivalue --enable-mutable-globals
    --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext --enable-simd"

for name in filter bench_noop bench_copy; do
    module=$target/wasm32-wasip1/wasm/callgate_$name.wasm
    output=$target/filters/$name.wasm
    sum=$(sha256sum "$module" .setup/optimise.sh .setup/binaryen/package-lock.json | cut -d ' ' -f 1 | sha256sum | cut -d ' ' -f 1)
    [ ! -f "$output" ] || [ "$(cat "$output.inputs" 2>/dev/null)" != "$sum" ] || continue
    mkdir -p "$target/filters"
    # shellcheck disable=SC2086 # a list of options
    run "optimise callgate_$name.wasm" node "$optimiser" $features --strip-debug --strip-producers -Os "$module" -o "$output.new"
    mv -f "$output.new" "$output"
    printf '%s\n' "$sum" >"$output.inputs"
done
