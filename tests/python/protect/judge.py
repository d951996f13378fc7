"""The gate as a judge of calls: `callgate-protect`, which plays each turn through the engine."""

import contextlib
import json
import subprocess
from typing import NamedTuple

from dialects import CHAT

ALLOWED, HELD, REFUSED = "allowed", "held", "refused"


class Verdict(NamedTuple):
    """The decision on a call."""

    verdict: str
    code: str
    pointer: str


class Judge:
    """A running `callgate-protect` for one contract and one role."""

    def __init__(self, program, contract, role):
        self.role = role
        self.process = subprocess.Popen(
            [program, contract], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):  # It has ended by itself, and said why.
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)

    def decide(self, conversation, name, arguments, dialect=CHAT):
        """Returns the decision on a call that ends a conversation of (system, prompt, steps)."""
        turn = {
            "path": dialect.path,
            "role": self.role,
            "request": json.dumps(dialect.request(*conversation)),
            "answer": dialect.answer(name, arguments),
            "streamed": dialect.streamed,
        }
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(turn) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"callgate-protect ended with status {self.process.wait(timeout=30)}")
        decided = json.loads(line)
        if decided["error"] or len(decided["calls"]) != 1:
            raise RuntimeError(f"the gate did not decide {name}: {decided}")
        call = decided["calls"][0]
        if call["tool"] != name:
            raise RuntimeError(f"the gate decided {call['tool']} in place of {name}")
        return Verdict(call["verdict"], call["code"], call["pointer"])


class Anything:
    """A judge that allows every call: the measure without a gate."""

    def decide(self, *_):
        return Verdict(ALLOWED, "", "")
