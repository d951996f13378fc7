#!/bin/sh
# dist/programs/libcallgate.so, optimised by a profile. An instrumented module runs in the real Envoy under the end-to-end tests and 40,000
# exchanges; the compiler then knows which code is hot, and keeps it together. Only changed sources are profiled again.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
target=$(target_folder)
folder=$target/profiled
machine=$(rustc -vV | sed -n 's/^host: //p')
merge=$(rustc --print sysroot)/lib/rustlib/$machine/bin/llvm-profdata
module=dist/programs/libcallgate.so
[ -f dist/libcallgate.so ] || fail "dist/ has no module to train with" "run: make build"

sources=$(find Cargo.toml Cargo.lock .setup/profiled.sh src/json src/condition src/provenance src/redact src/limits src/contract src/wire src/engine src/host src/proto src/native -type f | sort)
# shellcheck disable=SC2086 # a list of files without spaces
sum=$(cat $sources | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$folder/inputs" 2>/dev/null)" != "$sum" ] || { put "$folder/libcallgate.so" "$module"; exit 0; }

[ -x "$merge" ] || run "add llvm-tools to the toolchain" rustup component add llvm-tools
# build FLAG: the module, compiled with one more flag. With a target named, build scripts do not get it.
build() {
    RUSTFLAGS=$1 CARGO_TARGET_DIR=$folder cargo rustc --profile dist -p callgate-native --lib --crate-type cdylib --target "$machine"
}
rm -rf "$folder/raw" "$folder/dist"
mkdir -p "$folder/raw" "$folder/dist"
run "build the instrumented module" build "-Cprofile-generate=$folder/raw"
for part in "$root"/dist/*; do ln -s "$part" "$folder/dist/"; done
rm "$folder/dist/libcallgate.so"
cp "$folder/$machine/dist/libcallgate.so" "$folder/dist/libcallgate.so"

train() { env CALLGATE_HOST=native CALLGATE_DIST="$folder/dist" LLVM_PROFILE_FILE="$folder/raw/%p-%m.profraw" "$@"; }
run "profile the end-to-end tests" train cargo test --quiet --release --test e2e
run "profile 40,000 exchanges" train "$target/release/callgate-bench" growth --exchanges 40000
"$merge" merge -o "$folder/merged.profdata" "$folder/raw"
run "build the module with the profile" build "-Cprofile-use=$folder/merged.profdata"
put "$folder/$machine/dist/libcallgate.so" "$folder/libcallgate.so"
put "$folder/libcallgate.so" "$module"
printf '%s\n' "$sum" >"$folder/inputs"
