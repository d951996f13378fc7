"""Runs the script of a call, in CPython compiled to WASI.

Standard input is the call's arguments, {"script": "…", "input": …}. The script reads `input` and leaves its answer in
`result`, which goes to standard output as JSON. Its prints go to standard error, so that they cannot spoil the result. If
the script fails, the exit code is 1 and standard error has one line: the error and the line of the script.

Python itself restricts nothing. The executor's sandbox does: the script has read-only files, and limits of memory, fuel and
time, as the contract grants them.
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
