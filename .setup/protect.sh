#!/bin/sh
# .callgate/protect: the benchmark AgentDojo, every version and hash pinned in tests/python/protect-requirements.txt. If it cannot be
# installed, this step says so, and the measure of protection is left out and says so.
. "$(dirname -- "$0")/lib.sh"

# In a subshell: a failed installation must not fail set-up.
(python_environment "$state/protect" "$root/tests/python/protect-requirements.txt" "the benchmark AgentDojo") ||
    say "protect: AgentDojo cannot be installed; the measure of protection will be left out"
