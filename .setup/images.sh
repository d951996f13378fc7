#!/bin/sh
# The images, from dist/, or with the programs in PROGRAMS: the executor, the filter, the native module, an Envoy (unless ENVOY_IMAGE names
# one), the gate (that Envoy with both modules), the scripted model.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
dist=$root/dist
engine=$(.setup/engine.sh) || fail "there is no container engine" "make setup-containers installs one where it can"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
native=${CARGO_TARGET_DIR:-target}/release

# rootfs NAME PROGRAM PATH: fills dist/image/NAME/rootfs with the program at PATH, and its shared libraries at their paths.
rootfs() {
    into=$dist/image/$1/rootfs
    rm -rf "$dist/image/$1"
    mkdir -p "$into$(dirname -- "$3")" "$into/etc"
    cp -L "$2" "$into$3"
    # `name => /path (address)` or `/path (address)`; the kernel's own has no path.
    for library in $(ldd "$2" | sed -n 's|^[^/]*\(/[^ ]*\) (0x.*|\1|p'); do
        mkdir -p "$into$(dirname -- "$library")"
        cp -L "$library" "$into$library"
    done
    printf 'callgate:x:65532:65532::/nonexistent:/sbin/nologin\n' >"$into/etc/passwd"
    printf 'callgate:x:65532:\n' >"$into/etc/group"
    # glibc resolves names by this: hosts first, then DNS.
    printf 'hosts: files dns\n' >"$into/etc/nsswitch.conf"
    chmod -R u=rwX,go=rX "$into"
}

# authorities NAME: copies the certificate authorities of this machine to their usual path.
authorities() {
    for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        [ -f "$bundle" ] || continue
        mkdir -p "$dist/image/$1/rootfs/etc/ssl/certs"
        cp -L "$bundle" "$dist/image/$1/rootfs/etc/ssl/certs/ca-certificates.crt"
        return 0
    done
    fail "no certificate authorities on this machine" "on Debian: apt-get install ca-certificates"
}

# image NAME CONTEXT [OPTION]…
image() {
    name=$1
    context=$2
    shift 2
    # shellcheck disable=SC2086 # the engine is a list of words
    run "image $name" $engine build --quiet --build-arg VERSION="$version" "$@" \
        -t "localhost/callgate-$name:$version" -t "localhost/callgate-$name:latest" \
        -f "envoy/containers/$name.Containerfile" "$context"
}

rootfs executor "${PROGRAMS:-$dist}/callgate-executor" /usr/bin/callgate-executor
authorities executor
mkdir -p "$dist/image/executor/rootfs/var/lib"
(umask 077 && mkdir -p "$dist/image/executor/state/callgate")
image executor "$dist/image/executor"

mkdir -p "$dist/image/filter"
cp "$dist/callgate.wasm" "$dist/image/filter/callgate.wasm"
image filter "$dist/image/filter"

# Built on Linux only.
if [ -f "${PROGRAMS:-$dist}/libcallgate.so" ]; then
    mkdir -p "$dist/image/native"
    cp "${PROGRAMS:-$dist}/libcallgate.so" "$dist/image/native/libcallgate.so"
    image native "$dist/image/native"
fi

if [ -z "${ENVOY_IMAGE:-}" ]; then
    rootfs envoy "$(readlink -f "${ENVOY_BIN:-$state/envoy/envoy}")" /usr/local/bin/envoy
    authorities envoy
    image envoy "$dist/image/envoy"
fi

# An Envoy with both modules.
rm -rf "$dist/image/gate"
mkdir -p "$dist/image/gate"
cp "$dist/callgate.wasm" "$dist/image/gate/callgate.wasm"
[ ! -f "${PROGRAMS:-$dist}/libcallgate.so" ] || cp "${PROGRAMS:-$dist}/libcallgate.so" "$dist/image/gate/libcallgate.so"
base=${ENVOY_IMAGE:-localhost/callgate-envoy:latest}
image gate "$dist/image/gate" --build-arg ENVOY="$base"

rootfs model "$native/callgate-stack" /usr/bin/callgate-stack
image model "$dist/image/model"

# A changed image leaves its predecessor without a name. Only a store of our own may be cleaned.
# shellcheck disable=SC2086
case $engine in *--root="$state"/*) $engine image prune --force >/dev/null ;; esac
