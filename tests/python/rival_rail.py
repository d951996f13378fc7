"""Measures the tool rail of NeMo Guardrails, for `callgate-bench --rivals`: `rival_rail.py REQUEST ANSWER`.

It parses a request and an answer of Chat Completions, and lets the rail validate the calls. Neither its server nor a model runs.
"""

import asyncio
import json
import pathlib
import sys
import time

from nemoguardrails.guardrails.actions.tool_call_action import ToolCallRailAction
from nemoguardrails.guardrails.tool_schema import Tool, Toolset
from nemoguardrails.types import ToolCall, ToolCallFunction

TIMES = 1000
RAIL = ToolCallRailAction()


def read(request: str, answer: str) -> tuple[Toolset, list[ToolCall]]:
    declared = [tool["function"] for tool in json.loads(request)["tools"]]
    tools = Toolset(Tool(name=tool["name"], arguments_schema=tool["parameters"]) for tool in declared)
    calls = json.loads(answer)["choices"][0]["message"]["tool_calls"]
    return tools, [
        ToolCall(
            id=call["id"],
            function=ToolCallFunction(name=call["function"]["name"], arguments=json.loads(call["function"]["arguments"])),
        )
        for call in calls
    ]


async def decide(request: str, answer: str) -> str:
    outcome = await RAIL.run(*read(request, answer))
    return outcome.decision.value


async def main() -> None:
    request, answer = (pathlib.Path(name).read_text() for name in sys.argv[1:])
    if await decide(request, answer) != "allow":
        sys.exit("the rail does not allow the calls")
    if await decide(request, answer.replace("get_weather", "drop_tables")) != "block":
        sys.exit("the rail does not block an unknown tool")
    began = time.process_time()
    for _ in range(TIMES):
        await decide(request, answer)
    print(json.dumps({"cpu_us": (time.process_time() - began) / TIMES * 1e6}))


asyncio.run(main())
