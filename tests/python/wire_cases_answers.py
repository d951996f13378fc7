"""Cases about answers: fragments, blocks, items, events, content types, errors, time."""

import json

from wire_cases import OSLO, SSE, UTC, Case, Expect, of, status
from wire_samples import (CHAT, DIALECTS, TEXT, chat_answer, chat_call, chat_chunk, converse_whole, frame, gemini_part, mcp_whole,
                          messages_events, messages_message, ollama_line, responses_answer, responses_items, responses_stream, sse)
from wire_upstream import Play, answer, chunked

CITY = '{"city": "Oslo"}'
ONE, TWO = Expect(calls=[OSLO]), Expect(calls=[OSLO, UTC])
SAID = Expect(calls=[OSLO], text=TEXT)


def fragments(*calls, finish="tool_calls"):
    """A stream of Chat Completions whose deltas have these calls."""
    return sse(chat_chunk({"role": "assistant", "content": ""}), *(chat_chunk({"tool_calls": made}) for made in calls), chat_chunk({}, finish), done=True)


def piece(name=None, arguments=None, **more):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"index": 0, "function": function, **more}


def whole_call(**members):
    return chat_answer({"content": None, "tool_calls": [{**chat_call("get_weather", CITY), **members}]}, "tool_calls")


def ids(_, seen):
    return seen.ids and all(seen.ids) and len(set(seen.ids)) == len(seen.ids)


FRAGMENTS = [
    of("chat", "a name in every fragment is one name",
       fragments([piece("get_weather", "", id="call_a")], [piece("get_weather", '{"city":')], [piece("get_weather", '"Oslo"}')]), ONE),
    of("chat", "name and id in every fragment are said once",
       fragments([piece("get_weather", "", id="0", type="function")], [piece("get_weather", CITY, id="0", type="function")]), ONE),
    of("chat", "a name twice is never the name of another tool",
       fragments([piece("go", "", id="call_a")], [piece("go", "{}")]), Expect(calls=[("go", {})])),
    of("chat", "a name in pieces is one name",
       fragments([piece("get_", "", id="call_a")], [piece("weather", CITY)]), ONE),
    of("chat", "calls without an index are told apart by their ids",
       fragments([{"id": "a", "function": {"name": "get_weather", "arguments": CITY}}], [{"id": "b", "function": {"name": "get_time", "arguments": '{"tz": "UTC"}'}}]), TWO),
    of("chat", "calls that all have index 0 are told apart by their ids",
       fragments([piece("get_weather", CITY, id="a")], [piece("get_time", '{"tz": "UTC"}', id="b")]), TWO),
    of("chat", "a finish reason on each call is not the end",
       sse(chat_chunk({"tool_calls": [piece("get_weather", CITY, id="a")]}, "tool_calls"),
           chat_chunk({"tool_calls": [{**piece("get_time", '{"tz": "UTC"}', id="b"), "index": 1}]}, "tool_calls"), done=True), TWO),
    of("chat", "a finish reason before the last call is not the end",
       sse(chat_chunk({"content": "a"}), chat_chunk({"tool_calls": [piece("get_weather", CITY, id="a")]}), chat_chunk({}, "stop"),
           chat_chunk({"tool_calls": [{**piece("get_time", '{"tz": "UTC"}', id="b"), "index": 1}]}), chat_chunk({}, "tool_calls"), done=True), TWO),
    of("chat", "a call after the finish of a text that was forwarded is never half a call",
       sse(chat_chunk({"content": "a"}, "stop"), chat_chunk({"tool_calls": [piece("get_weather", CITY, id="a")]}, "tool_calls"), done=True),
       Expect(check=lambda _, seen: seen.calls in ([], [OSLO]), never=())),
    of("chat", "an empty id gets one of the gate's", fragments([piece("get_weather", CITY, id="")]), ONE._replace(check=ids)),
    of("chat", "a missing id gets one of the gate's", fragments([piece("get_weather", CITY)]), ONE._replace(check=ids)),
    of("chat", "an id of null gets one of the gate's", whole_call(id=None), ONE._replace(check=ids), streamed=False),
    of("chat", "an empty function_call is not a call",
       sse(chat_chunk({"content": "hi", "function_call": {"name": "", "arguments": ""}}), chat_chunk({}, "stop"), done=True), Expect(calls=[], text="hi")),
    of("chat", "an empty custom call is not a call",
       chat_answer({"content": "hi", "tool_calls": [{**chat_call("get_weather", CITY), "custom": {"name": "", "input": ""}}]}, "tool_calls"), ONE, streamed=False),
    of("chat", "a function_call of null is not a call",
       chat_answer({"content": "hi", "function_call": None, "tool_calls": None}), Expect(calls=[], text="hi"), streamed=False),
    of("chat", "arguments as an object are read in a stream", fragments([piece("get_weather", {"city": "Oslo"}, id="a")]), ONE),
    of("chat", "arguments as an object are still checked",
       whole_call(function={"name": "get_weather", "arguments": {"city": 9}}), Expect(calls=[], says=("Callgate refused",), never=()), streamed=False),
    of("chat", "one turn over two choices is text and call",
       sse(chat_chunk({"content": TEXT}), {**chat_chunk({}), "choices": [{"index": 1, "delta": {"tool_calls": [piece("get_weather", CITY, id="a")]}, "finish_reason": None}]},
           chat_chunk({}, "tool_calls"), done=True), SAID),
    of("chat", "members of a call arrive", whole_call(extra_content={"google": {"thought_signature": "c2ln"}}), ONE._replace(says=("c2ln",)), streamed=False),
    of("chat", "members of a streamed call arrive", fragments([piece("get_weather", CITY, id="a", extra_content={"google": {"thought_signature": "c2ln"}})]),
       ONE._replace(says=("c2ln",))),
    of("gemini", "a thought signature arrives", sse(gemini_part([{"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"}], "STOP")),
       ONE._replace(says=("c2ln",))),
    of("gemini", "a finish reason in each chunk is not the end",
       sse(gemini_part([{"text": TEXT}], "STOP"), gemini_part([{"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}}], "STOP")), SAID),
]


def blocks(*order):
    """The events of a stream of Messages in this order."""
    events = messages_events(*OSLO)
    return sse(*(events[number] if isinstance(number, int) else number for number in order), names=True)


def call_only(events):
    """A stream of Responses, from its documents."""
    return sse(*events, names=True)


def responses_events(change=lambda event: event, keep=lambda event: True):
    documents = [json.loads(event.split(b"data: ")[1]) for event in responses_stream(*OSLO)]
    return call_only([change(event) for event in documents if keep(event)])


def without(name):
    return lambda event: {key: value for key, value in event.items() if key != name}


def collide(event):
    return {**event, "output_index": 0} if "output_index" in event else event


def swapped(event):
    if event["type"] != "response.completed":
        return event
    return {**event, "response": {**event["response"], "output": event["response"]["output"][::-1]}}


def renamed(event):
    if event["type"] != "response.completed":
        return event
    output = [{**item, "name": "Bash", "call_id": "other"} if "call_id" in item else item for item in event["response"]["output"]]
    return {**event, "response": {**event["response"], "output": output}}


PING = {"type": "ping", "cost": {"tokens": 1}}
UNKNOWN = {"type": "vendor_event", "usage": {"tokens": 1}}
CARRIER = {"type": "vendor_event", "content_block": {"type": "tool_use", "id": "t", "name": "delete_everything", "input": {"path": "xyzzy"}}}
EVENTS = [
    of("messages", "blocks that overlap are told apart by their index", blocks(0, 1, 4, 2, 5, 6, 3, 7, 8, 9), SAID),
    of("messages", "blocks may all be stopped at the end", blocks(0, 1, 2, 4, 5, 6, 3, 7, 8, 9), SAID),
    of("messages", "a second message_start is dropped", blocks(0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), SAID),
    of("messages", "a second message_delta is no fault", blocks(0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9), SAID),
    of("messages", "unknown events and pings with a body are dropped", blocks(UNKNOWN, 0, PING, 1, 2, UNKNOWN, 3, 4, 5, 6, 7, 8, 9), SAID),
    of("messages", "an unknown event that carries a call carries nothing to the client", blocks(0, 1, 2, 3, CARRIER, 4, 5, 6, 7, 8, 9), Expect(never=("xyzzy",))),
    of("responses", "items without output_index are told apart", responses_events(without("output_index")), SAID),
    of("responses", "items whose output_index collides are told apart", responses_events(collide), SAID),
    of("responses", "an item without output_item.done is released", responses_events(keep=lambda event: event["type"] != "response.output_item.done"), SAID),
    of("responses", "an end in another order says what was released", responses_events(swapped), SAID),
    of("responses", "an end that names another call says what was released", responses_events(renamed), SAID),
    of("responses", "unknown events of Responses are dropped",
       [b'event: codex.rate_limits\ndata: {"type":"codex.rate_limits","plan":"plus"}\n\n', *responses_events(), b'event: responsesapi.timing\ndata: {"type":"responsesapi.timing","ms":3}\n\n'],
       SAID),
    of("responses", "a namespace that is the call's own name is no other call",
       responses_answer([responses_items(*OSLO)[0], {**responses_items(*OSLO)[1], "namespace": "get_weather"}]), ONE._replace(says=("namespace",)), streamed=False),
    of("converse", "unknown events of Converse are dropped", [frame("messageStart", {"role": "assistant"}), frame("vendorEvent", {"p": 1}), *DIALECTS["converse"].stream(*OSLO)[1:]], SAID),
    of("converse", "toolUse.type survives",
       {**converse_whole(*OSLO), "output": {"message": {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "get_weather", "input": {"city": "Oslo"}, "type": "tool_use"}}]}}},
       ONE._replace(says=("tool_use",)), streamed=False),
    of("chat", "comments, ids and retries smuggle no line",
       [b": a\xe2\x80\xa8data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"xyzzy\"}}]}\n\n", b"id: 1\x0bdata: xyzzy\nretry: 9\xc2\x85data: xyzzy\n",
        *fragments([piece("get_weather", CITY, id="a")])], ONE._replace(never=("xyzzy",))),
    of("messages", "an id smuggles no line", [b"id: 1\xe2\x80\xa9data: xyzzy\n" + event for event in blocks(*range(10))], SAID._replace(never=("xyzzy",))),
    of("mcp", "a notification of an unknown method does not replace the answer",
       sse({"jsonrpc": "2.0", "method": "notifications/vendor/channel", "params": {"content": "hi"}}, mcp_whole("get_time", {})), Expect(says=("get_weather", "get_time"))),
]


def types(name, content_type, expect, dialect="chat", length=True, headers=(), body=None):
    known = DIALECTS[dialect]
    data = body or b"".join(known.stream(*OSLO))
    play = Play((answer(data, content_type, headers=headers, length=length),))
    return Case(name, known.stream_path, {**known.request, **known.stream_member}, play, expect)


REFUSED = Expect(502, never=("xyzzy", "Oslo"), says=("upstream_",))
CONTENT_TYPES = [
    types("a stream as text/plain is read", "text/plain", SAID),
    types("a stream without a content type is read", None, SAID),
    types("a stream of UTF-8 in capitals is read", "text/event-stream; charset=UTF-8", SAID),
    types("a stream with identity twice is read", SSE, SAID, headers=["content-encoding: identity", "content-encoding: identity"]),
    types("a stream of Ollama as application/json is read", "application/json", SAID, "ollama", length=False),
    types("a stream of Messages as text/plain is read", "text/plain; charset=utf-8", SAID, "messages"),
    types("a stream in UTF-7 is refused", "text/event-stream; charset=utf-7", REFUSED),
    types("a stream in quoted UTF-7 is refused", 'text/event-stream; boundary=a; Charset="UTF-7"', REFUSED),
    types("a stream with two charsets is refused", "text/event-stream; charset=utf-8; charset=utf-7", REFUSED),
    types("a stream of Gemini in UTF-7 is refused", "text/event-stream;charset=utf-7", REFUSED, "gemini"),
    types("a page in the place of a stream is refused", "text/html", REFUSED._replace(never=("Oslo",))),
]

RATE = ["retry-after: 7", "x-ratelimit-remaining: 0", "x-request-id: r9"]
ERRORS = [
    status("FastAPI's detail arrives", "422 Unprocessable Entity", {"detail": [{"loc": ["body"], "msg": "Extra inputs"}]}, Expect(422, says=("Extra inputs",))),
    status("an error of object error arrives", "400 Bad Request", {"object": "error", "message": "too long", "code": 400}, Expect(400, says=("too long",))),
    status("an array of errors arrives", "400 Bad Request", [{"error": {"code": 400, "message": "bad thing", "status": "INVALID_ARGUMENT"}}], Expect(400, says=("bad thing",)), dialect="gemini"),
    status("an error as text arrives", "500 Internal Server Error", "the engine is down", Expect(500, says=("the engine is down",)), "text/plain"),
    status("an error as a page arrives with its headers", "503 Service Unavailable", "<html>later</html>",
           Expect(503, headers={"retry-after": "7", "x-ratelimit-remaining": "0"}), "text/html", RATE),
    status("a rate limit keeps its headers", "429 Too Many Requests", {"error": {"message": "slow", "type": "rate", "code": "rate_limited"}},
           Expect(429, says=("slow",), headers={"retry-after": "7", "x-ratelimit-remaining": "0"}), headers=RATE),
    status("an error with status 200 arrives", "200 OK", {"error": {"message": "no provider", "code": 402}}, Expect(0, says=("no provider",))),
    status("an error that carries a call carries nothing", "400 Bad Request",
           {"error": {"message": "a"}, "choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [chat_call("delete_everything", '{"path": "xyzzy"}')]}}]},
           Expect(400, calls=[], never=("xyzzy",))),
    status("an error in UTF-7 is not written as UTF-7", "400 Bad Request", {"error": {"message": "+ACI-"}}, Expect(400, check=lambda came, _: "utf-7" not in came.content_type.lower(), never=()),
           "application/json; charset=utf-7"),
    status("401 of an MCP server keeps its challenge", "401 Unauthorized", "no", Expect(401, headers={"www-authenticate": 'Bearer realm="a"'}), "text/plain",
           ['www-authenticate: Bearer realm="a"'], "mcp"),
]


def ended(came, seen):
    """If trailers cut a stream before its end, the stream is reset or ends with an error."""
    return not came.whole or "upstream_" in came.text


WHOLE = b"".join(DIALECTS["chat"].stream(*OSLO))
ENDS = [
    Case("a stream cut by trailers is not ended as if it were whole", "/v1/chat/completions", {**CHAT, "stream": True},
         Play((chunked(WHOLE[:300], SSE, ["x-a: 1"]),)), Expect(whole=False, never=("Oslo",), check=ended)),
    of("ollama", "an answer of one line is read", ollama_line({"content": "hi"}, True), Expect(text="hi"), streamed=False),
    of("messages", "an answer without calls passes", messages_message([{"type": "text", "text": "hi"}], "end_turn"), Expect(text="hi"), streamed=False),
]
ANSWERS = [*FRAGMENTS, *EVENTS, *CONTENT_TYPES, *ERRORS, *ENDS]
