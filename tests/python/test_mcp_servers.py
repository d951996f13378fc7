"""Two MCP servers behind one address of a real Envoy, with the official SDK: each at a path of its own, and the tools of both at one path.

`callgate render` writes the configuration, and the real executor runs the tools of the merged path.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from http.client import HTTPConnection

import httpx
import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client
from mcp_stack import HERE, wait_for
from ports import free_port
from wire_gate import DIST, Gate

VIOLATION = "callgate.dev/violation"
MODES = ["legacy", "2026-07-28"]
WHO = {"x-callgate-tenant": "acme", "x-callgate-role": "dev"}


def tool(name, run, properties=None, **more):
    parameters = {"type": "object", "additionalProperties": False, "properties": properties or {}}
    return {"name": name, "description": f"The contract's {name}.", "effects": "read", "parameters": parameters, "run": run, **more}


QUERY, SECONDS, SIZE = {"query": {"type": "string", "maxLength": 20}}, {"seconds": {"type": "number"}}, {"size": {"type": "integer"}}


def spec(name, tools, roles=None):
    limits = {"requestBytes": "64KiB", "responseBytes": "256KiB", "turnTimeout": "20s"}
    document = {"models": ["*"], "limits": limits, "roles": roles or {"dev": {"tools": ["*"]}}, "tools": tools}
    return {"apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": {"name": name, "version": "1.0.0"}, "spec": document}


def at(cluster, name, **bounds):
    return {"mcp": {"cluster": cluster, "tool": name, **bounds}}


def merged():
    tools = []
    for server in ("wiki", "tickets"):
        tools += [tool(f"{server}__search", at(server, "search"), QUERY), tool(f"{server}__fail", at(server, "fail"))]
    tools += [tool("wiki__slow", at("wiki", "slow", timeout="8s"), SECONDS), tool("wiki__big", at("wiki", "big"), SIZE),
              tool("wiki__quick", at("wiki", "slow", timeout="500ms"), SECONDS),
              tool("wiki__held", at("wiki", "search"), QUERY, approval="always")]
    return spec("all", tools, {"dev": {"tools": ["*"]}, "guest": {"tools": ["tickets__*"]}})


class Servers:
    """Two servers, an executor and a gate in front of both."""

    def __init__(self, folder):
        self.folder, self.processes, self.ports, self.gate = folder, {}, {"wiki": free_port(), "tickets": free_port()}, None

    def start(self, name):
        command = [sys.executable, HERE / "mcp_named.py", name, str(self.ports[name])]
        self.processes[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(self.folder / f"{name}.log").open("ab"))
        wait_for(f"http://127.0.0.1:{self.ports[name]}/_/seen", self.processes[name])

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait(20)

    def start_executor(self):
        backends = {name: {"address": f"http://127.0.0.1:{port}/mcp", "breaker": {"failures": 100}, "retries": 0} for name, port in self.ports.items()}
        config = {"listen": f"127.0.0.1:{self.ports['executor']}", "contracts": ["contracts.json"], "stateDir": "state",
                  "http": {"listen": f"127.0.0.1:{self.ports['metrics']}"}, "backends": backends}
        (self.folder / "executor.yaml").write_text(json.dumps(config))
        self.processes["executor"] = subprocess.Popen([DIST / "callgate-executor", "--config", self.folder / "executor.yaml"], stderr=subprocess.PIPE, text=True)
        for line in self.processes["executor"].stderr:
            if json.loads(line)["message"] == "ready":
                break
        else:
            pytest.fail("the executor did not start", pytrace=False)
        with open(self.folder / "executor.log", "ab") as log:
            subprocess.Popen(["cat"], stdin=self.processes["executor"].stderr, stdout=log)

    def begin(self):
        (self.folder / "credential").write_text("Bearer WIKI")
        client = {"client": {}}
        own = [tool("search", client, QUERY), tool("only", client)]
        (self.folder / "wiki.json").write_text(json.dumps(spec("wiki", own)))
        (self.folder / "tickets.json").write_text(json.dumps(spec("tickets", [own[0], tool("local", at("wiki", "search"), QUERY)])))
        (self.folder / "all.json").write_text(json.dumps(merged()))
        entries = [{"match": {"pathPrefix": path}, "contract": file}
                   for path, file in (("/mcp", "all.json"), ("/mcp/wiki", "wiki.json"), ("/mcp/tickets", "tickets.json"))]
        (self.folder / "contracts.json").write_text(json.dumps({"apiVersion": "callgate.dev/v1", "kind": "ContractSet", "contracts": entries}))
        self.ports |= {"executor": free_port(), "metrics": free_port()}
        for name in ("wiki", "tickets"):
            self.start(name)
        self.start_executor()
        options = [f"--mcp-server={name}=127.0.0.1:{self.ports[name]}" for name in ("wiki", "tickets")]
        options += ["--mcp-merged", f"--mcp-credential=wiki={self.folder / 'credential'}", "--executor", f"127.0.0.1:{self.ports['executor']}"]
        self.gate = Gate(self.folder, "servers", self.folder / "contracts.json", None, options).ready()

    def stop(self):
        if self.gate:
            self.gate.stop()
        for process in self.processes.values():
            process.kill()
            process.wait(20)

    def client(self, path="/mcp", mode=None, role="dev", **headers):
        http = httpx2.AsyncClient(headers={**WHO, "x-callgate-role": role, **headers}, timeout=30)
        options = {"mode": mode} if mode else {}
        return mcp.Client(streamable_http_client(self.gate.url + path, http_client=http), read_timeout_seconds=30, **options)

    def seen(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/_/seen", timeout=10) as answer:
            return json.load(answer)

    def post(self, path, message, **headers):
        with httpx.Client(timeout=30) as client:
            usual = {**WHO, "accept": "application/json, text/event-stream", "content-type": "application/json"}
            return client.post(self.gate.url + path, json=message, headers={**usual, **headers})

    def records(self, tool):
        """Returns the records of a tool in the audit log, the oldest first."""
        show = [DIST / "callgate", "audit", "show", "--state", self.folder / "state", "--tool", tool, "--json"]
        done = subprocess.run(show, capture_output=True, text=True, check=True, timeout=30)
        return [json.loads(line)["record"] for line in reversed(done.stdout.splitlines())]

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}/metrics", timeout=10) as answer:
            return answer.read().decode()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    made = Servers(tmp_path_factory.mktemp("mcp-servers"))
    try:
        made.begin()
        yield made
        assert made.gate.traps() == []
    finally:
        made.stop()


@contextlib.contextmanager
def without(servers, name):
    servers.kill(name)
    try:
        yield
    finally:
        servers.start(name) if name != "executor" else servers.start_executor()


def within(client, steps):
    async def run():
        async with client:
            return await steps(client)

    return asyncio.run(run())


def call(client, name, arguments):
    return within(client, lambda client: client.call_tool(name, arguments))


def text(result):
    assert [block.type for block in result.content] == ["text"]
    return result.content[0].text


@pytest.mark.parametrize("mode", [None, *MODES])
@pytest.mark.parametrize("name", ["wiki", "tickets"])
def test_each_server_is_at_a_path_of_its_own_under_its_contract(servers, name, mode):
    async def steps(client):
        # A client that is told the revision asks for no introduction.
        assert mode == MODES[1] or (client.server_info.name, client.instructions) == (name, None)
        listed = (await client.list_tools()).tools
        return listed, await client.call_tool("search", {"query": "x"})

    listed, result = within(servers.client(f"/mcp/{name}", mode), steps)
    assert [tool.name for tool in listed] == {"wiki": ["search", "only"], "tickets": ["search", "local"]}[name]
    assert listed[0].description == "The contract's search."
    assert (text(result), result.is_error) == (f"{name} found x", False)


def test_a_tool_of_another_servers_contract_is_refused(servers):
    before = servers.seen("tickets")["calls"]
    result = call(servers.client("/mcp/tickets"), "only", {})
    assert result.is_error and result.meta[VIOLATION]["code"] == "tool_not_in_contract"
    assert servers.seen("tickets")["calls"] == before
    assert text(call(servers.client("/mcp/wiki"), "only", {})) == "only at wiki"


@pytest.mark.parametrize("mode", MODES)
def test_the_executor_runs_its_tools_in_front_of_a_server_too(servers, mode):
    before = servers.seen("tickets")["calls"]
    assert text(call(servers.client("/mcp/tickets", mode), "local", {"query": "y"})) == "wiki found y"
    assert servers.seen("tickets")["calls"] == before


def test_each_server_gets_its_own_credential_and_never_the_clients(servers):
    for name, expected in (("wiki", "Bearer WIKI"), ("tickets", None)):
        call(servers.client(f"/mcp/{name}", authorization="Bearer CLIENT", cookie="session=CLIENT"), "search", {"query": "z"})
        last = servers.seen(name)["headers"][-1]
        assert last.get("authorization") == expected
        assert last["?"] == "/mcp"
    assert "CLIENT" not in repr(servers.seen("wiki")) + repr(servers.seen("tickets"))


@pytest.mark.parametrize("mode", [None, *MODES])
def test_the_tools_of_both_are_at_one_path(servers, mode):
    async def steps(client):
        assert mode == MODES[1] or client.server_info.name == "all"
        listed = [tool.name for tool in (await client.list_tools()).tools]
        return listed, [await client.call_tool(f"{name}__search", {"query": "x"}) for name in ("wiki", "tickets")]

    listed, results = within(servers.client(mode=mode), steps)
    assert {"wiki__search", "tickets__search"} <= set(listed)
    assert [text(result) for result in results] == ["wiki found x", "tickets found x"]
    listed = within(servers.client(mode=mode, role="guest"), lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == ["tickets__search", "tickets__fail"]


@pytest.mark.parametrize("name, arguments, code", [
    ("search", {"query": "x"}, "tool_not_in_contract"),
    ("wiki__only", {}, "tool_not_in_contract"),
    ("wiki__SEARCH", {"query": "x"}, "tool_not_in_contract"),
    ("wiki__search", {"query": "x" * 21}, "arguments_invalid"),
    ("wiki__fail", {}, "backend_error"),
    ("wiki__quick", {"seconds": 2}, "timeout"),
    ("wiki__held", {"query": "x"}, "approval_required"),
    ("wiki__big", {"size": 300_000}, "response_too_large"),
    ("wiki__big", {"size": 3_000_000}, "output_too_large"),
])
def test_a_call_without_a_result_tells_why(servers, name, arguments, code):
    for mode in MODES:
        result = call(servers.client(mode=mode), name, arguments)
        assert result.is_error and result.meta[VIOLATION]["code"] == code, result
        assert f"`{name}`" in text(result) and "SECRET" not in repr(result)


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_is_down_fails_its_own_calls_alone(servers, mode):
    async def steps(client):
        assert not (await client.call_tool("wiki__search", {"query": "a"})).is_error
        with without(servers, "wiki"):
            down = await client.call_tool("wiki__search", {"query": "b"})
            listed = [tool.name for tool in (await client.list_tools()).tools]
            up = await client.call_tool("tickets__search", {"query": "c"})
        return down, listed, up, await client.call_tool("wiki__search", {"query": "d"})

    down, listed, up, again = within(servers.client(mode=mode), steps)
    assert down.is_error and down.meta[VIOLATION] == {"code": "unavailable", "tool": "wiki__search"}
    assert "Its server is `wiki`" in text(down) and "try again later" in text(down)
    assert "wiki__search" in listed
    assert text(up) == "tickets found c" and text(again) == "wiki found d"
    failed = [line for line in servers.metrics().splitlines() if "backend" in line and 'wiki' in line]
    assert failed, "the executor's metrics name the backend"


@pytest.mark.parametrize("mode", MODES)
def test_a_path_whose_server_is_down_tells_so(servers, mode):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"query": "x"}}}
    with without(servers, "tickets"):
        answer = servers.post("/mcp/tickets", body)
        assert answer.json()["error"]["data"]["code"] == "upstream_error", answer.text
        assert text(call(servers.client("/mcp/wiki", mode), "search", {"query": "x"})) == "wiki found x"


def test_an_executor_that_is_down_is_an_error_and_a_list_stays(servers):
    async def steps(client):
        with without(servers, "executor"):
            with pytest.raises(mcp.MCPError) as raised:
                await client.call_tool("wiki__search", {"query": "a"})
            listed = (await client.list_tools()).tools
        return raised.value, listed, await client.call_tool("wiki__search", {"query": "b"})

    error, listed, again = within(servers.client(mode="legacy"), steps)
    assert error.data["code"] == "executor_unavailable" and len(listed) == 8
    assert text(again) == "wiki found b"


def test_calls_in_parallel_get_each_its_own_answer(servers):
    async def steps(client):
        asked = [(name, f"q{index}") for index in range(10) for name in ("wiki", "tickets")]
        results = await asyncio.gather(*(client.call_tool(f"{name}__search", {"query": query}) for name, query in asked))
        return [f"{name} found {query}" for name, query in asked], [text(result) for result in results]

    expected, results = within(servers.client(), steps)
    assert results == expected


@pytest.mark.parametrize("mode", MODES)
def test_an_approved_call_runs_once(servers, mode):
    arguments = {"query": f"held {mode}"}

    async def steps(client):
        held = await client.call_tool("wiki__held", arguments)
        approval = re.search(r"asked for as ([0-9a-f-]+)", text(held))[1]
        approve = [DIST / "callgate", "approve", approval, "--yes", "--url", f"http://127.0.0.1:{servers.ports['metrics']}",
                   "--state", servers.folder / "state"]
        subprocess.run(approve, check=True, capture_output=True, timeout=30)
        return [await client.call_tool("wiki__held", arguments) for _ in range(2)]

    ran, again = within(servers.client(mode=mode), steps)
    assert text(ran) == f"wiki found held {mode}"
    assert again.meta[VIOLATION]["code"] == "approval_required"


def test_a_client_that_hangs_up_leaves_a_record_of_the_decision_and_of_the_outcome(servers):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wiki__slow", "arguments": {"seconds": 2}}}
    with pytest.raises(httpx.ReadTimeout):
        with httpx.Client(timeout=1) as client:
            client.post(f"{servers.gate.url}/mcp", json=body, headers={**WHO, "accept": "application/json, text/event-stream"})
    end = time.monotonic() + 15
    kinds = set()
    while time.monotonic() < end and not {"decision", "outcome"} <= kinds:
        time.sleep(0.5)
        records = servers.records("wiki__slow")
        kinds = {record["kind"] for record in records}
    assert [record["outcome"] for record in records if record["kind"] == "outcome"] == ["unknown"]
    assert len({record["exchange_id"] for record in records}) == 1
    assert any('"verdict":"allow"' in line for line in servers.gate.log.read_text().splitlines())


@pytest.mark.parametrize("path", [
    "/mcp/a/../wiki", "/mcp/./wiki", "/mcp%2fwiki", "/mcp/wiki%2f", "/mcp/wiki/", "/mcp/WIKI", "/MCP", "/mcp/", "/mcp/nobody", "/mcp/wiki/mcp", "/mcp//wiki",
    "/mcp/wik%69", "/mcp;x=1/wiki", "/v1/chat/completions", "/", "/_/seen", "/mcp/wiki/../../_/seen",
])
def test_other_spellings_of_a_path_reach_no_server(servers, path):
    """Envoy itself resolves dots and double slashes before the gate and the route read the path."""
    before = {name: servers.seen(name)["calls"] for name in ("wiki", "tickets")}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "only", "arguments": {}}}
    connection = HTTPConnection("127.0.0.1", servers.gate.port, timeout=20)
    connection.request("POST", path, json.dumps(body), {**WHO, "content-type": "application/json", "accept": "application/json, text/event-stream"})
    answer = connection.getresponse()
    said = answer.read().decode()
    after = {name: servers.seen(name)["calls"] for name in ("wiki", "tickets")}
    if path in ("/mcp/./wiki", "/mcp//wiki", "/mcp/a/../wiki"):
        # The normal path of these is `/mcp/wiki`, for which the gate and the route agree.
        assert answer.status in (200, 400) and after["tickets"] == before["tickets"], said
        return
    assert answer.status in (400, 404), (answer.status, said)
    assert after == before


def test_a_session_of_one_server_is_nothing_at_another(servers):
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
    session = servers.post("/mcp/wiki", begin).headers["mcp-session-id"]
    ask = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    answer = servers.post("/mcp/tickets", ask, **{"mcp-session-id": session})
    assert answer.status_code == 404, answer.text
    assert servers.post("/mcp/wiki", ask, **{"mcp-session-id": session}).status_code == 200
    # At the merged path there are no sessions, so an id of one means nothing.
    merged = servers.post("/mcp", ask, **{"mcp-session-id": session})
    assert len(merged.json()["result"]["tools"]) == 8 and "mcp-session-id" not in merged.headers


def test_the_merged_path_has_no_stream_and_no_session_to_end(servers):
    for method in ("GET", "DELETE"):
        with httpx.Client(timeout=10) as client:
            answer = client.request(method, f"{servers.gate.url}/mcp", headers={**WHO, "accept": "text/event-stream"})
        assert answer.status_code == 405
