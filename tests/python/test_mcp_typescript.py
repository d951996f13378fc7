"""The official TypeScript SDK of MCP through the gate, with and without sessions: its client, and its server. Only the URL is special."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from mcp_stack import ROOT, gates_over, mcp_gates  # noqa: F401, a fixture

PROGRAMS = ROOT / "tests" / "mcp"
STATE = ROOT / ".callgate"
SDK = pathlib.Path(os.environ.get("CALLGATE_MCP_SDK") or STATE / "mcp-sdk")
VIOLATION = "callgate.dev/violation"


def missing():
    """Returns the reason why the SDK cannot run, if there is one."""
    reason = STATE / "mcp-sdk-missing"
    if reason.is_file() and reason.read_text():
        return reason.read_text().strip()
    if not (SDK / "node_modules").is_dir():
        return "it is not installed: make setup-mcp-sdk"
    return None if shutil.which("node") else "Node is not on PATH"


pytestmark = pytest.mark.skipif(missing() is not None, reason=f"TypeScript SDK of MCP: {missing()}")


@pytest.fixture(scope="session")
def typescript_gates(tmp_path_factory):
    with gates_over(tmp_path_factory.mktemp("mcp-typescript"), ["node", PROGRAMS / "server.mjs", SDK]) as gates:
        yield gates


@pytest.fixture(params=["python", "typescript"])
def gates(request):
    """The gates in front of a server in this language."""
    return request.getfixturevalue("mcp_gates" if request.param == "python" else "typescript_gates")


@pytest.fixture(params=["legacy", "auto", "2026-07-28"])
def mode(request):
    return request.param


def run(gates, mode, *steps, on_violation="refuse", role="clerk", **headers):
    """Returns what the client says of its beginning and of each step."""
    headers = {"x-callgate-tenant": "acme", "x-callgate-role": role, **headers}
    command = ["node", PROGRAMS / "client.mjs", SDK, gates.urls[on_violation], mode, json.dumps(headers), json.dumps(steps)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ran(gates):
    return len(gates.calls())


def test_a_client_speaks_the_way_it_chose_and_reads_no_words_of_the_server(gates, mode):
    [begun] = run(gates, mode)
    assert begun == {"version": "2025-11-25" if mode == "legacy" else "2026-07-28", "instructions": None}


def test_a_list_has_the_contracts_tools_and_an_allowed_call_is_answered(gates, mode):
    _, listed, counted = run(gates, mode, ["list"], ["call", "count", {"to": 3}])
    names = {tool["name"] for tool in listed}
    assert {"count", "near", "book"} <= names and "delete_everything" not in names
    assert "POISON" not in json.dumps(listed)
    assert counted["content"] == [{"type": "text", "text": "counted to 3"}]


def test_a_refused_call_is_a_failed_result_and_the_server_never_sees_it(gates, mode):
    before = ran(gates)
    _, wrong, unknown = run(gates, mode, ["call", "count", {"to": 99}], ["call", "delete_everything", {}])
    for result, code in [(wrong, "arguments_invalid"), (unknown, "tool_not_in_contract")]:
        assert result["isError"] and result["_meta"][VIOLATION]["code"] == code
    _, error = run(gates, mode, ["call", "count", {"to": 99}], on_violation="error")
    assert (error["code"], error["data"]["code"]) == (-32602, "arguments_invalid")
    assert ran(gates) == before


@pytest.mark.parametrize("region", ["north", "Ås", " padded "])
def test_an_argument_that_is_a_header_too_reaches_the_server(gates, mode, region):
    _, _, near = run(gates, mode, ["list"], ["call", "near", {"region": region}])
    assert near["content"] == [{"type": "text", "text": f"near {region}"}]


def test_a_tool_may_ask_the_user(gates, mode, request):
    _, booked = run(gates, mode, ["call", "book", {}])
    if "typescript-legacy" in request.node.name:
        # This server keeps no sessions, so it cannot ask there.
        assert booked["isError"]
        return
    assert booked["content"] == [{"type": "text", "text": "booked 4A"}]


def test_a_subscription_carries_what_was_asked_for(gates):
    _, honored = run(gates, "2026-07-28", ["listen", "change"])
    assert honored == {"toolsListChanged": True}


def test_a_client_of_both_ways_falls_back_before_an_older_server(mcp_gates):
    [begun, counted] = run(mcp_gates, "auto", ["call", "count", {"to": 1}], **{"x-answer": "old"})
    assert begun["version"] == "2025-11-25"
    assert counted["content"] == [{"type": "text", "text": "counted to 1"}]


def test_an_older_client_learns_which_revisions_a_newer_server_speaks(mcp_gates):
    [failed] = run(mcp_gates, "legacy", **{"x-answer": "new"})
    assert "2026-07-28" in json.dumps(failed)


@pytest.mark.parametrize("answer", ["task", "later", "tools"])
def test_what_is_not_the_result_does_not_arrive(mcp_gates, answer):
    _, said = run(mcp_gates, "2026-07-28", ["call", "count", {"to": 1}], **{"x-answer": answer})
    code = "mcp_input_forbidden" if answer == "tools" else "mcp_result_unsupported"
    assert said["isError"] and said["_meta"][VIOLATION]["code"] == code
    assert "SECRET" not in json.dumps(said)
