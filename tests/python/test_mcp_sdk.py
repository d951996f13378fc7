"""The official `mcp` SDK through the gate, at a real MCP server: as streams and whole, with and without sessions.

Only the URL is special. `test_mcp_stateless.py` has what 2026-07-28 alone has.
"""

import asyncio
import json

import httpx2
import mcp
import mcp.types as types
import pytest
from mcp_stack import mcp_gates  # noqa: F401, a fixture

VIOLATION = "callgate.dev/violation"
OSLO = {"timezone": "Europe/Oslo"}


@pytest.fixture(params=[False, True], ids=["streams", "whole"])
def whole(request):
    """True if the server answers with JSON instead of streams of events."""
    return request.param


@pytest.fixture(params=["legacy", "2026-07-28"])
def mode(request):
    """The way of MCP that the client speaks."""
    return request.param


def within(client, steps):
    """Returns the result of `steps`, within a session."""

    async def run():
        async with client:
            return await asyncio.wait_for(steps(client), 60)

    return asyncio.run(run())


def text(result):
    assert [block.type for block in result.content] == ["text"]
    return result.content[0].text


@pytest.mark.filterwarnings("ignore:ping is removed")
def test_a_session_begins_and_ends_as_with_the_server_itself(mcp_gates, whole):
    async def steps(client):
        assert client.server_info.name == "mcp-time"
        assert client.protocol_version == "2025-11-25"
        assert client.instructions is None
        await client.send_ping()

    within(mcp_gates.client(whole=whole, mode="legacy"), steps)


def test_a_list_has_the_contracts_tools_and_descriptions(mcp_gates, whole, mode):
    async def steps(client):
        return {tool.name: tool for tool in (await client.list_tools()).tools}

    tools = within(mcp_gates.client(whole=whole, mode=mode), steps)
    assert sorted(tools) == ["book", "broken", "change", "convert_time", "count", "get_current_time", "lookup", "muse", "near"]
    assert tools["get_current_time"].description == "The time in a zone."
    assert tools["get_current_time"].input_schema["properties"]["timezone"]["pattern"]
    assert tools["get_current_time"].output_schema["additionalProperties"] is False
    assert tools["convert_time"].output_schema is None
    assert all(tool.title is None for tool in tools.values())
    # Annotations are the contract's `effects`, not the server's words.
    assert tools["get_current_time"].annotations.read_only_hint is True
    assert tools["book"].annotations.read_only_hint is False
    assert "POISON" not in repr(tools)
    assert sorted(within(mcp_gates.client(whole=whole, mode=mode, role="viewer"), steps)) == ["get_current_time"]


def test_an_allowed_call_is_answered_by_the_server(mcp_gates, whole, mode):
    async def steps(client):
        await client.list_tools()  # From here on the SDK checks results against the listed schema.
        now = await client.call_tool("get_current_time", OSLO)
        times = {"source_timezone": "Europe/Oslo", "time": "12:00", "target_timezone": "UTC"}
        return now, await client.call_tool("convert_time", times)

    now, converted = within(mcp_gates.client(whole=whole, mode=mode), steps)
    assert not now.is_error
    assert now.structured_content["timezone"] == "Europe/Oslo"
    assert json.loads(text(now)) == now.structured_content
    assert converted.structured_content["target"]["timezone"] == "UTC"


def test_calls_in_parallel_get_each_its_own_answer(mcp_gates, whole, mode):
    zones = ["UTC", "Europe/Oslo", "Europe/Rome", "Europe/Paris", "Europe/Athens"]

    async def steps(client):
        return await asyncio.gather(*(client.call_tool("get_current_time", {"timezone": zone}) for zone in zones))

    results = within(mcp_gates.client(whole=whole, mode=mode), steps)
    assert [result.structured_content["timezone"] for result in results] == zones


REFUSED = [
    ("get_current_time", {"timezone": "Atlantis"}, "clerk", "arguments_invalid"),
    ("get_current_time", {}, "clerk", "arguments_invalid"),
    ("count", {"to": 99}, "clerk", "arguments_invalid"),
    ("delete_everything", {}, "clerk", "tool_not_in_contract"),
    ("count", {"to": 1}, "viewer", "role_forbidden"),
]


@pytest.mark.parametrize("name, arguments, role, code", REFUSED)
def test_a_refused_call_is_a_failed_result_and_the_server_never_sees_it(mcp_gates, whole, mode, name, arguments, role, code):
    before = mcp_gates.calls()
    result = within(mcp_gates.client(whole=whole, mode=mode, role=role), lambda client: client.call_tool(name, arguments))
    assert result.is_error
    assert text(result).startswith(f"Callgate refused the call of `{name}` ({code}")
    assert result.meta[VIOLATION]["code"] == code
    assert mcp_gates.calls() == before


def test_a_tool_of_the_executor_runs_there_and_not_at_the_server(mcp_gates, whole, mode):
    before = mcp_gates.calls()
    result = within(mcp_gates.client(whole=whole, mode=mode), lambda client: client.call_tool("lookup", {"key": "x"}))
    assert not result.is_error and "SECRET" not in repr(result)
    assert "x" in text(result)
    assert mcp_gates.calls() == before


def test_a_refused_call_is_the_sdks_own_exception_if_the_contract_demands_errors(mcp_gates, whole, mode):
    before = mcp_gates.calls()

    async def steps(client):
        with pytest.raises(mcp.MCPError) as raised:
            await client.call_tool("count", {"to": 99})
        assert not (await client.call_tool("get_current_time", OSLO)).is_error, "and the session goes on"
        return raised.value

    error = within(mcp_gates.client("error", whole=whole, mode=mode), steps)
    assert error.code == types.INVALID_PARAMS
    assert error.data == {"code": "arguments_invalid", "tool": "count", "pointer": "/to"}
    assert "Callgate refused the call of `count`" in error.message
    assert mcp_gates.calls() == [*before, ("get_current_time", OSLO)]


def test_a_result_that_breaks_the_contract_does_not_arrive(mcp_gates, whole, mode):
    result = within(mcp_gates.client(whole=whole, mode=mode), lambda client: client.call_tool("broken", {}))
    assert result.is_error and "output_invalid" in text(result) and "SECRET" not in repr(result)

    async def steps(client):
        with pytest.raises(mcp.MCPError, match="output_invalid") as raised:
            await client.call_tool("broken", {})
        return raised.value

    assert within(mcp_gates.client("error", whole=whole, mode=mode), steps).data["code"] == "output_invalid"


def test_a_tools_own_failure_arrives(mcp_gates, whole, mode):
    result = within(mcp_gates.client(whole=whole, mode=mode), lambda client: client.call_tool("get_current_time", {"timezone": "Europe/X"}))
    assert result.is_error and "Invalid timezone" in text(result)


def test_progress_and_logs_arrive_before_the_answer(mcp_gates, mode):
    seen = []

    async def log(params):
        seen.append(params.data)

    async def progress(done, total, _message):
        seen.append((done, total))

    async def steps(client):
        return await client.call_tool("count", {"to": 2}, progress_callback=progress)

    result = within(mcp_gates.client(mode=mode, logging_callback=log, log_level="info"), steps)
    assert text(result) == "counted to 2"
    assert seen == [(1, 2), "at 1", (2, 2), "at 2"]


def test_a_tool_may_ask_the_user(mcp_gates, mode):
    async def seat(_context, params):
        assert params.message == "Which seat?"
        return types.ElicitResult(action="accept", content={"seat": "4A"})

    client = mcp_gates.client(mode=mode, elicitation_callback=seat)
    assert text(within(client, lambda client: client.call_tool("book", {}))) == "booked 4A"


def test_a_tool_may_ask_the_clients_model_for_text_but_give_it_no_tools(mcp_gates, mode):
    asked = []

    async def sample(_context, params):
        asked.append(params)
        content = types.TextContent(type="text", text="blue")
        return types.CreateMessageResult(role="assistant", model="m", content=content)

    tools = types.SamplingCapability(tools=types.SamplingToolsCapability())
    client = mcp_gates.client(mode=mode, sampling_callback=sample, sampling_capabilities=tools)

    async def steps(client):
        assert text(await client.call_tool("muse", {})) == "the model said blue"
        # The gate hid this ability of the client from the server.
        with pytest.raises(mcp.MCPError) as raised:
            await client.call_tool("muse", {"tools": True})
        return raised.value

    error = within(client, steps)
    assert (error.code, len(asked)) == (-32021, 1)
    assert asked[0].max_tokens == 4  # The server asks for 5.
    assert "tools" in error.data["requiredCapabilities"]["sampling"]


def test_prompts_and_resources_are_forwarded(mcp_gates, whole, mode):
    async def steps(client):
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["greet"]
        prompt = await client.get_prompt("greet", {"name": "Ada"})
        assert prompt.messages[0].content.text == "Greet Ada."
        assert [str(one.uri) for one in (await client.list_resources()).resources] == ["notes://today"]
        assert (await client.read_resource("notes://today")).contents[0].text == "Nothing."

    within(mcp_gates.client(whole=whole, mode=mode), steps)


def test_resources_and_prompts_that_the_contract_lacks_are_not_there(mcp_gates, whole, mode):
    async def refused(asked):
        with pytest.raises(mcp.MCPError) as raised:
            await asked
        return raised.value.data["code"]

    async def steps(client):
        lists = [await client.list_prompts(), await client.list_resources(), await client.list_resource_templates()]
        assert "POISON" not in repr(lists) and lists[2].resource_templates == []
        assert lists[0].prompts[0].description == "Greets a person."
        assert [argument.name for argument in lists[0].prompts[0].arguments] == ["name"]
        assert lists[1].resources[0].description == "Notes of today."
        for uri in ("notes://secret", "notes://day/monday", "notes://today/../secret", "notes://%74oday", "file:///etc/passwd"):
            assert await refused(client.read_resource(uri)) == "mcp_resource_forbidden", uri
        assert await refused(client.get_prompt("leak", {})) == "mcp_prompt_forbidden"
        assert await refused(client.get_prompt("greet", {"name": "a" * 30})) == "arguments_invalid"
        assert await refused(client.get_prompt("greet", {})) == "arguments_invalid"

    within(mcp_gates.client(whole=whole, mode=mode), steps)


def test_listening_outlives_the_time_for_a_call(mcp_gates):
    """`turnTimeout` is 4 s. A GET whose stream broke would be sent again."""

    async def steps():
        async with mcp_gates.http() as http:
            session = await begin(http, mcp_gates.urls["refuse"])
            headers = {**session, "accept": "text/event-stream"}
            async with http.stream("GET", mcp_gates.urls["refuse"], headers=headers) as answer:
                assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(answer.aiter_bytes()), 6)

    asyncio.run(steps())


async def begin(http, url):
    """Opens a session by hand; returns its headers."""
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    answer = await post(http, url, {}, {"id": 1, "method": "initialize", "params": params})
    session = {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
    told = await post(http, url, session, {"method": "notifications/initialized"})
    assert (told.status_code, told.content) == (202, b"")
    return session


async def post(http, url, headers, message):
    headers = {**headers, "accept": "application/json, text/event-stream"}
    return await http.post(url, headers=headers, json={"jsonrpc": "2.0", **message})


def test_messages_without_a_place_in_a_session_are_refused_in_json_rpc(mcp_gates):
    url = mcp_gates.urls["refuse"]

    async def steps():
        async with mcp_gates.http() as http:
            session = await begin(http, url)
            batch = await http.post(url, headers=session, json=[{"jsonrpc": "2.0", "id": 1, "method": "ping"}])
            assert (batch.status_code, batch.json()["id"], batch.json()["error"]["code"]) == (400, None, -32600)
            listed = await post(http, url, session, {"id": 2, "method": "tools/list"})
            assert "\nid:" not in listed.text and "retry" not in listed.text, "there is nothing to resume from"
            resumed = await http.get(url, headers={**session, "accept": "text/event-stream", "last-event-id": "1"})
            assert resumed.status_code == 400
            tasks = await post(http, url, session, {"id": 3, "method": "tasks/list"})
            assert (tasks.status_code, tasks.json()["error"]["code"]) == (200, -32601)
            assert (await http.delete(url, headers=session)).status_code == 200
            lost = await post(http, url, session, {"id": 4, "method": "ping"})
            assert (lost.status_code, lost.json()["error"]["message"]) == (404, "Session not found")
        async with mcp_gates.http(role="stranger") as http:
            stranger = await post(http, url, {}, {"id": 1, "method": "ping"})
            assert (stranger.status_code, stranger.json()["error"]["data"]["code"]) == (400, "role_forbidden")

    asyncio.run(steps())


def test_an_unrequested_answer_ends_the_servers_own_stream(mcp_gates):
    async def steps():
        said = ""
        async with mcp_gates.http(**{"x-answer": "forged", "accept": "text/event-stream"}) as http:
            async with http.stream("GET", mcp_gates.urls["refuse"]) as answer:
                assert answer.status_code == 200
                with pytest.raises(httpx2.RemoteProtocolError):  # It is cut, so that the client listens again.
                    async for chunk in answer.aiter_text():
                        said += chunk
        return said

    said = asyncio.run(asyncio.wait_for(steps(), 8))
    assert "hello" in said and "upstream_invalid" in said and "SECRET" not in said


def test_an_answer_to_another_request_never_arrives(mcp_gates):
    async def steps():
        async with mcp_gates.http(**{"x-answer": "forged"}) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            async with http.stream("POST", mcp_gates.urls["refuse"], json=message) as answer:
                lines = []
                async for line in answer.aiter_lines():
                    lines.append(line)
                    if "error" in line:
                        return lines

    lines = asyncio.run(asyncio.wait_for(steps(), 8))
    assert "SECRET" not in "".join(lines)
    answer = json.loads(lines[-1].removeprefix("data: "))
    # The forged answer is dropped; the client's own never comes.
    assert (answer["id"], answer["error"]["data"]["code"]) == (1, "limit_exceeded")
