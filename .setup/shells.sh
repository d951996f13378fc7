#!/bin/sh
# The shells that the oracle of shell lines asks, from Debian, beside bash and dash. The oracle names a missing one as skipped.
. "$(dirname -- "$0")/lib.sh"

for shell in zsh mksh busybox; do
    have "$shell" || (apt "$shell") || say "$shell cannot be installed; its part of the shell oracle will be skipped"
done
