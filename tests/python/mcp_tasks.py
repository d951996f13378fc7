"""An MCP server of the official SDK whose tool `build` answers with tasks: `python mcp_tasks.py PORT`.

A task ends at its second `tasks/get`. The argument `kind` chooses the end: `bad` breaks the contract's `result`, `ask` waits for a person's answer,
`fail` is an error. The tool `nag` asks a person on each retry, without end.

`GET /_/seen` lists the requests about tasks, with the identifiers that the server gave.
"""

import sys
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp.types import RequestParams
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

PORT = sys.argv[1]
SEEN, TASKS = [], {}
FORM = {"type": "object", "properties": {"colour": {"type": "string"}}}
QUESTION = {"method": "elicitation/create", "params": {"mode": "form", "message": "Which colour?", "requestedSchema": FORM}}


class TaskParams(RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


class Tasks(Extension):
    identifier = "io.modelcontextprotocol/tasks"

    def methods(self):
        handlers = {"tasks/get": self.get, "tasks/update": self.update, "tasks/cancel": self.cancel}
        revisions = frozenset({"2026-07-28"})
        return [MethodBinding(method, TaskParams, handler, revisions) for method, handler in handlers.items()]

    async def intercept_tool_call(self, params, ctx, call_next):
        if params.name == "nag":
            SEEN.append(["nag", params.request_state])
            return {"resultType": "input_required", "inputRequests": {"q": QUESTION}, "requestState": "the server's own"}
        if params.name != "build":
            return await call_next(ctx)
        name = f"server-{len(TASKS) + 1}"
        TASKS[name] = {"end": (params.arguments or {}).get("kind"), "asked": 0, "answered": None, "status": "working"}
        return {"resultType": "task", **self.state(name)}

    def state(self, name):
        state = {"taskId": name, "status": TASKS[name]["status"], "createdAt": "2026-11-28T00:00:00Z",
                 "lastUpdatedAt": "2026-11-28T00:00:01Z", "ttlMs": 60000, "pollIntervalMs": 10}
        return state | TASKS[name].get("part", {})

    def known(self, method, params):
        SEEN.append([method, params.task_id])
        if params.task_id not in TASKS:
            raise MCPError(code=-32602, message="no such task")
        return TASKS[params.task_id]

    async def get(self, _ctx, params):
        task = self.known("tasks/get", params)
        task["asked"] += 1
        end = task["end"]
        if task["status"] == "working" and task["asked"] >= 2:
            if end == "ask" and task["answered"] is None:
                task |= {"status": "input_required", "part": {"inputRequests": {"q": QUESTION}}}
            elif end == "fail":
                task |= {"status": "failed", "part": {"error": {"code": -32603, "message": "no room"}}}
            else:
                value = {"secret": "SECRET"} if end == "bad" else {"built": task["answered"] or end}
                result = {"content": [{"type": "text", "text": "SECRET"}], "structuredContent": value, "isError": False}
                task |= {"status": "completed", "part": {"result": result}}
        return self.state(params.task_id)

    async def update(self, _ctx, params):
        task = self.known("tasks/update", params)
        content = (params.input_responses or {}).get("q", {}).get("content") or {}
        task |= {"status": "working", "answered": content.get("colour"), "part": {}}
        return {}

    async def cancel(self, _ctx, params):
        self.known("tasks/cancel", params)["status"] = "cancelled"
        return {}


server = MCPServer("builder", extensions=[Tasks()])


@server.tool(structured_output=False)
async def build(kind: str) -> str:
    return "never"


@server.tool(structured_output=False)
async def nag() -> str:
    return "never"


app = server.streamable_http_app()


async def seen(_request):
    return JSONResponse(SEEN)


@asynccontextmanager
async def lifespan(_):
    async with app.router.lifespan_context(app):
        yield


uvicorn.run(Starlette(routes=[Route("/_/seen", seen), Mount("/", app)], lifespan=lifespan),
            host="127.0.0.1", port=int(PORT), log_level="warning", timeout_graceful_shutdown=1)
