"""Runs the script that a call brings, in CPython compiled to WASI.

Standard input is the call's arguments, {"script": "…", "input": …}. The script finds `input` and leaves what it found in
`result`, which goes to standard output as JSON. What it prints goes to standard error, so that it cannot spoil the result.
A script that fails is exit code 1 and one line on standard error: the error and the script's line that it is in.

There is no sandbox in here, and none is needed: the script may do all that this process may, and that is what the contract
grants it: these files, read-only, so much memory, fuel and time, and nothing else.
"""

import json
import sys
import traceback

NAME = "<script>"


def main() -> int:
    call = json.load(sys.stdin)
    answer, sys.stdout = sys.stdout, sys.stderr
    names = {"__name__": "__main__", "input": call.get("input"), "result": None}
    try:
        exec(compile(call["script"], NAME, "exec"), names)
        text = json.dumps(names["result"], allow_nan=False)
    except MemoryError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
        where = f", line {lines[-1]}" if lines else ""
        print(f"the script failed{where}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    answer.write(text)
    answer.flush()
    return 0


sys.exit(main())
