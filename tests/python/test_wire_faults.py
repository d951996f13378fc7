"""Every dialect's faults through the real Envoy, over HTTP/1.1 and HTTP/2, whole and streamed.

The answer makes a refused call with a mark in its arguments (an MCP server lists such a tool). Whatever happens to the
answer on its way, the mark never reaches the client, and the client can see the failure. No fault harms the next exchange.
"""

import gzip
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from wire_gate import Gate, contract
from wire_reader import read
from wire_samples import DIALECTS, SSE, TEXT, answered, asked
from wire_upstream import Play, Upstream, answer, chunked

MARK = "xyzzy"
BAD = ("delete_everything", {"path": MARK})
GOOD = ("get_weather", {"city": "Oslo"})
LIMITS = {"turnTimeout": "20s", "turnIdleTimeout": "1s", "requestBytes": "64KiB", "responseBytes": "256KiB"}


def with_trailers(rendered):
    """Trailers of the upstream reach the filter."""
    plain, changed = "explicit_http_config: { http_protocol_options: {} }", "explicit_http_config: { http_protocol_options: { enable_trailers: true } }"
    assert plain in rendered
    return rendered.replace(plain, changed)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    gate = Gate(tmp_path_factory.mktemp("faults"), "faults", contract(limits=LIMITS), upstream, edit=with_trailers)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def middle(body):
    """The body until the middle of the mark."""
    return body[: body.index(MARK.encode()) + 3]


def plain(body, kind, _):
    return Play((answer(body, kind),))


def truncated(body, kind, _):
    return Play((answer(middle(body), kind),))


def ends_early(body, kind, _):
    return Play((answer(middle(body), kind, length=False),))


def cut(body, kind, _):
    return Play((chunked(middle(body), kind, end=False),))


def reset(body, kind, _):
    return Play((chunked(middle(body), kind, end=False),), reset=True)


def hang_up(*_):
    return Play((b"",), reset=True)


def silent(body, kind, streamed):
    return Play((chunked(middle(body), kind, end=False),), hold_open=9)


def silent_from_the_start(body, kind, _):
    return Play((answer(body, kind),), head_delay=9)


def zipped(body, kind, _):
    return Play((answer(gzip.compress(body), kind, headers=["content-encoding: gzip"]),))


def charset(name):
    return lambda body, kind, _: Play((answer(body.decode("latin-1").encode("utf-7") if name == "utf-7" else body, f"{kind}; charset={name}"),))


def empty(_, kind, __):
    return Play((answer(b"", kind),))


def page(body, *_):
    return Play((answer(b"<!DOCTYPE html><p>" + MARK.encode(), "text/html"),))


def trailers(body, kind, _):
    return Play((chunked(body, kind, ["x-checksum: 1"]),))


def cut_by_trailers(body, kind, _):
    return Play((chunked(middle(body), kind, ["x-checksum: 1"]),))


def other_form(body, kind, streamed):
    return Play((answer(body, "text/plain" if streamed else SSE),))


def untyped(body, *_):
    return Play((answer(body, None),))


# Faults; the flag says if the client must see an error, the others may end in a refusal in words.
FAULTS = {
    "none": (plain, False),
    "truncated": (truncated, True),
    "ends early": (ends_early, True),
    "cut": (cut, True),
    "reset": (reset, True),
    "hang up": (hang_up, True),
    "silence": (silent, True),
    "silence from the start": (silent_from_the_start, True),
    "gzip": (zipped, True),
    "charset utf-7": (charset("utf-7"), True),
    "charset utf-16": (charset("utf-16"), True),
    "charset iso-8859-1": (charset("iso-8859-1"), True),
    "empty": (empty, True),
    "a page": (page, True),
    "trailers": (trailers, False),
    "cut by trailers": (cut_by_trailers, True),
    "another form": (other_form, False),
    "no content type": (untyped, False),
}
CODES = re.compile(r"upstream_(invalid|truncated|encoded|error)|limit_exceeded", re.IGNORECASE)


def failure(came):
    """Returns the sign of a failed answer at the client; `None` if it shows none."""
    if not came.whole or came.status >= 400:
        return came.status
    return CODES.search(came.text)


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", DIALECTS)
def test_no_fault_of_an_upstream_leaks_a_refused_call(gate, name, streamed, http2):
    dialect, wrong = DIALECTS[name], []
    path, request = asked(dialect, streamed)
    body, kind = answered(dialect, streamed, *BAD)

    def play(fault):
        return gate.exchange(f"{name} {fault}", FAULTS[fault][0](body, kind, streamed), path, request, http2=http2)

    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(FAULTS, pool.map(play, FAULTS), strict=True))
    for fault, came in answers.items():
        must_fail = FAULTS[fault][1]
        if fault == "silence from the start" and (name == "mcp" or not streamed):
            # A model or a tool may think for long before a whole answer; only `turnTimeout` bounds that.
            continue
        if MARK in came.text:
            wrong.append(f"{fault}: the mark leaked: {came.text[:600]}")
        if must_fail and not failure(came):
            wrong.append(f"{fault}: no error that a client sees: {came.status} {came.text[:600]!r}")
        if came.seconds > 7:
            wrong.append(f"{fault}: took {came.seconds:.1f} s")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", DIALECTS)
def test_an_honest_answer_arrives_with_and_without_trailers(gate, name, streamed, http2):
    dialect = DIALECTS[name]
    path, request = asked(dialect, streamed)
    body, kind = answered(dialect, streamed, *GOOD)
    for make in (plain, trailers):
        came = gate.exchange(f"{name} honest", make(body, kind, streamed), path, request, http2=http2)
        seen = read(came)
        # A stream of Gemini has no mark of its end. The filter holds its last event until the body ends, and trailers leave
        # no room for it.
        may_be_reset = make is trailers and name == "gemini" and streamed
        assert came.status == 200 and (came.whole or may_be_reset), came.text
        if name == "mcp":
            assert [tool["name"] for event in seen.events for tool in event.get("result", {}).get("tools", [])] == ["get_weather"]
        else:
            assert (seen.text, seen.calls) == (TEXT, [GOOD]), came.text


def logged(gate, before):
    """Waits until the access log reports, after that many bytes, that a limit ended an exchange."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if b'"verdict":"error:limit_exceeded"' in gate.log.read_bytes()[before:]:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name", DIALECTS)
def test_silence_in_a_stream_ends_it_and_the_access_log_has_the_reason(gate, name):
    dialect = DIALECTS[name]
    path, request = asked(dialect, True)
    body, kind = answered(dialect, True, *GOOD)
    before = len(gate.log.read_bytes())
    came = gate.exchange(f"{name} silence", Play((chunked(body[: body.index(b"Oslo") + 2], kind, end=False),), hold_open=9), path, request)
    # Envoy lets a filter write nothing between two chunks, so the stream is reset.
    assert "limit_exceeded" in came.text.lower() or not came.whole, (came.status, came.text)
    assert "Os" not in came.text
    assert logged(gate, before), gate.log.read_text()[-2000:]


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "mcp"])
def test_a_large_answer_ends_at_the_limit_of_the_contract(gate, name):
    dialect = DIALECTS[name]
    path, request = asked(dialect, False)
    body, kind = answered(dialect, False, "get_weather", {"city": "x" * 300_000})
    came = gate.exchange(f"{name} large", Play((answer(body, kind),)), path, request)
    assert came.status == 502 and "response_too_large" in came.text.lower(), (came.status, came.text[:600])
