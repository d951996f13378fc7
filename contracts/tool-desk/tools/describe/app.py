"""Describes a series of numbers: a tool of the typed world (`callgate:tool`) in Python, behind contracts/tool-desk.

`{"numbers": [1, 2, 4]}` gives `{"count": 3, "mean": 2.33…, "median": 2, "stdev": 1.52…}`. componentize-py makes a component
of this file, and the modules `wit_world` and `componentize_py_types` from the WIT file.
"""

import json
import statistics

from componentize_py_types import Err
from wit_world.exports import Handler as World
from wit_world.exports.handler import Call, Code, Failure


class Handler(World):
    def run(self, call: Call) -> str:
        numbers = json.loads(call.arguments)["numbers"]
        if len(numbers) < 2:
            raise Err(Failure(Code.INVALID_ARGUMENTS, "one number has no deviation; give two or more"))
        try:
            return json.dumps(
                {
                    "count": len(numbers),
                    "mean": statistics.fmean(numbers),
                    "median": statistics.median(numbers),
                    "stdev": statistics.stdev(numbers),
                }
            )
        except OverflowError:
            raise Err(Failure(Code.REFUSED, "these numbers are too large to add up")) from None
