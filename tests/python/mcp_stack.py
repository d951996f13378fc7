"""A stack in front of an MCP server, such as `mcp_server.py`, and two gates with the contract `tests/contracts/mcp`."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client
from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
STACK = pathlib.Path(os.environ.get("CALLGATE_STACK") or TARGET / "release" / "callgate-stack")
CONTRACT = ROOT / "tests" / "contracts" / "mcp" / "contract.yaml"


class McpGates:
    """URLs by `onViolation`, and the messages the server received."""

    def __init__(self, state, server):
        self.urls = {name: url.rstrip("/") + "/mcp" for name, url in state["gates"].items()}
        self.logs = pathlib.Path(state["logs"])
        self.server = server

    def http(self, role="clerk", whole=False, answer=None, **headers):
        """A client whose server answers in a way of `mcp_server.py`."""
        headers = {"x-callgate-tenant": "acme", "x-callgate-role": role, **headers}
        if answer := "json" if whole else answer:
            headers["x-answer"] = answer
        return httpx2.AsyncClient(headers=headers, timeout=30)

    def client(self, on_violation="refuse", role="clerk", whole=False, answer=None, **more):
        """The SDK's own client, as a context manager."""
        transport = streamable_http_client(self.urls[on_violation], http_client=self.http(role, whole, answer))
        return mcp.Client(transport, read_timeout_seconds=30, **more)

    def calls(self):
        """Returns the calls the server received: name and arguments."""
        with urllib.request.urlopen(f"{self.server}/_/calls", timeout=10) as answer:
            return [(call["name"], call.get("arguments")) for call in json.load(answer)]

    def metas(self):
        """Returns the `_meta` of the calls the server received."""
        with urllib.request.urlopen(f"{self.server}/_/calls", timeout=10) as answer:
            return [call.get("_meta") for call in json.load(answer)]


def wait_for(url, process, limit=60):
    end = time.monotonic() + limit
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the MCP server did not start: {error}", pytrace=False)
            time.sleep(0.1)


@contextlib.contextmanager
def gates_over(folder, command):
    """Runs a server, with its port as the last argument, and the gates in front of it."""
    if not STACK.is_file():
        pytest.fail(f"{STACK} is not there: run `make build` first", pytrace=False)
    state = folder / "stack.json"
    port = str(free_port())
    server = f"http://127.0.0.1:{port}"
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen([*command, port], stdout=log, stderr=log)
    try:
        wait_for(f"{server}/_/calls", process)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LLM_")}
        up = [STACK, "up", "--contract", CONTRACT, "--on-violation", "refuse,error", "--port", "0", "--state", state]
        done = subprocess.run(up, env={**environment, "LLM_BASE_URL": server}, stdout=sys.stderr, timeout=300)
        if done.returncode != 0:
            pytest.fail("the stack did not start", pytrace=False)
        try:
            yield McpGates(json.loads(state.read_text()), server)
        finally:
            subprocess.run([STACK, "down", "--state", state], stdout=sys.stderr, timeout=60)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def mcp_gates(tmp_path_factory):
    with gates_over(tmp_path_factory.mktemp("mcp-stack"), [sys.executable, HERE / "mcp_server.py"]) as gates:
        yield gates
