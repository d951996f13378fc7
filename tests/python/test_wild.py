"""Cases made after public bug reports and recordings, as bytes, through the real Envoy: the traffic of real upstreams and
clients.

They are not part of the project. They are read from `CALLGATE_DATA`, else from `shared/data` beside the workspace.
"""

import gzip
import json
import os
import pathlib

import pytest
from wire_gate import ROOT, TOOLS, Gate, contract, tool
from wire_judge import Expect, problems, verdict
from wire_upstream import Play, Upstream, answer

DATA = pathlib.Path(os.environ.get("CALLGATE_DATA") or ROOT.parent / "shared" / "data") / "wild.jsonl.gz"
PROVIDER_TOOLS = ["web_search", "tool_search"]
AZURE = ["--path", "chatCompletions=/openai/deployments/{model}/chat/completions"]
LISBON, PARIS = ("get_weather", {"city": "Lisbon"}), ("get_weather", {"city": "Paris"})
GATES = {
    "std": (contract(), []),
    "prov": (contract(providerTools=PROVIDER_TOOLS), []),
    "azure": (contract(), AZURE),
    "short": (contract(limits={"turnTimeout": "3s"}), []),
    # A refused call causes a further round, whose request has the turn before it.
    "loop": (contract([tool("get_weather", city="integer"), *TOOLS[1:]], onViolation="feedback"), []),
}
DENIED = Expect(400, says=("model_not_allowed",), nothing_sent=True)


def cases():
    if not DATA.is_file():
        return []
    with gzip.open(DATA, "rt") as lines:
        return [json.loads(line) for line in lines]


def same_ids(_, seen):
    """The end of a Responses stream names the calls as its events did."""
    ids = [event["item"]["call_id"] for event in seen.events if event["type"] == "response.output_item.done" and "call_id" in event["item"]]
    end = [item["call_id"] for item in seen.events[-1]["response"]["output"] if "call_id" in item]
    return ids == end and len(ids) == 1


def refused_everywhere(answer, seen):
    """The gate refuses a custom call at the request or in the answer, never with a broken answer."""
    return answer.status < 500 and not [call for call in seen.calls if call[0] not in [known["name"] for known in TOOLS]]


def last_is_limit(answer, seen):
    return seen.events[-1]["error"]["code"] == "limit_exceeded" and answer.seconds < 5.5


def not_broken(answer, seen):
    """The gate refuses the request for its custom tool, or the stream ends well without the undecided call."""
    ended = answer.status == 400 or seen.events[-1]["type"] == "response.completed"
    return ended and "spawn_agent" not in [name for name, _ in seen.calls]


def upstreams_words(answer, seen):
    return "Provider returned error: rate limited" in answer.text and answer.status < 500


def read_or_said(answer, seen):
    """The gate reads a Gemini stream without `alt=sse`, or refuses the request and names the change."""
    return (answer.status == 200 and seen.text == "hi") or (answer.status == 400 and "alt=sse" in answer.text)


def strict(bodies):
    [declared] = [item for item in bodies[0]["tools"] if item.get("name") == "get_weather"]
    return declared["strict"] is True and declared["defer_loading"] is True


def reasoned(bodies):
    turn = [message for message in bodies[1]["messages"] if message["role"] == "assistant"][0]
    return turn["reasoning_content"] == "I need the weather."


def result(answer, seen):
    [message] = [event for event in seen.events if event.get("id") == 1]
    return "error" not in message and not message["result"].get("isError")


CUSTOM = Expect(0, check=refused_everywhere, never=("upstream_invalid",))
FORWARDED = Expect(sent=lambda bodies: len(bodies) == 1)

EXPECTED = {
    "01-name-repeated": Expect(calls=[LISBON]),
    "02a-empty-id-whole": Expect(calls=[LISBON], check=lambda _, seen: all(seen.ids)),
    "03a-args-object-whole": Expect(calls=[LISBON]),
    "04-two-choices": Expect(calls=[LISBON], text="Let me look."),
    "05-finish-each-call-chunk": Expect(calls=[LISBON, ("get_time", {"tz": "WET"})]),
    "06a-fc-stub-with-calls": Expect(calls=[LISBON]),
    "07-index-0-for-all": Expect(calls=[LISBON, ("get_weather", {"city": "Porto"})]),
    "11a-200-error-body": Expect(0, check=upstreams_words),
    "12a-sse-no-content-type": Expect(text="Hello"),
    "14-max-tokens-minus-1": Expect(text="ok"),
    "15-php-float": FORWARDED,
    "17a-azure-no-model": FORWARDED,
    "17b-azure-model-mismatch": DENIED,
    "18a-chat-custom-tool": CUSTOM,
    "19a-gemini-stop-each-chunk": Expect(calls=[LISBON], text="I will look."),
    "22-vertex-event": Expect(calls=[LISBON], text="Hi"),
    "24a-overlapping-blocks": Expect(calls=[LISBON], text="Let me look."),
    "24f-message-delta-twice": Expect(text="Hi"),
    "28c-codex-namespace-call": Expect(0, check=not_broken, never=("upstream_invalid",)),
    "29-codex-events": Expect(calls=[LISBON]),
    "30-call-id-differs-at-end": Expect(calls=[LISBON], check=same_ids),
    "33a-output-index-collides": Expect(calls=[LISBON], text="Hi"),
    "40-turn-timeout-stream": Expect(check=last_is_limit, whole=False),
    "41c-no-headers-whole": Expect(504, says=("limit_exceeded",), check=lambda answer, _: "error" in json.loads(answer.text)),
    "47a-mistral-error": Expect(422, says=("Extra inputs are not permitted",)),
    "48b-429-html-retry-after": Expect(429, headers={"retry-after": "30"}),
    "49-litellm-fallbacks": DENIED,
    "50-xai-search-off": FORWARDED,
    "54-index-missing": Expect(calls=[LISBON, ("get_time", {"tz": "WET"})]),
    # The report wanted the path refused; agents need the list, so the gate cuts it to the contract's models.
    "61-get-models": Expect(200, says=('{"object":"list","data":[]}',)),
    "74-mcp-structured-only": Expect(check=result, says=("21",)),
    "75a-mcp-401-text": Expect(401, check=lambda answer, _: "resource_metadata" in answer.headers["www-authenticate"]),
    "76-mcp-custom-notification": Expect(check=result, says=("sunny",)),
    "81a-litellm-signature-stream": Expect(calls=[LISBON], says=("EsQBsig==",)),
    "corpus-01-bedrock-tooluse-type": Expect(calls=[PARIS], says=("tool_use",)),
    "corpus-02-mistral-tool-without-type": Expect(text="hi"),
    "corpus-03-responses-namespace": Expect(calls=[PARIS], says=('"namespace"',)),
    "corpus-04-snowflake-empty-function-call": Expect(calls=[], text="4"),
    "corpus-05-ollama-cloud-content-type": Expect(text="hi"),
    "corpus-06-bedrock-output-config-effort": Expect(text="hi", sent=lambda bodies: bodies[0]["additionalModelRequestFields"]["output_config"] == {"effort": "high"}),
    "corpus-07-chat-call-said-twice": Expect(calls=[PARIS]),
    "corpus-08-chat-empty-id": Expect(calls=[PARIS], check=lambda _, seen: all(seen.ids)),
    "corpus-10-gemini-stream-without-alt": Expect(0, check=read_or_said),
    "corpus-13-responses-item-reference": Expect(400, says=("server_state_forbidden", "serverState"), nothing_sent=True),
    "corpus-15-chat-custom-tool": CUSTOM,
    "corpus-16-gemini-tools-object": Expect(text="hi"),
    "corpus-18-strict-and-defer-loading-dropped": Expect(sent=strict),
    "corpus-20-loop-drops-reasoning-content": Expect(text="done", sent=reasoned),
}


def played(case):
    """The gate, the play, and the request of a case."""
    if "answer" not in case:
        names = ("head_delay", "delay", "stall_after", "stall", "hold_open")
        play = Play((case["response"].encode(),), **{name: case[name] for name in names if name in case})
        return case["env"], play, case["path"], case["request"], case["headers"], case["method"]
    if "path" not in case:
        last = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}]}
        return "loop", Play((answer(case["answer"]), answer(last))), "/v1/chat/completions", json.dumps(case["request"]), {}, "POST"
    play = Play((answer(case["answer"], case["content_type"], f"{case['status']} Recorded"),))
    return "prov" if case["provider_tools_listed"] else "std", play, case["path"], json.dumps(case["request"]), {}, "POST"


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    upstream, folder = Upstream(), tmp_path_factory.mktemp("wild")
    gates = {name: Gate(folder, name, made, upstream, options) for name, (made, options) in GATES.items()}
    try:
        yield {name: gate.ready() for name, gate in gates.items()}
    finally:
        for gate in gates.values():
            gate.stop()
        upstream.close()


@pytest.mark.skipif(not DATA.is_file(), reason=f"{DATA} is not there: the wild cases are left out")
def test_every_wild_case_has_an_expectation():
    assert {case["id"] for case in cases()} == set(EXPECTED)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_wild_case_ends_as_its_user_expects(gates, case):
    name, play, path, body, headers, method = played(case)
    gate, expect = gates[name], EXPECTED[case["id"]]
    came = gate.exchange(case["id"], play, path, body, headers=headers, method=method)
    verdict(expect, came, gate.upstream.bodies(case["id"]))


def test_the_judge_can_tell_good_from_bad():
    from wire_gate import Answer
    import httpx

    came = Answer(200, httpx.Headers({"content-type": "application/json"}), b'{"choices":[{"message":{"content":"a"}}]}', True, 0)
    assert problems(Expect(text="a", calls=[]), came, []) == []
    assert len(problems(Expect(502, text="b", calls=[LISBON], says=("x",)), came._replace(whole=False), [])) == 5
