#!/bin/sh
# The wasm32-wasip1 toolchain: rustup's prebuilt target, or else Debian's rustc, which builds std itself.
# WASM_TOOLCHAIN=rustup|debian forces one. The choice is kept in .callgate/wasm-toolchain; `.setup/cargo-wasm` follows it.
. "$(dirname -- "$0")/lib.sh"
choice=$state/wasm-toolchain
want=${WASM_TOOLCHAIN:-}
case $want in '' | rustup | debian) ;; *) fail "WASM_TOOLCHAIN=$want: it is rustup or debian" ;; esac

rustup_ready() { (cd "$root" && [ -f "$(rustc --print target-libdir --target wasm32-wasip1 2>/dev/null)/self-contained/libc.a" ]); }
debian_ready() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && have wasm-ld-19 && [ -f /usr/lib/wasm32-wasi/libc.a ] &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

# Keep the previous choice if it still works.
if [ -f "$choice" ]; then
    chosen=$(cat "$choice")
    if [ "${want:-$chosen}" = "$chosen" ] && "${chosen}_ready"; then exit 0; fi
fi

if [ "$want" != debian ]; then
    if rustup_ready; then
        echo rustup >"$choice"
        say "wasm: the Rust toolchain has wasm32-wasip1"
        exit 0
    fi
    if have rustup; then
        say "wasm: rustup target add wasm32-wasip1 …"
        if (cd "$root" && rustup target add wasm32-wasip1) >&2 && rustup_ready; then
            echo rustup >"$choice"
            exit 0
        fi
    fi
    [ "$want" != rustup ] || fail "rustup cannot add wasm32-wasip1 to this toolchain" "without WASM_TOOLCHAIN=rustup, Debian's is tried"
    say "wasm: rustup cannot provide wasm32-wasip1; using Debian's Rust, which builds std once (a minute or two)"
fi

apt rustc-web cargo-web rust-web-src wasi-libc lld-19
debian_ready || fail "Debian's wasm toolchain is not complete" \
    "it takes /usr/bin/cargo, /usr/bin/rustc, rust-web-src, wasi-libc and lld-19 (Debian 12 or later)"
echo debian >"$choice"
say "wasm: $(/usr/bin/rustc --version | cut -d ' ' -f 1,2) of Debian, std from source"
