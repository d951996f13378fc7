#!/bin/sh
# .callgate/checkers: the checkers of `make lint`, every version and hash pinned in lint-requirements.txt.
. "$(dirname -- "$0")/lib.sh"
python_environment "$state/checkers" "$root/.setup/lint-requirements.txt" "the checkers of lint"
