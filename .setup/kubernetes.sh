#!/bin/sh
# kubernetes.sh [--check]: writes the manifests of envoy/kubernetes from the chart and its values, or compares them.
. "$(dirname -- "$0")/lib.sh"
cd "$root"
helm=${HELM:-$state/platforms/helm}
callgate=${CALLGATE_COMMAND:-dist/callgate}
have "$helm" || fail "there is no helm" "make setup-platforms"
have "$callgate" || fail "there is no $callgate" "make build"
desk=contracts/policy-desk
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# Both have the same identity, credential and executor.
common="--metrics 0.0.0.0:9902 --upstream-credential /etc/callgate/provider/authorization
    --executor callgate-executor.llm.svc:7070 --executor-ca /etc/callgate/tls/ca.crt
    --executor-certificate /etc/callgate/tls/tls.crt --executor-key /etc/callgate/tls/tls.key"
# The cluster itself says who calls: the tenant is a namespace, the role a ServiceAccount.
gateway="--listen 0.0.0.0:10000 --identity jwt --jwt-issuer https://kubernetes.default.svc.cluster.local --jwt-audience callgate
    --jwt-jwks /etc/callgate/jwks/jwks.json --tenant-claim /kubernetes.io/namespace --role-claim /kubernetes.io/serviceaccount/name"
sidecar="--listen 127.0.0.1:10000 --identity fixed --tenant acme --role clerk"

# manifests MODE OPTIONS…
manifests() {
    mode=$1
    shift
    "$callgate" render "$desk/contract.yaml" --target envoy "$@" >"$temporary/envoy.yaml"
    printf '%s\n' \
        "# All of the chart envoy/helm/callgate with $mode.values.yaml, for kubectl. Written by .setup/kubernetes.sh; a test compares it." \
        "# Secrets are not in it: docs/operate/kubernetes.md makes them." >"$temporary/$mode.yaml"
    # The order of these files is the order in the ConfigMap.
    "$helm" template callgate envoy/helm/callgate --namespace llm --values "envoy/kubernetes/$mode.values.yaml" \
        --set-file gate.config.inline="$temporary/envoy.yaml" \
        --set-file 'executor.files.contract\.yaml'="$desk/contract.yaml" \
        --set-file 'executor.files.policies/amounts\.rego'="$desk/policies/amounts.rego" \
        --set-file 'executor.files.policies/limits\.json'="$desk/policies/limits.json" \
        --set-file 'executor.files.policies/tenants\.cedar'="$desk/policies/tenants.cedar" \
        --set-file 'executor.files.policies/entities\.json'="$desk/policies/entities.json" |
        sed 's/[[:space:]]*$//' >>"$temporary/$mode.yaml"
}

# shellcheck disable=SC2086 # lists of words
manifests gateway $common $gateway
# shellcheck disable=SC2086
manifests sidecar $common $sidecar

for mode in gateway sidecar; do
    file=envoy/kubernetes/$mode.yaml
    if [ "${1:-}" = --check ]; then
        diff -u "$file" "$temporary/$mode.yaml" >&2 || fail "$file is out of date" ".setup/kubernetes.sh writes it again"
    else
        cp "$temporary/$mode.yaml" "$file"
    fi
done
