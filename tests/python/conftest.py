"""A stack for the client tests: three gates in front of one scripted model, for the whole session.

`CALLGATE_DIRECT=1` points the clients at the scripted model itself, to prove that real clients accept it as their API.
Tests of the gate are skipped then, and reported as skipped.
"""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
STACK = pathlib.Path(os.environ.get("CALLGATE_STACK") or TARGET / "release" / "callgate-stack")
DIRECT = bool(os.environ.get("CALLGATE_DIRECT"))
CONTRACT = ROOT / "tests" / "contracts" / "gate" / "contract.yaml"
TOOLS = ["get_weather", "list_items", "send_mail", "lookup_stock", "reserve_stock"]


# Marks a test of the gate itself, in contrast to one of any server of its API.
needs_gate = pytest.mark.skipif(DIRECT, reason="CALLGATE_DIRECT: it is about what the gate does")


class Gates:
    """Base URLs by `onViolation`, and the requests the model received."""

    def __init__(self, state):
        self.upstream = state["upstream"]
        self.urls = {name: f"{self.upstream}/v1" if DIRECT else url for name, url in state["gates"].items()}

    def root(self, on_violation="refuse"):
        """For an SDK that adds the version to the path itself."""
        return self.urls[on_violation].removesuffix("/v1")

    def headers(self, role="clerk"):
        return {"x-callgate-tenant": "acme", "x-callgate-role": role}

    def arguments(self, on_violation="refuse", role="clerk", **more):
        return {"base_url": self.urls[on_violation], "api_key": "sk-test", "default_headers": self.headers(role),
                "max_retries": 0, "timeout": 30, **more}

    def client(self, *args, **more):
        return openai.OpenAI(**self.arguments(*args, **more))

    def async_client(self, *args, **more):
        return openai.AsyncOpenAI(**self.arguments(*args, **more))

    def seen(self):
        with urllib.request.urlopen(f"{self.upstream}/_/requests", timeout=10) as answer:
            return [json.loads(request["body"]) for request in json.load(answer)]

    def forget(self):
        self._send("DELETE", "requests")

    def release(self):
        self._send("POST", "release")

    def _send(self, method, path):
        urllib.request.urlopen(urllib.request.Request(f"{self.upstream}/_/{path}", method=method), timeout=10).close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    if not STACK.is_file():
        pytest.fail(f"{STACK} is not there: run `make build` first", pytrace=False)
    state = tmp_path_factory.mktemp("stack") / "stack.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLM_")}
    up = [STACK, "up", "--contract", CONTRACT, "--on-violation", "refuse,feedback,error", "--port", "0", "--state", state]
    done = subprocess.run(up, env=environment, stdout=sys.stderr, timeout=300)
    if done.returncode != 0:
        pytest.fail("the stack did not start", pytrace=False)
    try:
        yield Gates(json.loads(state.read_text()))
    finally:
        subprocess.run([STACK, "down", "--state", state], stdout=sys.stderr, timeout=60)


@pytest.fixture
def gates(stack):
    stack.forget()
    return stack


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request):
    return request.param


def tools(names=TOOLS):
    """Declares tools as an application does; the gate inserts the contract's own descriptions and schemas."""
    return [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]


def said(*rounds):
    """Returns the user's words that script the model's answers, round by round."""
    return "script " + json.dumps({"rounds": list(rounds)})


def script(*rounds):
    """The same as a message."""
    return [{"role": "user", "content": said(*rounds)}]


def call(name, arguments):
    return {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}


def request(messages, names=TOOLS, **more):
    return {"model": "gpt-4o-mini", "messages": messages, "tools": tools(names), **more}
