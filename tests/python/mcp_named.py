"""A small MCP server of the official SDK: `python mcp_named.py NAME PORT`. Several of them have tools of the same names.

`GET /_/seen` lists the headers and the calls that it received.
"""

import asyncio
import sys
from contextlib import asynccontextmanager

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

NAME, PORT = sys.argv[1], int(sys.argv[2])
HEADERS, CALLS = [], []


def made():
    server = MCPServer(NAME, instructions="POISON")

    @server.tool(description="POISON", structured_output=False)
    async def search(query: str) -> str:
        CALLS.append(["search", query])
        return f"{NAME} found {query}"

    @server.tool(structured_output=False)
    async def slow(seconds: float) -> str:
        CALLS.append(["slow", seconds])
        await asyncio.sleep(seconds)
        CALLS.append(["slow ended", seconds])
        return f"{NAME} slept"

    @server.tool(structured_output=False)
    async def big(size: int) -> str:
        CALLS.append(["big", size])
        return "x" * size

    @server.tool(structured_output=False)
    async def fail() -> str:
        raise ValueError("SECRET")

    @server.tool(structured_output=False)
    async def only() -> str:
        CALLS.append(["only"])
        return f"only at {NAME}"

    return server.streamable_http_app()


async def seen(_request):
    return JSONResponse({"headers": HEADERS, "calls": CALLS})


app = made()


async def recording(scope, receive, send):
    if scope["type"] == "http":
        HEADERS.append({name.decode(): value.decode() for name, value in scope["headers"]} | {"?": scope["path"]})
    await app(scope, receive, send)


@asynccontextmanager
async def lifespan(_):
    async with app.router.lifespan_context(app):
        yield


uvicorn.run(Starlette(routes=[Route("/_/seen", seen), Mount("/", recording)], lifespan=lifespan),
            host="127.0.0.1", port=PORT, log_level="warning", timeout_graceful_shutdown=1)
