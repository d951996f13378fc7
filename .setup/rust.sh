#!/bin/sh
# What native code needs: cargo and a C linker. Debian's cargo-web serves where there is no cargo at all.
. "$(dirname -- "$0")/lib.sh"
minimum=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")

have cc || { say "no C compiler: Rust needs one to link"; apt gcc libc6-dev; }
if ! have cargo; then
    say "no cargo on PATH: trying Debian's"
    apt rustc-web cargo-web
fi
version=$(cd "$root" && cargo --version | cut -d ' ' -f 2)
at_least "$minimum" "$version" ||
    fail "cargo is $version; Callgate needs $minimum or later" "with rustup: rustup update stable"
