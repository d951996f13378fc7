"""MCP 2026-07-28 through the gate with the official SDK: requests without a session, and servers of one era."""

import asyncio
import json

import mcp
import mcp.types as types
import pytest
from mcp_stack import mcp_gates  # noqa: F401, a fixture
from test_mcp_sdk import OSLO, VIOLATION, text, within

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def test_a_client_finds_the_new_revision_by_itself(mcp_gates):
    async def steps(client):
        assert client.protocol_version == "2026-07-28"
        assert client.server_info.name == "mcp-time"
        assert client.instructions is None
        return await client.call_tool("get_current_time", OSLO)

    assert not within(mcp_gates.client(), steps).is_error


def test_a_client_of_both_ways_falls_back_before_an_older_server(mcp_gates):
    async def steps(client):
        assert client.protocol_version == "2025-11-25"
        return await client.call_tool("get_current_time", OSLO)

    assert not within(mcp_gates.client(**{"answer": "old"}), steps).is_error


def test_an_older_client_learns_which_revisions_a_newer_server_speaks(mcp_gates):
    with pytest.raises(BaseException) as raised:
        within(mcp_gates.client(mode="legacy", answer="new"), lambda client: client.list_tools())
    error = raised.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, mcp.MCPError)
    assert (error.code, error.data["supported"]) == (-32022, ["2026-07-28"])
    assert not within(mcp_gates.client(answer="new"), lambda client: client.call_tool("get_current_time", OSLO)).is_error


@pytest.mark.parametrize("region", ["north", "Ås", " padded ", "=?base64?YQ==?="])
def test_an_argument_that_is_a_header_too_reaches_the_server_in_both(mcp_gates, region):
    async def steps(client):
        await client.list_tools()  # The client learns the annotation from the contract's schema.
        return await client.call_tool("near", {"region": region})

    result = within(mcp_gates.client(mode="2026-07-28"), steps)
    assert not result.is_error, result
    assert text(result) == f"near {region}"


def test_a_client_that_has_not_listed_the_tools_is_told_to(mcp_gates):
    """The SDK lists the tools after `HeaderMismatch`, and calls again."""
    result = within(mcp_gates.client(mode="2026-07-28"), lambda client: client.call_tool("near", {"region": "north"}))
    assert text(result) == "near north"


@pytest.mark.parametrize("answer, code", [
    ("task", "mcp_result_unsupported"), ("later", "mcp_result_unsupported"), ("tools", "mcp_input_forbidden"),
])
def test_what_is_not_the_result_does_not_arrive(mcp_gates, answer, code):
    async def sample(_context, _params):
        raise AssertionError("no model is asked")

    client = mcp_gates.client(mode="2026-07-28", answer=answer, sampling_callback=sample)
    result = within(client, lambda client: client.call_tool("get_current_time", OSLO))
    assert result.is_error and result.meta[VIOLATION]["code"] == code
    assert "SECRET" not in repr(result)


def test_a_server_may_not_ask_for_what_the_contract_leaves_out(mcp_gates):
    async def roots(_context):
        raise AssertionError("no server asks")

    async def steps(client):
        return await client.call_tool("get_current_time", OSLO)

    within(mcp_gates.client(mode="2026-07-28", list_roots_callback=roots), steps)
    capabilities = mcp_gates.metas()[-1]["io.modelcontextprotocol/clientCapabilities"]
    assert "roots" not in capabilities


def test_a_subscription_outlives_the_time_for_a_call(mcp_gates):
    """`turnTimeout` is 4 s."""

    async def steps(client):
        async with client.listen(tools_list_changed=True) as changes:
            assert changes.honored.tools_list_changed
            await asyncio.sleep(5)
            assert text(await client.call_tool("change", {})) == "changed"
            return type(await asyncio.wait_for(anext(aiter(changes)), 10)).__name__

    assert within(mcp_gates.client(mode="2026-07-28"), steps) == "ToolsListChanged"


def ask(method, params=None, meta=None, **headers):
    """Returns the headers and the body of a request by hand."""
    name = (params or {}).get("name") or (params or {}).get("uri")
    usual = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, "accept": "application/json, text/event-stream"}
    if name:
        usual["mcp-name"] = name
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": META if meta is None else meta}}
    return {**usual, **{key.replace("_", "-"): value for key, value in headers.items()}}, body


TIME = {"name": "get_current_time", "arguments": OSLO}
WRONG = [
    ("another name", ask("tools/call", TIME, mcp_name="count"), 400, -32020),
    ("another method", ask("tools/call", TIME, mcp_method="tools/list"), 400, -32020),
    ("another case", ask("tools/call", TIME, mcp_name="Get_Current_Time"), 400, -32020),
    ("a percent form", ask("tools/call", TIME, mcp_name="get%5Fcurrent%5Ftime"), 400, -32020),
    ("an unknown argument", ask("tools/call", TIME, mcp_param_zone="Oslo"), 400, -32020),
    ("an older header", ask("tools/call", TIME, mcp_protocol_version="2025-11-25"), 400, -32020),
    ("a later header", ask("tools/call", TIME, mcp_protocol_version="2030-01-01"), 400, -32022),
    ("another revision in the body", ask("tools/list", meta={**META, "io.modelcontextprotocol/protocolVersion": "2025-11-25"}), 400, -32020),
    ("no revision in the body", ask("tools/list", meta={}), 400, -32602),
    ("a method of sessions", ask("ping"), 404, -32601),
    ("a method of tasks", ask("tasks/get", {"taskId": "1"}), 404, -32601),
    ("inputs for a list", ask("tools/list", {"inputResponses": {"a": {"roots": []}}}), 400, -32602),
    ("a huge state", ask("tools/call", {**TIME, "requestState": "s" * 65_537}), 413, -32010),
]


@pytest.mark.parametrize("name, request_, status, code", WRONG, ids=[row[0] for row in WRONG])
def test_a_request_that_is_not_one_call_for_everybody_is_refused(mcp_gates, name, request_, status, code):
    before = mcp_gates.calls()

    async def steps():
        async with mcp_gates.http() as http:
            return await http.post(mcp_gates.urls["refuse"], headers=request_[0], json=request_[1])

    answer = asyncio.run(steps())
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert mcp_gates.calls() == before


def test_repeated_headers_are_refused_and_needless_forms_are_written_plainly(mcp_gates):
    async def steps():
        headers, body = ask("tools/call", TIME)
        async with mcp_gates.http() as http:
            twice = [*headers.items(), ("mcp-name", "get_current_time"), *http.headers.items()]
            first = await http.post(mcp_gates.urls["refuse"], headers=twice, json=body)
            plain = {**headers, "mcp-name": "=?base64?Z2V0X2N1cnJlbnRfdGltZQ==?="}
            return first, await http.post(mcp_gates.urls["refuse"], headers=plain, json=body)

    twice, plain = asyncio.run(steps())
    assert (twice.status_code, twice.json()["error"]["code"]) == (400, -32020)
    assert plain.status_code == 200 and "Europe/Oslo" in plain.text


def test_lists_are_for_one_caller(mcp_gates):
    async def steps():
        async with mcp_gates.http(whole=True) as http:
            headers, body = ask("tools/list")
            return (await http.post(mcp_gates.urls["refuse"], headers=headers, json=body)).json()["result"]

    result = asyncio.run(steps())
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    assert "POISON" not in json.dumps(result)
    assert types.ListToolsResult.model_validate(result)
