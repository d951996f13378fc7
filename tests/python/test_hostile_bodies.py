"""Hostile request bodies against one worker, beside an honest client of another tenant who must not notice.

Envoy runs one worker. The hostile client holds 64 MiB and more: bodies that are costly to parse, connections stalled one
byte before the limit, a single huge request. The gate may serve it, or answer `gate_overloaded` with `retry-after`. The
honest client gets every answer, and the filter never traps.
"""

import json
import socket
import threading
import time

import pytest
from wire_gate import Gate, contract
from wire_samples import CHAT, chat_answer
from wire_upstream import Play, Upstream, answer

MIB = 1 << 20
HONEST = {"x-callgate-tenant": "acme"}
LIMITS = {"requestBytes": "1MiB", "turnTimeout": "60s", "turnIdleTimeout": "20s"}


def body(size, member):
    """Returns a good request of exactly `size` bytes, mostly filled by `member`: a prefix, a piece to repeat, a suffix."""
    head, piece, tail = member
    start, end = json.dumps(CHAT)[:-1] + head, tail + "}"
    room = size - len(start) - len(end)
    text = start + (piece * (room // len(piece) + 1))[: room - room % len(piece)].rstrip(",") + end
    return (text + " " * (size - len(text))).encode()


# Bodies with trees far larger than their text, and some with much text and small trees.
SHAPES = {
    "arrays in metadata": (', "metadata": [', "[0],", "]"),
    "objects in an unknown member": (', "x_hint": [', "{},", "]"),
    "members of extra_body": (', "extra_body": {"a": [', "0,", "]}"),
    "strings in stop": (', "stop": [', '"",', "]"),
    "messages": (', "user": "', "a", '"'),
}


def gate_of(folder, name, limits):
    upstream = Upstream()
    return Gate(folder, name, contract(limits=limits), upstream)


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    gates = {"small": gate_of(folder, "small", LIMITS), "large": gate_of(folder, "large", {**LIMITS, "requestBytes": "16MiB"})}
    try:
        yield {name: gate.ready() for name, gate in gates.items()}
    finally:
        for gate in gates.values():
            gate.stop()
            gate.upstream.close()


class Honest:
    """Sends one request after the other until the `with` block ends."""

    def __init__(self, gate):
        self.gate, self.failures, self.served, self.slowest = gate, [], 0, 0
        self.traps_before = len(gate.traps())
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        gate.upstream.play("honest", Play((answer(chat_answer({"content": "hello"})),)))

    def _run(self):
        while not self._ends.is_set():
            try:
                came = self.gate.ask("/v1/chat/completions", CHAT, play="honest", headers=HONEST, timeout=30)
            except Exception as error:  # noqa: BLE001  # every error is a failure here
                self.failures.append(repr(error))
                return
            if came.status != 200 or "hello" not in came.text:
                self.failures.append(f"{came.status} {came.text[:300]}")
            self.served += 1
            self.slowest = max(self.slowest, came.seconds)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(60)


def head(length, play="hostile", tenant="mallory"):
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: a", "content-type: application/json", f"content-length: {length}",
             f"x-callgate-tenant: {tenant}", "x-callgate-role: dev", f"x-play: {play}", "", ""]
    return "\r\n".join(lines).encode()


def send(gate, data):
    """Returns a connection that has sent this; `None` if the gate closed it before."""
    connection = socket.create_connection(("127.0.0.1", gate.port), timeout=30)
    try:
        connection.sendall(data)
        return connection
    except OSError:
        return connection


def came(connection, timeout):
    """Returns the first bytes of the answer, or the reason for their absence."""
    connection.settimeout(timeout)
    try:
        return connection.recv(65536)
    except TimeoutError:
        return b"(silence)"
    except OSError as error:
        return f"({error!r})".encode()


def is_fair(answer):
    """The gate served it, refused it for its own fault, or asked it to come again; any other 503 is a sign of a trap."""
    status = answer.split(b" ", 2)[1:2]
    return status != [b"503"] or (b"gate_overloaded" in answer and b"retry-after" in answer.lower())


def unharmed(gate, honest):
    assert honest.failures == [] and gate.traps()[honest.traps_before :] == []
    assert honest.served >= 3 and honest.slowest < 15, (honest.served, honest.slowest)


@pytest.mark.parametrize("shape", SHAPES)
def test_96_costly_bodies_at_once_harm_nobody_else(gates, shape):
    gate = gates["small"]
    # The upstream is slow, so that all of them are held at once.
    gate.upstream.play("hostile", Play((answer(chat_answer({"content": "late"})),), head_delay=3))
    data = head(MIB) + body(MIB, SHAPES[shape])
    with Honest(gate) as honest:
        connections = [send(gate, data) for _ in range(96)]
        answers = [came(connection, 30) for connection in connections]
        for connection in connections:
            connection.close()
    assert [answer for answer in answers if not is_fair(answer)] == []
    unharmed(gate, honest)


def test_1200_connections_that_stall_one_byte_before_the_limit_harm_nobody_else(gates):
    gate = gates["small"]
    data = head(MIB) + body(MIB, SHAPES["arrays in metadata"])[:-1]
    with Honest(gate) as honest:
        connections = [send(gate, data) for _ in range(1200)]
        time.sleep(2)
        answers = [came(connection, 0.01) for connection in connections]
        for connection in connections:
            connection.close()
    assert [answer for answer in answers if not is_fair(answer)] == []
    unharmed(gate, honest)


def test_a_stalled_body_is_ended_with_its_code(gates):
    gate = gates["small"]
    connection = send(gate, head(1000) + b'{"model": "m"')
    answer = came(connection, 40)
    connection.close()
    assert answer.split(b" ", 2)[1:2] == [b"408"] and b'"code"' in answer, answer


def test_one_request_of_16_mib_harms_nobody_else(gates):
    gate = gates["large"]
    gate.upstream.play("hostile", Play((answer(chat_answer({"content": "late"})),), head_delay=1))
    with Honest(gate) as honest:
        for shape in SHAPES.values():
            connection = send(gate, head(16 * MIB) + body(16 * MIB, shape))
            answer_ = came(connection, 40)
            connection.close()
            assert is_fair(answer_), answer_
    unharmed(gate, honest)


def test_four_requests_of_16_mib_at_once_harm_nobody_else(gates):
    gate = gates["large"]
    gate.upstream.play("hostile", Play((answer(chat_answer({"content": "late"})),), head_delay=3))
    data = head(16 * MIB) + body(16 * MIB, SHAPES["arrays in metadata"])
    with Honest(gate) as honest:
        threads, answers = [], []
        for _ in range(4):
            threads.append(threading.Thread(target=lambda: answers.append(came(send(gate, data), 40))))
            threads[-1].start()
        for thread in threads:
            thread.join(60)
    assert len(answers) == 4 and all(map(is_fair, answers)), answers
    unharmed(gate, honest)


def test_the_bodies_have_their_size_and_are_valid_json():
    for shape in SHAPES.values():
        made = body(4096, shape)
        assert len(made) == 4096 and json.loads(made)["model"] == "m"
