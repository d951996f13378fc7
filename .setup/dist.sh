#!/bin/sh
# Fills dist/ from the build: the programs, the filter, the native module, and the example contracts with their tools, pinned.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
dist=$root/dist
target=$(target_folder)
wasm=$target/wasm32-wasip1/wasm
native=$target/release
tools=$target/tools

put "$native/callgate" "$dist/callgate"
put "$native/callgate-executor" "$dist/callgate-executor"
put "$target/filters/filter.wasm" "$dist/callgate.wasm"
put "$target/filters/bench_noop.wasm" "$dist/bench/noop.wasm"
put "$target/filters/bench_copy.wasm" "$dist/bench/copy.wasm"
# Envoy loads dynamic modules on Linux only.
module=
if [ "$(uname -s)" = Linux ]; then
    module=libcallgate.so
    put "$native/$module" "$dist/$module"
    put "$native/libcallgate_bench_copy.so" "$dist/bench/copy.so"
fi
"$native/wasm-imports" "$dist/callgate.wasm" "$dist/bench/noop.wasm" "$dist/bench/copy.wasm" >/dev/null

# The contracts are prepared in another folder and then moved, so nobody reads a half-pinned one.
new=$dist/contracts.new
rm -rf "$new"
mkdir -p "$new"
cp -R contracts/. "$new"
# The tools go there built, not as sources.
rm -rf "$new"/*/tools
put "$wasm/callgate-tool-orders.wasm" "$new/order-desk/tools/orders.wasm"
put "$wasm/callgate-tool-sql.wasm" "$new/data-desk/tools/sql.wasm"
for tool in units iban describe; do put "$tools/$tool.wasm" "$new/tool-desk/tools/$tool.wasm"; done
put "$tools/payment.wasm" "$new/pay-desk/tools/payment.wasm"
put "$state/cpython/python.wasm" "$new/tool-desk/tools/python.wasm"
cp -R "$state/cpython/usr" "$new/tool-desk/python"
"$dist/callgate" pin "$new"/*/contract.yaml >/dev/null
rm -rf "$dist/contracts"
mv "$new" "$dist/contracts"

echo "dist/ has:"
for file in callgate.wasm $module callgate callgate-executor; do
    printf '  %-28s %s\n' "$file" "$(du -h "$dist/$file" | cut -f 1)"
done
for file in "$dist"/contracts/*/contract.yaml; do
    printf '  %-28s %s\n' "${file#"$dist"/}" "$("$dist/callgate" digest "$file")"
done
