"""The gate's metrics in Envoy's Prometheus endpoint, and its decisions in Envoy's access log, as `callgate render` writes both."""

import json
import re
import time
import urllib.request

import pytest
from wire_gate import Gate, contract
from wire_upstream import Play, Upstream, answer

BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],
}
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
# The names of the histograms, as Prometheus shows them.
HISTOGRAMS = ["callgate_filter_time_us", "callgate_request_held_ms", "callgate_response_held_ms", "callgate_held_bytes",
              "callgate_rounds"]


def said(*calls):
    """A whole answer with calls, each a name and its arguments."""
    listed = [{"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
              for at, (name, arguments) in enumerate(calls)]
    message = {"role": "assistant", "content": None if listed else "hello"} | ({"tool_calls": listed} if listed else {})
    return json.dumps({
        "id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls" if listed else "stop", "message": message}],
    }).encode()


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    gate = Gate(tmp_path_factory.mktemp("telemetry"), "telemetry", contract(), upstream)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def samples(gate):
    """The gate's samples in Prometheus' text format: each value by its name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{gate.admin}/stats/prometheus", timeout=10) as page:
        lines = [line for line in page.read().decode().splitlines() if line.startswith("callgate_")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def settled(gate):
    """Returns the samples once Envoy has merged the histograms of all exchanges that ended."""
    end = time.monotonic() + 30
    while True:
        found = samples(gate)
        ended = sum(value for name, value in found.items() if name.startswith("callgate_exchanges_ended"))
        if found.get("callgate_filter_time_us_count{}", 0) == ended:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.2)


def eventually(gate, wanted):
    """Waits until all samples are there: Envoy merges histograms of its workers every few seconds."""
    end = time.monotonic() + 30
    while True:
        found = samples(gate)
        if all(found.get(name) == value for name, value in wanted.items()) or time.monotonic() > end:
            assert {name: found.get(name) for name in wanted} == wanted, found
            return found
        time.sleep(0.2)


def logged(gate, since):
    """The first line of the access log after so many bytes of Envoy's output."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        written = gate.log.read_bytes()[since:].decode(errors="replace")
        for line in written.splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                return json.loads(line)
        time.sleep(0.05)
    pytest.fail(f"no line in the access log: {gate.log.read_text()[-3000:]}", pytrace=False)


def ask(gate, name, play, body=None, path=CHAT):
    """Sends one request; returns its line in the access log, and the object in it."""
    since = len(gate.log.read_bytes())
    gate.exchange(name, Play((play,)), path, body or BODY)
    line = logged(gate, since)
    return line, json.loads(line["exchange"])


def test_every_decision_is_in_the_access_log(gate):
    """The tool, the verdict, the code and the place of each call are there, and no word of the model."""
    line, exchange = ask(gate, "mixed", answer(said(
        ("get_weather", '{"city":"Rome"}'), ("get_weather", '{"city":7}'), ("rm_rf", '{"secret":"hunter2"}'))))
    assert line["verdict"] == "refuse:arguments_invalid"
    assert exchange == {
        "verdict": "refuse", "code": "arguments_invalid", "dialect": "chat_completions", "tenant": "acme", "role": "dev", "rounds": 1,
        "decided": 3,
        "calls": [
            {"round": 1, "tool": "get_weather", "verdict": "allow"},
            {"round": 1, "tool": "get_weather", "verdict": "deny", "code": "arguments_invalid", "at": "/city"},
            {"round": 1, "tool": "", "verdict": "deny", "code": "tool_not_in_contract"},
        ],
    }
    assert not re.search("rm_rf|hunter2|Rome", json.dumps(line))


def test_a_long_turn_lists_its_first_calls_and_counts_all(gate):
    _, exchange = ask(gate, "many", answer(said(*[("get_weather", '{"city":"Rome"}')] * 40)))
    assert (exchange["decided"], len(exchange["calls"])) == (40, 16)


def test_a_refused_request_names_its_caller_and_its_code(gate):
    line, exchange = ask(gate, "model", answer(said()), {**BODY, "model": "other"})
    assert line["verdict"] == "error:model_not_allowed"
    assert exchange == {"verdict": "error", "code": "model_not_allowed", "dialect": "chat_completions", "tenant": "acme", "role": "dev",
                        "rounds": 0, "decided": 0}


def test_codes_dialects_and_verdicts_are_labels_and_every_histogram_has_its_own_buckets(gate):
    before = settled(gate)
    ask(gate, "pass", answer(said()))
    ask(gate, "allow", answer(said(("get_weather", '{"city":"Rome"}'))))
    ask(gate, "refuse", answer(said(("get_weather", "{}"))))
    ask(gate, "error", answer(b"{}"), {"model": "other"}, MESSAGES)
    ended = "callgate_exchanges_ended"
    wanted = {
        f'{ended}{{dialect="chat_completions",verdict="pass"}}': 1,
        f'{ended}{{dialect="chat_completions",verdict="allow"}}': 1,
        f'{ended}{{dialect="chat_completions",verdict="refuse"}}': 1,
        f'{ended}{{dialect="messages",verdict="error"}}': 1,
        'callgate_calls_refused{code="arguments_invalid"}': 1,
        "callgate_rounds_count{}": 3,
        "callgate_response_held_ms_count{}": 3,
        "callgate_request_held_ms_count{}": 4,
        "callgate_held_bytes_count{}": 4,
        "callgate_filter_time_us_count{}": 4,
    }
    found = eventually(gate, {name: before.get(name, 0) + more for name, more in wanted.items()})
    for histogram in HISTOGRAMS:
        assert f'{histogram}_bucket{{le="+Inf"}}' in found, found
    assert 'callgate_rounds_bucket{le="1.5"}' in found and 'callgate_filter_time_us_bucket{le="25"}' in found, found
    assert found['callgate_rounds_bucket{le="1.5"}'] == found["callgate_rounds_count{}"], "each had one round"
    # Whatever the model called, no name of a metric or a label is its word.
    assert not any("rm_rf" in name for name in found)
