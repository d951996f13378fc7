"""Tasks of MCP 2026-07-28 through a real gate: the official SDK as client and server, and `mcp_tasks.py`."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import urllib.request
from types import SimpleNamespace
from typing import Any, Literal

import httpx2
import mcp
import mcp.types as types
import pytest
import test_mcp_typescript
import wire_gate
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp_stack import HERE, wait_for
from ports import free_port

EXTENSION = "io.modelcontextprotocol/tasks"
VIOLATION = "callgate.dev/violation"
RESULT = {"type": "object", "required": ["built"], "additionalProperties": False, "properties": {"built": {"type": "string"}}}
MCP = {"tasks": {"lifetime": "1h"}, "elicitation": {"maxPerCall": 2}}


class TaskResult(types.Result):
    result_type: Literal["task"] = "task"
    task_id: str
    status: str


class TaskParams(types.RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


class GetTask(types.Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class UpdateTask(types.Request[TaskParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    name_param = "taskId"


class CancelTask(types.Request[TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class Told(types.Result):
    task_id: str | None = None
    status: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    input_requests: dict[str, Any] | None = None


class TaskReader(ClientExtension):
    """Asks until a task has ended, and answers its questions with `blue`."""

    identifier = EXTENSION

    def __init__(self):
        self.handles, self.told = [], []

    def claims(self):
        return [ResultClaim(result_type="task", model=TaskResult, resolve=self.resolve)]

    async def resolve(self, claimed, context):
        self.handles.append(claimed.task_id)
        for _ in range(50):
            told = await ask(context.session, GetTask, claimed.task_id)
            self.told.append(told)
            if told.status == "completed":
                return types.CallToolResult.model_validate(told.result)
            if told.status == "failed":
                raise mcp.MCPError(code=told.error["code"], message=told.error["message"])
            if told.status == "input_required":
                answers = {key: {"action": "accept", "content": {"colour": "blue"}} for key in told.input_requests}
                await ask(context.session, UpdateTask, claimed.task_id, answers)
            await asyncio.sleep(0.01)
        raise AssertionError("the task has no end")


async def ask(session, request, handle, answers=None):
    return await session.send_request(request(params=TaskParams(task_id=handle, input_responses=answers)), Told)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp-tasks")
    port = free_port()
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen([sys.executable, HERE / "mcp_tasks.py", str(port)], stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/_/seen", server)
        build = wire_gate.tool("build", kind="string") | {"result": RESULT}
        contract = wire_gate.contract([build, wire_gate.tool("nag")], mcp=MCP)
        contract["spec"]["roles"]["guest"] = {"tools": ["nag"]}
        os.environ["CALLGATE_TEST_SEALING_KEY"] = base64.b64encode(os.urandom(32)).decode()
        options = ["--sealing-variable", "CALLGATE_TEST_SEALING_KEY"]
        made = wire_gate.Gate(folder, "tasks", contract, SimpleNamespace(port=port), options)
        try:
            yield made.ready()
        finally:
            made.stop()
    finally:
        server.terminate()
        server.wait(20)


def seen(gate):
    with urllib.request.urlopen(f"http://127.0.0.1:{gate.upstream.port}/_/seen", timeout=10) as answer:
        return json.load(answer)


def within(gate, steps, extensions=(), tenant="acme", role="dev", **more):
    """Returns the result of `steps` with the SDK's client."""

    async def run():
        headers = {"x-callgate-tenant": tenant, "x-callgate-role": role}
        transport = streamable_http_client(gate.url + "/mcp", http_client=httpx2.AsyncClient(headers=headers, timeout=30))
        client = mcp.Client(transport, read_timeout_seconds=30, mode="2026-07-28", extensions=list(extensions), **more)
        async with client:
            return await asyncio.wait_for(steps(client), 60)

    return asyncio.run(run())


def build(gate, kind):
    reader = TaskReader()
    return reader, within(gate, lambda client: client.call_tool("build", {"kind": kind}), [reader])


def refused(gate, steps, **caller):
    with pytest.raises(BaseException) as raised:
        within(gate, steps, [TaskReader()], **caller)
    error = raised.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, mcp.MCPError), error
    return error.code, (error.data or {}).get("code")


def test_a_result_comes_by_a_task_and_is_checked(gate):
    reader, result = build(gate, "house")
    assert not result.is_error and result.structured_content == {"built": "house"}
    assert "SECRET" not in repr(result)
    assert reader.handles[0].startswith("cgt1.") and {told.task_id for told in reader.told} == set(reader.handles)
    assert all(name.startswith("server-") for _, name in seen(gate)), "the server sees its own identifiers"


def test_a_result_that_breaks_the_contract_is_withheld(gate):
    _, result = build(gate, "bad")
    assert result.is_error and result.meta[VIOLATION]["code"] == "output_invalid"
    assert "SECRET" not in repr(result)


def test_a_question_of_a_task_and_its_answer_go_through(gate):
    reader, result = build(gate, "ask")
    assert result.structured_content == {"built": "blue"}
    assert [told.status for told in reader.told].count("input_required") == 1


def test_a_failed_task_is_an_error_of_the_server(gate):
    assert refused(gate, lambda client: client.call_tool("build", {"kind": "fail"})) == (-32603, None)


def test_a_task_is_cancelled(gate):
    async def steps(client):
        made = await client.session.call_tool("build", {"kind": "a"}, allow_claimed=True)
        await ask(client.session, CancelTask, made.task_id)
        return await ask(client.session, GetTask, made.task_id)

    assert within(gate, steps, [TaskReader()]).status == "cancelled"


def test_a_handle_serves_nobody_else_and_no_other_text_is_a_handle(gate):
    async def made(client):
        return (await client.session.call_tool("build", {"kind": "a"}, allow_claimed=True)).task_id

    handle = within(gate, made, [TaskReader()])
    before = len(seen(gate))
    unknown = (-32602, "mcp_task_unknown")
    for request in [GetTask, UpdateTask, CancelTask]:
        answers = {} if request is UpdateTask else None
        for text in [handle[:-1] + ("A" if handle[-1] != "A" else "B"), "server-1", "x" * 8000]:
            assert refused(gate, lambda client, text=text: ask(client.session, request, text, answers)) == unknown
        for caller in [{"tenant": "evil"}, {"role": "guest"}]:
            assert refused(gate, lambda client: ask(client.session, request, handle, answers), **caller) == unknown
    assert len(seen(gate)) == before, "the server sees none of these"
    assert within(gate, lambda client: ask(client.session, GetTask, handle), [TaskReader()]).task_id == handle


def test_a_client_that_does_not_read_tasks_gets_none(gate):
    result = within(gate, lambda client: client.call_tool("build", {"kind": "a"}))
    assert result.is_error and result.meta[VIOLATION]["code"] == "mcp_result_unsupported"


def test_a_server_cannot_ask_without_end_on_retries(gate):
    asked = []

    async def elicit(_context, params):
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"colour": "blue"})

    result = within(gate, lambda client: client.call_tool("nag", {}), elicitation_callback=elicit)
    assert result.is_error and result.meta[VIOLATION]["code"] == "mcp_input_forbidden"
    assert len(asked) == 2, "`maxPerCall` of the contract"
    states = [state for name, state in seen(gate) if name == "nag"]
    assert states == [None, "the server's own", "the server's own"]


@pytest.mark.skipif(test_mcp_typescript.missing() is not None, reason=f"TypeScript SDK of MCP: {test_mcp_typescript.missing()}")
def test_a_typescript_client_carries_the_count_of_questions(gate):
    before = len(seen(gate))
    place = SimpleNamespace(urls={"refuse": gate.url + "/mcp"})
    _, told = test_mcp_typescript.run(place, "2026-07-28", ["call", "nag", {}], role="dev")
    assert told["isError"] and told["_meta"][VIOLATION]["code"] == "mcp_input_forbidden", told
    assert [state for _, state in seen(gate)[before:]] == [None, "the server's own", "the server's own"]


def test_the_gate_did_not_trap(gate):
    assert gate.traps() == []
