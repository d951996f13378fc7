#!/bin/sh
# Installs the needs of the pure crates under Node: Node itself, the target wasm32-unknown-unknown, and the runner of wasm-bindgen-test
# in the version of Cargo.lock. If one is unavailable, `.callgate/node-missing` names it, and the tests are skipped with that reason.
. "$(dirname -- "$0")/lib.sh"
optional node "the tests under Node"
need_node 18

# Like wasm.sh for the filter's target: rustup's prebuilt std, or else Debian's Rust.
target=wasm32-unknown-unknown
choice=$state/node-toolchain
rustup_ready() { (cd "$root" && ls "$(rustc --print target-libdir --target $target 2>/dev/null)"/libstd-*.rlib) >/dev/null 2>&1; }
debian_ready() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && have wasm-ld-19 &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}
if [ "${WASM_TOOLCHAIN:-}" != debian ] && ! rustup_ready && have rustup; then
    say "node: rustup target add $target …"
    (cd "$root" && rustup target add $target) >&2 || true
fi
if [ "${WASM_TOOLCHAIN:-}" != debian ] && rustup_ready; then
    echo rustup >"$choice"
else
    debian_ready || (apt rustc-web cargo-web rust-web-src lld-19) || true
    debian_ready || without "no Rust toolchain here has $target"
    echo debian >"$choice"
fi

# Registries have the runner as source only. It is built once (about six minutes of one core) and kept outside target/.
version=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' "$root/Cargo.lock")
runner=$state/wasm-bindgen/bin/wasm-bindgen-test-runner
[ "$("$runner" --version 2>/dev/null | awk '{ print $2 }')" = "$version" ] && exit 0
(run "build wasm-bindgen-test-runner $version" cargo install wasm-bindgen-cli --version "=$version" --bin wasm-bindgen-test-runner \
    --root "$state/wasm-bindgen" --target-dir "$state/wasm-bindgen/build" --force) ||
    without "wasm-bindgen-test-runner $version cannot be built; see $state/log"
rm -rf "$state/wasm-bindgen/build"
