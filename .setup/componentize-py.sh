#!/bin/sh
# .callgate/componentize-py: makes a component of the example tool in Python. Version and hash are pinned beside the tool.
. "$(dirname -- "$0")/lib.sh"
wanted=$root/contracts/tool-desk/tools/describe/requirements.txt
venv=$state/componentize-py
stamp=$venv/.requirements.sha256
sum=$(sha256sum "$wanted" | cut -d ' ' -f 1)
if [ -x "$venv/bin/componentize-py" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && "$venv/bin/python" -c '' 2>/dev/null; then exit 0; fi

# The Python of the client tests: python.sh has found or installed it.
rm -rf "$venv"
run "make a Python environment for componentize-py" "$state/venv/bin/python" -m venv "$venv"
run "install componentize-py" \
    "$venv/bin/python" -m pip install --require-hashes --no-deps --only-binary :all: -r "$wanted"
"$venv/bin/componentize-py" --version >/dev/null 2>&1 ||
    fail "componentize-py does not run here" "$venv/bin/componentize-py --version says why"
# Last, so a half-finished installation is repeated.
printf '%s\n' "$sum" >"$stamp"
