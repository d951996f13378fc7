"""A real Envoy with the gate, rendered for a contract, in front of a `wire_upstream.Upstream`; and a client that reports the end of an
answer. `CALLGATE_HOST` is the gate's host: `wasm`, the default, or `native`.
"""

import copy
import json
import os
import pathlib
import subprocess
import time
import urllib.request
from typing import NamedTuple

import httpx
import pytest
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = pathlib.Path(os.environ.get("CALLGATE_DIST") or ROOT / "dist")
ENVOY = pathlib.Path(os.environ.get("ENVOY_BIN") or ROOT / ".callgate" / "envoy" / "envoy")
# The module of each host in `dist`, and the options of `callgate render` before its path.
HOSTS = {"wasm": ("callgate.wasm", ["--wasm"]), "native": ("libcallgate.so", ["--host", "native", "--native"])}
HEADERS = {"x-callgate-tenant": "acme", "x-callgate-role": "dev"}


def tool(name, **properties):
    parameters = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    if properties:
        parameters["required"] = sorted(properties)
    return {"name": name, "description": f"The tool {name}.", "effects": "read", "parameters": parameters, "run": {"client": {}}}


TOOLS = [
    tool("get_weather", city="string"),
    tool("get_time", tz="string"),
    tool("list_tasks"),
    tool("Bash", command="string"),
    tool("Read", file_path="string"),
    tool("exec_command", cmd="string"),
]
MODELS = ["m", "g", "gpt-*", "openai/gpt-*", "claude-*", "*anthropic.claude-*", "gemini-*", "minimax-*", "qwen*", "deepseek-*",
          "mistral-*", "grok-*", "llama*", "kimi-*"]


def contract(tools=TOOLS, **spec):
    """A contract whose tools all run at the client, for the role `dev`."""
    return {
        "apiVersion": "callgate.dev/v1",
        "kind": "Contract",
        "metadata": {"name": "wire", "version": "1.0.0"},
        "spec": {"models": MODELS, "roles": {"dev": {"tools": ["*"]}}, "tools": copy.deepcopy(tools), **spec},
    }


class Answer(NamedTuple):
    """An answer as a client got it."""

    status: int
    headers: httpx.Headers
    body: bytes
    whole: bool  # false if the stream was reset or cut before its end
    seconds: float

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def content_type(self):
        return self.headers.get("content-type", "")


class Gate:
    """One Envoy. `edit` changes the rendered text. `{port}` in an option is the gate's own port.

    `contract` is a contract, or the file of a contract set. Without an `upstream` the options name the servers.
    """

    def __init__(self, folder, name, contract, upstream, options=(), edit=None, workers=1):
        module, host = HOSTS[os.environ.get("CALLGATE_HOST") or "wasm"]
        if not (DIST / module).is_file():
            pytest.fail(f"{DIST} lacks {module} (CALLGATE_DIST); run `make build`", pytrace=False)
        self.upstream = upstream
        self.port, self.admin = free_port(), free_port()
        file = contract
        if not isinstance(contract, pathlib.Path):
            file = folder / f"{name}.contract.json"
            file.write_text(json.dumps(contract))
        options = [str(option).replace("{port}", str(self.port)) for option in options]
        render = [DIST / "callgate", "render", "--target", "envoy", file, *host, DIST / module, *options,
                  "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin}"]
        if upstream and "--providers" not in options:
            render += ["--upstream", f"127.0.0.1:{upstream.port}"]
        done = subprocess.run(render, capture_output=True, text=True, timeout=60)
        if done.returncode:
            pytest.fail(f"`callgate render` refused the contract {name}: {done.stderr}", pytrace=False)
        config = folder / f"{name}.yaml"
        config.write_text(edit(done.stdout) if edit else done.stdout)
        self.log = folder / f"{name}.log"
        command = [ENVOY, "--config-path", config, "--concurrency", str(workers), "--disable-hot-restart", "--file-flush-interval-msec", "100"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def ready(self):
        end = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/ready", timeout=5) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"Envoy did not start: {self.log.read_text()[-3000:]}", pytrace=False)
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path, body, play="", headers=(), method="POST", http2=False, timeout=40):
        """Sends a request, and reads the answer until its end or a reset."""
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        headers = {**HEADERS, "content-type": "application/json", "accept": "application/json, text/event-stream", "x-play": play,
                   **dict(headers)}
        began, pieces, whole = time.monotonic(), [], True
        with httpx.Client(http1=not http2, http2=http2, timeout=timeout) as client:
            with client.stream(method, self.url + path, content=content or None, headers=headers) as response:
                try:
                    pieces.extend(response.iter_raw())
                except (httpx.RemoteProtocolError, httpx.ReadError):
                    whole = False
        return Answer(response.status_code, response.headers, b"".join(pieces), whole, time.monotonic() - began)

    def exchange(self, name, play, path, body, **more):
        """Plays an answer to a request."""
        self.upstream.play(name, play)
        return self.ask(path, body, play=name, **more)

    def traps(self):
        """Returns lines of Envoy's log about a trapped or panicked filter."""
        signs = ("in-VM failure", "panicked", "Uncaught", "Proxy-Wasm plugin")
        return [line for line in self.log.read_text(errors="replace").splitlines() if any(sign in line for sign in signs)]
