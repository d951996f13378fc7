"""The listener of one coding agent, as `callgate render` writes it: a fixed caller, compressed bodies, and no WebSocket.

Agents send no header of identity. Some compress their requests, and some try a WebSocket first.
"""

import gzip
import json
import socket
import zlib

import httpx
import pytest
from wire_gate import Gate, contract
from wire_upstream import Play, Upstream, answer

PATH = "/v1/chat/completions"
SAID = json.dumps({
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
}).encode()
KIB = 1024


def asked(*names):
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": tools}).encode()


def zstd(*blocks):
    """A Zstandard frame (RFC 8878 §3.1.1) of blocks `(bytes, times)`: raw if once, else one byte repeated."""
    frame = bytearray(b"\x28\xb5\x2f\xfd\x00\x58")  # no content size, no checksum, a window of 2 MiB
    for at, (content, times) in enumerate(blocks):
        is_last, is_run, size = at + 1 == len(blocks), times > 1, times if times > 1 else len(content)
        frame += (is_last | is_run << 1 | size << 3).to_bytes(3, "little") + content
    return bytes(frame)


CODINGS = {"gzip": gzip.compress, "zstd": lambda body: zstd((body, 1))}


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    options = ["--identity", "fixed", "--tenant", "acme", "--role", "dev", "--passthrough", "/v1/realtime"]
    gate = Gate(tmp_path_factory.mktemp("agent"), "agent", contract(), upstream, options)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def send(gate, body, headers=(), http2=False):
    """Sends one request; returns its status, the code of its error, and the requests that the provider got."""
    gate.upstream.play("agent", Play((answer(SAID),)))
    headers = {"content-type": "application/json", "x-play": "agent", **dict(headers)}
    with httpx.Client(http1=not http2, http2=http2, timeout=30) as client:
        response = client.post(gate.url + PATH, content=body, headers=headers)
    try:
        code = response.json().get("error", {}).get("code")
    except ValueError:
        code = None
    return response.status_code, code, list(zip(gate.upstream.bodies("agent"), gate.upstream.headers("agent"), strict=True))


@pytest.mark.parametrize("http2", [False, True])
def test_a_request_needs_no_header_of_identity_and_none_changes_its_caller(gate, http2):
    status, code, seen = send(gate, asked("get_weather"), http2=http2)
    assert (status, code, len(seen)) == (200, None, 1)
    claims = {"x-callgate-tenant": "globex", "x-callgate-role": "root", "x-callgate-client": "other"}
    status, code, seen = send(gate, asked("get_weather"), claims, http2=http2)
    assert (status, code, len(seen)) == (200, None, 1)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("http2", [False, True])
def test_a_compressed_request_is_decided_like_any_other(gate, coding, http2):
    encode = CODINGS[coding]
    status, code, seen = send(gate, encode(asked("get_weather")), {"content-encoding": coding}, http2)
    assert (status, code) == (200, None)
    [(body, headers)] = seen
    assert json.loads(body)["tools"][0]["function"]["name"] == "get_weather"
    assert "content-encoding" not in headers
    status, code, seen = send(gate, encode(asked("rm_rf")), {"content-encoding": coding}, http2)
    assert (status, code, seen) == (400, "tool_not_in_contract", [])


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "zstd, gzip", "deflate", "gzip;q=1"])
def test_every_other_coding_is_refused(gate, coding):
    status, code, seen = send(gate, gzip.compress(asked("get_weather")), {"content-encoding": coding})
    assert (status, code, seen) == (415, "request_encoded", [])


def test_a_body_that_is_not_in_its_coding_reaches_nobody(gate):
    for coding in CODINGS:
        status, _, seen = send(gate, asked("get_weather"), {"content-encoding": coding})
        assert status >= 400 and seen == [], coding


def test_a_body_that_expands_without_end_reaches_nobody_and_leaves_the_gate_alive(gate):
    packer = zlib.compressobj(9, wbits=31)
    start = b'{"model":"m","messages":"'
    packed = packer.compress(start) + b"".join(packer.compress(b" " * KIB * KIB) for _ in range(256)) + packer.flush()
    bombs = {"gzip": packed, "zstd": zstd((start, 1), *[(b" ", 128 * KIB)] * 2048)}
    for coding, bomb in bombs.items():
        assert len(bomb) < 512 * KIB
        status, _, seen = send(gate, bomb, {"content-encoding": coding})
        assert status >= 400 and seen == [], (coding, status)
        assert send(gate, asked("get_weather"))[0] == 200


def upgraded(gate, path):
    """Asks for a WebSocket as RFC 6455 §4.1 says; returns the first line of the answer."""
    lines = [f"GET {path} HTTP/1.1", "Host: gate", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "x-play: socket", "", ""]
    gate.upstream.play("socket", Play((answer(SAID),)))
    with socket.create_connection(("127.0.0.1", gate.port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        first = connection.makefile("rb").readline().decode().strip()
    return first, gate.upstream.bodies("socket")


def test_a_websocket_is_answered_with_426_on_every_path(gate):
    for path in ("/v1/responses", PATH, "/v1/realtime", "/other"):
        first, seen = upgraded(gate, path)
        assert first.startswith("HTTP/1.1 426 ") and seen == [], (path, first)


def test_the_provider_learns_nothing_of_the_network_inside(gate):
    told = {"forwarded": "for=192.0.2.7", "x-forwarded-for": "192.0.2.7", "x-forwarded-host": "desk.internal", "x-envoy-peer": "desk",
            "x-request-id": "mine"}
    _, _, [(_, headers)] = send(gate, asked("get_weather"), told)
    assert [name for name in headers if name.startswith(("x-forwarded-", "x-envoy-")) or name == "forwarded"] == []
    assert "x-request-id" in headers
