#!/bin/sh
# Installs the needs of native code: cargo and a C linker. Debian's cargo-web serves if cargo is missing.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
minimum=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
choice=$state/rust-toolchain

# later_toolchain: prints rustup's first recent enough toolchain, without nightlies.
later_toolchain() {
    rustup toolchain list | cut -d ' ' -f 1 | grep -v '^nightly' | while read -r toolchain; do
        found=$(RUSTUP_TOOLCHAIN=$toolchain cargo --version 2>/dev/null | cut -d ' ' -f 2)
        if [ -n "$found" ] && at_least "$minimum" "$found"; then
            echo "$toolchain"
            break
        fi
    done
}

have cc || { say "no C compiler: Rust needs one to link"; apt gcc libc6-dev; }
if ! have cargo; then
    say "no cargo on PATH: trying Debian's"
    apt rustc-web cargo-web
fi
# rustup's cargo fails if the pinned toolchain is neither installed nor available.
if ! version=$(cargo --version 2>/dev/null) && have rustup; then
    rm -f "$choice"
    unset RUSTUP_TOOLCHAIN
    say "rustup has no Rust $pinned, which rust-toolchain.toml names; installing it …"
    if ! rustup toolchain install "$pinned" --profile minimal --component clippy --component rustfmt >&2; then
        later=$(later_toolchain)
        [ -n "$later" ] || fail "rustup cannot install Rust $pinned, and has no later one" "rustup toolchain install $pinned"
        say "rust: taking $later, because rustup cannot install $pinned"
        echo "$later" >"$choice"
        export RUSTUP_TOOLCHAIN="$later"
    fi
    version=$(cargo --version)
fi
version=$(echo "$version" | cut -d ' ' -f 2)
at_least "$minimum" "${version:-0}" ||
    fail "cargo is ${version:-missing}; Callgate needs $minimum or later" "with rustup: rustup toolchain install $pinned"
