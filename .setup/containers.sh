#!/bin/sh
# A container engine, for the tests in containers: docker or podman, whichever is there; else Debian's podman. Where none can be had,
# this says so and the tests say that they are left out.
. "$(dirname -- "$0")/lib.sh"
cd "$root"

if [ -n "$(.setup/engine.sh 2>/dev/null || true)" ]; then exit 0; fi
have apt-get || { say "containers: no engine answers and there is no apt-get; tests in containers will be left out"; exit 0; }
# In a shell of its own, because not being able to install it fails nothing but this.
(apt podman runc netavark aardvark-dns iptables) || say "containers: podman cannot be installed; tests in containers will be left out"
