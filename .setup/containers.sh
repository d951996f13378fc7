#!/bin/sh
# A container engine for the tests in containers: an installed docker or podman, else Debian's podman. Without one, this step says so,
# and the tests are skipped and say so.
. "$(dirname -- "$0")/lib.sh"
cd "$root"

if [ -n "$(.setup/engine.sh 2>/dev/null || true)" ]; then exit 0; fi
have apt-get || { say "containers: no engine answers and there is no apt-get; tests in containers will be left out"; exit 0; }
# In a subshell: a failed installation must not fail set-up.
(apt podman runc netavark aardvark-dns iptables) || say "containers: podman cannot be installed; tests in containers will be left out"
