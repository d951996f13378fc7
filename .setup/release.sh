#!/bin/sh
# dist/release: the files of a release, from dist/: filter, programs, native module and contracts by version and machine, an SBOM of each
# of them (CycloneDX), checksums. `make release` has built everything before.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
machine=$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]')
release=$root/dist/release
cyclonedx=$state/bin/cargo-cyclonedx
[ -x "$cyclonedx" ] || run "install cargo-cyclonedx" \
    cargo install cargo-cyclonedx --version 0.5.9 --locked --root .callgate --target-dir .callgate/cyclonedx

rm -rf "$release"
mkdir -p "$release"
cp dist/callgate.wasm "$release/callgate-$version.wasm"
for program in callgate callgate-executor; do cp "dist/programs/$program" "$release/$program-$version-$machine"; done
# Built on Linux only.
[ ! -f dist/programs/libcallgate.so ] || cp dist/programs/libcallgate.so "$release/libcallgate-$version-$machine.so"
tar -C dist -czf "$release/callgate-contracts-$version.tar.gz" contracts

# sbom CRATE FOLDER: cargo-cyclonedx writes beside the manifest of every crate, so only the wanted file is kept.
sbom() {
    "$cyclonedx" cyclonedx --format json --manifest-path "$2/Cargo.toml" --override-filename sbom >/dev/null
    mv "$2/sbom.json" "$release/$1-$version.cdx.json"
    find src tests contracts -name sbom.json -delete
}
sbom callgate src/cli
sbom callgate-executor src/executor
sbom callgate-filter src/filter
sbom callgate-native src/native

(cd "$release" && sha256sum -- * >SHA256SUMS)
ls -l "$release"
