"""A fault in a request's body is told while the client still sends. The client sees the answer, and not a reset.

The clients read early, or only when they have sent everything; a chunked body, one of declared length, and a stream of HTTP/2.
"""

import json
import socket
import time

import h2.connection
import h2.events
import httpx
import pytest
from wire_gate import HEADERS as CALLER
from wire_gate import Gate, contract
from wire_samples import CHAT, chat_answer
from wire_upstream import Play, Upstream, answer

MIB = 1 << 20
PATH = "/v1/chat/completions"
HEADERS = {**CALLER, "content-type": "application/json"}
FAULTY = b'{"messages": [}'


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    upstream.play("said", Play((answer(chat_answer({"content": "hello"})),)))
    gate = Gate(tmp_path_factory.mktemp("early"), "early", contract(limits={"requestBytes": "8MiB"}), upstream)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def head(*lines):
    headers = [f"{name}: {value}" for name, value in HEADERS.items()]
    return "\r\n".join([f"POST {PATH} HTTP/1.1", "host: a", *headers, "x-play: said", *lines, "", ""]).encode()


def read(connection, seconds=10):
    """Returns everything that comes until the gate closes the connection, or says no more."""
    connection.settimeout(seconds)
    came = b""
    try:
        while piece := connection.recv(65536):
            came += piece
            if b"\r\n\r\n" in came and came.endswith(b"}"):
                break
    except OSError as error:
        came += f"({error!r})".encode()
    return came


def told(gate, body):
    """Returns the answer to a body that is sent at once."""
    with httpx.Client(timeout=30) as client:
        return client.post(gate.url + PATH, content=body, headers={**HEADERS, "x-play": "said"})


@pytest.mark.parametrize("length", ["content-length: 4000000", "transfer-encoding: chunked"])
def test_a_client_that_waits_in_the_midst_of_its_body_gets_the_answer(gate, length):
    with socket.create_connection(("127.0.0.1", gate.port)) as connection:
        begun = time.monotonic()
        chunk = b"%x\r\n%s\r\n" % (len(FAULTY), FAULTY) if "chunked" in length else FAULTY
        connection.sendall(head(length) + chunk)
        came = read(connection)
        assert came.startswith(b"HTTP/1.1 400") and b"request_not_json" in came, came
        assert time.monotonic() - begun < 5
    whole = told(gate, FAULTY)
    assert came.rsplit(b"\r\n\r\n", 1)[1] in (whole.content, b"%x\r\n%s\r\n0\r\n\r\n" % (len(whole.content), whole.content))


@pytest.mark.parametrize("size", [64 << 10, MIB, 6 * MIB])
def test_a_client_that_sends_everything_first_sees_the_answer(gate, size):
    for _ in range(5):
        came = told(gate, FAULTY + b" " * size)
        assert came.status_code == 400 and came.json()["error"]["code"] == "request_not_json"


def test_a_stream_of_http2_is_answered_and_its_connection_stays(gate):
    """Only the raw frames: httpx takes an answer while it sends over HTTP/2 for an error of its own."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    headers = [(":method", "POST"), (":path", PATH), (":authority", "a"), (":scheme", "http"), *HEADERS.items(), ("x-play", "said")]
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as connection:
        for body, ends, status in [(FAULTY, False, "400"), (json.dumps(CHAT).encode(), True, "200")]:
            stream = client.get_next_available_stream_id()
            client.send_headers(stream, headers)
            client.send_data(stream, body, end_stream=ends)
            connection.sendall(client.data_to_send())
            seen, came = {}, b""
            while not (seen and came.endswith(b"}")):
                for event in client.receive_data(connection.recv(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        seen = {bytes(name).decode() if isinstance(name, bytes) else name: value for name, value in event.headers}
                    came += getattr(event, "data", b"")
                connection.sendall(client.data_to_send())
            assert seen[":status"] in (status, status.encode()), came


def test_a_client_that_streams_slowly_sees_the_answer(gate):
    def pieces():
        yield FAULTY
        for _ in range(20):
            time.sleep(0.05)
            yield b" " * 1000

    came = told(gate, pieces())
    assert came.status_code == 400 and came.json()["error"]["code"] == "request_not_json"


def test_a_body_over_the_limit_is_refused_by_its_length(gate):
    with socket.create_connection(("127.0.0.1", gate.port)) as connection:
        connection.sendall(head("content-length: 9000000"))
        came = read(connection)
        assert came.startswith(b"HTTP/1.1 413") and b"request_too_large" in came, came


def test_a_client_that_expects_100_continue_is_served_and_refused(gate):
    for body, status in [(json.dumps(CHAT).encode(), b"200"), (FAULTY + b" " * 1000, b"400")]:
        with socket.create_connection(("127.0.0.1", gate.port)) as connection:
            connection.sendall(head(f"content-length: {len(body)}", "expect: 100-continue"))
            connection.settimeout(10)
            assert b"100 Continue" in connection.recv(4096)
            connection.sendall(body)
            assert read(connection).split(b" ", 2)[1] == status


def test_hang_ups_and_single_bytes_leave_the_gate_well(gate):
    body = json.dumps(CHAT).encode()
    for cut in (1, len(body) // 2, len(body) - 1):
        with socket.create_connection(("127.0.0.1", gate.port)) as connection:
            connection.sendall(head(f"content-length: {len(body)}") + body[:cut])
    with socket.create_connection(("127.0.0.1", gate.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head(f"content-length: {len(body)}"))
        for byte in body:
            connection.sendall(bytes([byte]))
        assert read(connection).startswith(b"HTTP/1.1 200")
    last = body[:-1] + b"]"
    assert told(gate, last).status_code == 400


@pytest.mark.parametrize("piece", [b"[", b'"', b"\\u0061", b'"a":1,', b"1", b"\xc3\xa9"])
def test_eight_mebibytes_of_one_thing_cost_little(gate, piece):
    body = (b'{"a":"' if piece in (b"\\u0061", b"\xc3\xa9") else b"{" if piece.startswith(b'"a') else b"[") + piece * (8 * MIB // len(piece) - 8)
    begun = time.monotonic()
    came = told(gate, body)
    assert came.status_code == 400 and time.monotonic() - begun < 10, came.text
