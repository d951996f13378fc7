#!/bin/sh
# .callgate/platforms: pilot-discovery and pilot-agent, Istio's control plane and the parent of its proxies, built from Istio's Go module; the agent's template
# of a bootstrap; istio-crds.yaml and envoy-gateway-crds.yaml, the definitions of resources from the modules of both. go.mod and go.sum in
# .setup/platforms pin every module with its checksum. Without Go this step says so, and the tests of both are left out.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
into=$state/platforms
istio=.setup/platforms/istio
gateway=.setup/platforms/envoy-gateway
mkdir -p "$into"

# The version that go.mod names.
wanted=$(sed -n 's/^go //p' "$istio/go.mod")
found=$(go env GOVERSION 2>/dev/null | sed -n 's/^go//p')
if [ -z "$found" ] || ! at_least "$wanted" "$found"; then
    say "meshes: there is ${found:+only }${found:-no} Go, and istiod needs $wanted; the tests of Istio and Envoy Gateway are left out"
    exit 0
fi
sum=$(cat "$istio/go.mod" "$istio/go.sum" "$gateway/go.mod" "$gateway/go.sum" | sha256sum | cut -d ' ' -f 1)
[ "$(cat "$into/.meshes" 2>/dev/null)" = "$sum" ] && [ -x "$into/pilot-agent" ] && [ -f "$into/envoy-gateway-crds.yaml" ] && exit 0

# As in platforms.sh.
GOPATH=${CALLGATE_GO:-${XDG_CACHE_HOME:-$HOME/.cache}/callgate-go}
GOCACHE=$GOPATH/cache
GOFLAGS="-mod=readonly -modcacherw -p=2"
CGO_ENABLED=0
export GOPATH GOCACHE GOFLAGS CGO_ENABLED
# folder MODULE NAME: prints the folder of a module, which is downloaded if it is not there
folder() {
    go -C "$1" mod download "$2"
    go -C "$1" list -m -f '{{.Dir}}' "$2"
}
for program in pilot-discovery pilot-agent; do
    run "build $program (minutes, once)" nice -n 19 go -C "$istio" build -trimpath -ldflags="-s -w" -o "$into/$program" \
        "istio.io/istio/pilot/cmd/$program"
done
source=$(folder "$istio" istio.io/istio)
put "$source/manifests/charts/base/files/crd-all.gen.yaml" "$into/istio-crds.yaml"
put "$source/tools/packaging/common/envoy_bootstrap.json" "$into/istio-bootstrap.json"
charts=$(folder "$gateway" github.com/envoyproxy/gateway)/charts
cat "$charts"/gateway-helm/charts/crds/crds/generated/*.yaml >"$into/envoy-gateway-crds.yaml.part"
mv -f "$into/envoy-gateway-crds.yaml.part" "$into/envoy-gateway-crds.yaml"
printf '%s\n' "$sum" >"$into/.meshes"
