#!/bin/sh
# .callgate/rivals: LiteLLM's proxy and NeMo Guardrails, every version and hash pinned in tests/python/rivals-requirements.txt. Only
# `make bench-rivals` uses them. The environment takes 700 MB.
. "$(dirname -- "$0")/lib.sh"
python_environment "$state/rivals" "$root/tests/python/rivals-requirements.txt" "LiteLLM and NeMo Guardrails"
