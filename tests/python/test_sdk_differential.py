"""Thousands of changed streams through the real Envoy, read by the official SDKs: no SDK ever finds a refused call.

Honest streams read the same with and without the gate. `CALLGATE_MUTATION_SECONDS` bounds the time,
`CALLGATE_MUTATION_SEED` repeats a run.
"""

import json
import os
import random
import time
import warnings

import jsonschema
import pytest
from sdk_readers import PLAY, READERS, Found, Reader
from wire_gate import TOOLS, Gate, contract
from wire_mutations import mutated, others
from wire_samples import DIALECTS
from wire_upstream import Play, Upstream, answer

SECONDS = float(os.environ.get("CALLGATE_MUTATION_SECONDS") or 60)
SEED = int(os.environ.get("CALLGATE_MUTATION_SEED") or random.randrange(1 << 32))
SCHEMAS = {tool["name"]: tool["parameters"] for tool in TOOLS}
HONEST = [("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "S\u00e3o Paulo \U0001f600 \u2028 \"q\""}), ("list_tasks", {}),
          ("Bash", {"command": "printf 'data: {}\\n\\n' > a\n"}), ("Read", {"file_path": "a" * 3000})]


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    limits = {"turnTimeout": "20s", "turnIdleTimeout": "10s"}
    gate = Gate(tmp_path_factory.mktemp("differential"), "differential", contract(limits=limits), upstream)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def refused(name, arguments):
    """Returns the contract's reason to refuse a call; `None` if it allows it. Shares no code with the gate."""
    if name not in SCHEMAS:
        return f"{name!r} is not in the contract"
    if arguments is None:
        return None
    try:
        value = json.loads(arguments)
        jsonschema.validate(value, SCHEMAS[name])
    except (ValueError, jsonschema.ValidationError) as error:
        return f"{name}: {arguments!r}: {str(error).splitlines()[0]}"
    return None


def honest_calls(name):
    # For an MCP server, the arguments are in a description, which the gate replaces.
    return [(tool, {}) for tool in SCHEMAS if tool != "get_weather"] if name == "mcp" else HONEST


@pytest.mark.parametrize("name", DIALECTS)
def test_an_sdk_reads_an_honest_stream_with_the_gate_as_without_it(gate, name):
    with_gate, direct = Reader(name, gate.url), Reader(name, f"http://127.0.0.1:{gate.upstream.port}")
    for call in honest_calls(name):
        body = b"".join(DIALECTS[name].stream(*call))
        gate.upstream.play(PLAY, Play((answer(body, DIALECTS[name].content_type),)))
        expected, found = direct(), with_gate()
        assert expected.error is None and call[0] in [found_name for found_name, _ in expected.calls], expected
        meant = [[(made, json.loads(arguments or "{}")) for made, arguments in one.calls] for one in (expected, found)]
        assert (found.text, found.error, meant[1]) == (expected.text, None, meant[0])


def test_no_sdk_finds_a_refused_call_in_a_changed_stream(gate, capsys):
    grafts, counts, leaks = others(), {}, []
    warnings.simplefilter("ignore")
    for name in READERS:
        draw, reader, end = random.Random(f"{SEED} {name}"), Reader(name, gate.url), time.monotonic() + SECONDS / len(READERS)
        found_calls = played = 0
        while time.monotonic() < end:
            body, kind = mutated(draw, name, grafts)
            gate.upstream.play(PLAY, Play((answer(body, kind),)))
            found = reader()
            played += 1
            found_calls += len(found.calls)
            leaks.extend((name, why, kind, body) for call in found.calls if (why := refused(*call)))
        counts[name] = (played, found_calls)
    said = ", ".join(f"{name} {played} ({calls} allowed calls found)" for name, (played, calls) in counts.items())
    total = sum(played for played, _ in counts.values())
    with capsys.disabled():
        print(f"\nCOVERED changed streams read by the official SDKs: {total}, seed {SEED}: {said}")
    assert not leaks, f"seed {SEED}: {len(leaks)} leaks, the first: {leaks[0]}"
    assert min(played for played, _ in counts.values()) >= 20, counts
    assert min(calls for _, calls in counts.values()) > 0, f"no allowed call was found, so nothing was proved: {counts}"


def test_the_judge_can_tell_good_from_bad():
    assert refused("get_weather", '{"city": "Oslo"}') is None
    assert all(refused(*bad) for bad in [("get_weather", '{"city": 9}'), ("get_weather", "{"), ("delete_everything", "{}"), ("", "{}")])
    assert Found() == Found()
