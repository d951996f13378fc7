#!/bin/sh
# Prints the command line of the container engine, with its options; without one, prints the reason on standard error.
# CONTAINER_ENGINE overrides the search.
. "$(dirname -- "$0")/lib.sh"

if [ -n "${CONTAINER_ENGINE:-}" ]; then
    echo "$CONTAINER_ENGINE"
    exit 0
fi
if have docker && timeout 20 docker info >/dev/null 2>&1; then
    echo docker
    exit 0
fi
have podman || { say "no container engine: neither docker nor podman answers"; exit 1; }
if timeout 20 podman info >/dev/null 2>&1 && [ -d /run/systemd/system ]; then
    echo podman
    exit 0
fi
# A machine without systemd, or a container, has no systemd cgroups and perhaps no overlay in an overlay. The store is separate, because
# podman refuses a store of another driver.
options="--storage-driver=vfs --cgroup-manager=cgroupfs --root=$state/containers/storage --runroot=$state/containers/run"
have runc && options="$options --runtime=runc"
# shellcheck disable=SC2086 # a list of words
timeout 20 podman $options info >/dev/null 2>&1 || { say "podman is installed and does not answer: $(podman $options info 2>&1 | tail -n 1)"; exit 1; }
echo "podman $options"
