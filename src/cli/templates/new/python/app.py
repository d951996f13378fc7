"""Adds two numbers: a function from a call to a result.

componentize-py makes a component of this file; the modules `wit_world` and `componentize_py_types` are made from `wit/tool.wit`.
"""

import json

from componentize_py_types import Err
from wit_world.exports import Handler as World
from wit_world.exports.handler import Call, Code, Failure


class Handler(World):
    def run(self, call: Call) -> str:
        arguments = json.loads(call.arguments)
        total = arguments["a"] + arguments["b"]
        if abs(total) > 1e15:
            # The model reads code and message, so they name the remedy.
            raise Err(Failure(Code.INVALID_ARGUMENTS, "the sum is too large; give smaller numbers"))
        return json.dumps({"sum": total})
