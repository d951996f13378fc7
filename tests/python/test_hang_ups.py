"""A client hangs up in the middle of a stream, or right after its last event. The access log has what was decided until then.

The upstream stops after a part of its stream and holds the connection open, so the client decides on the end.
"""

import json
import time

import httpx
import pytest
from wire_gate import HEADERS, Gate, contract
from wire_samples import DIALECTS, answered, asked
from wire_upstream import Play, Upstream, chunked

# The dialects with a terminal event in the stream: its mark in the bytes.
TERMINAL = {"responses": b"response.completed", "messages": b"message_stop", "chat": b"[DONE]", "ollama": b"done_reason"}
GOOD, BAD = ("get_weather", {"city": "Oslo"}), ("get_weather", {"city": 7})
AGENT = {"x-claude-code-session-id": "s-1", "x-claude-code-agent-id": "a-1", "x-claude-code-parent-agent-id": "p-1"}


def often_logged(text):
    """Lets Envoy write a line of the access log every 200 ms, also while an exchange is under way."""
    line = next(line for line in text.splitlines() if line.strip() == "access_log:")
    indent = line[: len(line) - len(line.lstrip())]
    return text.replace(line, f"{indent}access_log_options: {{ access_log_flush_interval: 0.2s }}\n{line}", 1)


@pytest.fixture(scope="module", params=["at the end", "often"])
def gate(request, tmp_path_factory):
    upstream = Upstream()
    edit = often_logged if request.param == "often" else None
    gate = Gate(tmp_path_factory.mktemp("hang-ups"), "hang-ups", contract(), upstream, edit=edit)
    gate.often = edit is not None
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def lines(gate, since):
    written = gate.log.read_bytes()[since:].decode(errors="replace")
    return [json.loads(line) for line in written.splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]


def until(gate, since, holds):
    """Waits for a line of the access log that holds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = [line for line in lines(gate, since) if holds(line)]
        if found:
            return found[-1]
        time.sleep(0.05)
    pytest.fail(f"no such line in the access log: {lines(gate, since)}", pytrace=False)


def hang_up(gate, name, dialect, body, mark, headers=()):
    """Reads a stream until the mark came, and hangs up. Without a mark it hangs up after the headers. Returns the last line of the log."""
    since = len(gate.log.read_bytes())
    gate.upstream.play(name, Play((chunked(body, dialect.content_type, end=False),), hold_open=8))
    path, request = asked(dialect, True)
    sent = {**HEADERS, "content-type": "application/json", "x-play": name, **dict(headers)}
    came, early = b"", None
    with httpx.Client(timeout=20) as client, client.stream("POST", gate.url + path, content=json.dumps(request), headers=sent) as response:
        assert response.status_code == 200
        if mark:
            for piece in response.iter_raw():
                came += piece
                if mark in came:
                    break
        if gate.often and mark:
            early = until(gate, since, lambda line: line["verdict"] is not None)
    # The end comes with the client's disconnect; a line in between has no flags yet.
    return early, until(gate, since, lambda line: "DC" in (line.get("flags") or "")), came


def streamed(dialect, call):
    return answered(dialect, True, *call)[0]


@pytest.mark.parametrize("name", TERMINAL)
def test_an_allowed_call_stays_allowed_if_the_client_hangs_up_after_the_last_event(gate, name):
    dialect = DIALECTS[name]
    early, line, came = hang_up(gate, f"{name} last", dialect, streamed(dialect, GOOD), TERMINAL[name], AGENT)
    assert b"Oslo" in came
    exchange = json.loads(line["exchange"])
    assert (line["verdict"], exchange["verdict"], exchange.get("cancelled")) == ("allow", "allow", None)
    assert exchange["agent"] == {"session": "s-1", "id": "a-1", "parent": "p-1"}
    assert [call["verdict"] for call in exchange["calls"]] == ["allow"]
    if gate.often:
        assert (early["verdict"], json.loads(early["exchange"])["decided"]) == ("allow", 1), early


@pytest.mark.parametrize("name", TERMINAL)
def test_a_refused_call_stays_refused_if_the_client_hangs_up_after_the_refusal(gate, name):
    dialect = DIALECTS[name]
    _, line, came = hang_up(gate, f"{name} refused", dialect, streamed(dialect, BAD), b"arguments_invalid")
    assert line["verdict"] == "refuse:arguments_invalid", came
    assert json.loads(line["exchange"])["calls"][0]["at"] == "/city"


@pytest.mark.parametrize("name", TERMINAL)
def test_without_a_decision_the_exchange_is_cancelled(gate, name):
    dialect = DIALECTS[name]
    body = streamed(dialect, GOOD)
    body = body[: body.index(b"get_weather")]
    early, line, came = hang_up(gate, f"{name} early", dialect, body, b"")
    exchange = json.loads(line["exchange"])
    assert (line["verdict"], exchange["cancelled"], exchange["decided"]) == ("cancelled", True, 0), came
    assert early is None


def test_a_call_released_before_the_end_stays_allowed_and_the_exchange_counts_as_broken(gate):
    dialect = DIALECTS["responses"]
    body = streamed(dialect, GOOD)
    body = body[: body.rindex(b"data:", 0, body.index(b'"response.completed"'))]
    _, line, came = hang_up(gate, "midst", dialect, body, b"Oslo")
    assert b"response.completed" not in came
    exchange = json.loads(line["exchange"])
    assert (line["verdict"], exchange["cancelled"]) == ("allow", True)
