#!/bin/sh
# .callgate/venv: what the client tests and the demo use, every version and hash pinned in tests/python/requirements.txt.
. "$(dirname -- "$0")/lib.sh"
wanted=$root/tests/python/requirements.txt
venv=$state/venv
stamp=$venv/.requirements.sha256
sum=$(sha256sum "$wanted" | cut -d ' ' -f 1)
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && "$venv/bin/python" -c '' 2>/dev/null; then exit 0; fi

python=${PYTHON:-python3}
have "$python" || { say "no $python"; apt python3 python3-venv; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version) is too old: 3.10 or later is needed" "PYTHON=/path/to/python3 make setup chooses another"
# Debian's python3 comes without venv.
"$python" -c 'import venv, ensurepip' 2>/dev/null || apt python3-venv
rm -rf "$venv"
run "make a Python environment" "$python" -m venv "$venv"
run "install the Python clients" "$venv/bin/python" -m pip install --require-hashes --no-deps --only-binary :all: -r "$wanted"
printf '%s\n' "$sum" >"$stamp"
