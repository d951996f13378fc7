#!/bin/sh
# .callgate/venv: the clients of the tests, every version and hash pinned in tests/python/requirements.txt.
. "$(dirname -- "$0")/lib.sh"
python_environment "$state/venv" "$root/tests/python/requirements.txt" "the Python clients"
