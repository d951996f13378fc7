#!/bin/sh
# Writes the files mounted by compose.yaml into dist/compose: Envoy's configuration, the executor's, and the contract with its tools. In front of the
# scripted model, or of the API that LLM_BASE_URL names (https://api.openai.com/v1).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
dist=$root/dist
into=$dist/compose
desk=$into/order-desk

rm -rf "$into"
mkdir -p "$into"
cp "$root/envoy/compose/executor.yaml" "$into/executor.yaml"
cp -R "$dist/contracts/order-desk" "$desk"
# The containers run as another user.
chmod -R a+rX "$into"
chmod -R a+rwX "$desk/data"

if [ -z "${LLM_BASE_URL:-}" ]; then
    set -- --upstream model:8080
else
    rest=${LLM_BASE_URL#*://}
    authority=${rest%%/*}
    case $rest in */*) path=/${rest#*/} ;; *) path= ;; esac
    case $LLM_BASE_URL in
    https://*) port=443 tls=--upstream-tls ;;
    http://*) port=80 tls= ;;
    *) echo "LLM_BASE_URL is $LLM_BASE_URL; expected something like https://api.openai.com/v1" >&2 && exit 1 ;;
    esac
    case $authority in *:*) port= ;; *) port=:$port ;; esac
    set -- --upstream "$authority$port" --path "chatCompletions=${path%/}/chat/completions" $tls
fi
# In a container no other process can reach the admin port on its loopback.
"$dist/callgate" render --target envoy "$desk/contract.yaml" --listen 0.0.0.0:10000 --executor executor:7070 "$@" >"$into/envoy.yaml"
chmod a+r "$into/envoy.yaml"
echo "dist/compose has envoy.yaml, executor.yaml and order-desk/"
