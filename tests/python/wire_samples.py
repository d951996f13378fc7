"""One request and one answer of every dialect, whole and streamed: some text, then one call."""

import binascii
import json
import struct
from typing import Callable, NamedTuple

TEXT = "I look."


class Dialect(NamedTuple):
    """Asks an API and answers for it. `whole` and `events` are functions of a call's name and arguments."""

    path: str
    stream_path: str
    request: dict
    stream_member: dict
    whole: Callable
    stream: Callable  # gives the bytes of each event
    content_type: str


def sse(*documents, names=False, done=False):
    events = [(f"event: {d['type']}\n" if names else "") + f"data: {json.dumps(d)}\n\n" for d in documents]
    return [event.encode() for event in events + (["data: [DONE]\n\n"] if done else [])]


def function(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def halves(arguments):
    """The arguments as text in two pieces."""
    text = json.dumps(arguments)
    return text[:9], text[9:]


def chat_chunk(delta, finish=None):
    return {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def chat_answer(message, finish="stop", **more):
    return {"id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, **more}


def chat_call(name, arguments, **more):
    return {"id": "call_a", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def chat_whole(name, arguments):
    return chat_answer({"content": TEXT, "tool_calls": [chat_call(name, json.dumps(arguments))]}, "tool_calls")


def chat_stream(name, arguments):
    first, second = halves(arguments)
    return sse(
        chat_chunk({"role": "assistant", "content": TEXT}),
        chat_chunk({"tool_calls": [{"index": 0, **chat_call(name, first)}]}),
        chat_chunk({"tool_calls": [{"index": 0, "function": {"arguments": second}}]}),
        chat_chunk({}, "tool_calls"), done=True)


def responses_items(name, arguments):
    message = {"type": "message", "id": "msg_a", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": TEXT, "annotations": []}]}
    return [message, {"type": "function_call", "id": "fc_a", "call_id": "call_a", "name": name,
                      "arguments": json.dumps(arguments), "status": "completed"}]


def responses_answer(output, status="completed"):
    return {"id": "resp_a", "object": "response", "created_at": 1, "status": status, "model": "m", "output": output, "tools": [],
            "parallel_tool_calls": True, "tool_choice": "auto",
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
                      "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}}


def responses_whole(name, arguments):
    return responses_answer(responses_items(name, arguments))


def responses_stream(name, arguments):
    message, call = responses_items(name, arguments)
    part, at = message["content"][0], {"item_id": "msg_a", "output_index": 0, "content_index": 0}
    first, second = halves(arguments)
    events = [
        {"type": "response.created", "response": responses_answer([], "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": TEXT, "logprobs": []},
        {"type": "response.output_text.done", **at, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.output_item.added", "output_index": 1, "item": {**call, "status": "in_progress", "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_a", "output_index": 1, "delta": first},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_a", "output_index": 1, "delta": second},
        {"type": "response.function_call_arguments.done", "item_id": "fc_a", "output_index": 1, "name": name, "arguments": first + second},
        {"type": "response.output_item.done", "output_index": 1, "item": call},
        {"type": "response.completed", "response": responses_answer([message, call])},
    ]
    return sse(*({**event, "sequence_number": number} for number, event in enumerate(events)), names=True)


def messages_message(content, stop):
    return {"id": "msg_a", "type": "message", "role": "assistant", "model": "claude-a", "content": content, "stop_reason": stop,
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}


def messages_whole(name, arguments):
    return messages_message([{"type": "text", "text": TEXT}, {"type": "tool_use", "id": "toolu_a", "name": name, "input": arguments}],
                            "tool_use")


def messages_events(name, arguments):
    first, second = halves(arguments)
    use = {"type": "tool_use", "id": "toolu_a", "name": name, "input": {}}
    return [
        {"type": "message_start", "message": messages_message([], None)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": use},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": first}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": second}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


def messages_stream(name, arguments):
    return sse(*messages_events(name, arguments), names=True)


def gemini_part(parts, finish=None):
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
    return {"candidates": [{**candidate, **({"finishReason": finish} if finish else {})}], "modelVersion": "gemini-a"}


def gemini_whole(name, arguments):
    return gemini_part([{"text": TEXT}, {"functionCall": {"name": name, "args": arguments}}], "STOP")


def gemini_stream(name, arguments):
    return sse(gemini_part([{"text": TEXT}]), gemini_part([{"functionCall": {"name": name, "args": arguments}}], "STOP"))


def ollama_line(message, done):
    more = {"done_reason": "stop", "eval_count": 1} if done else {}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", **message}, "done": done, **more}


def ollama_call(name, arguments):
    return [{"function": {"name": name, "arguments": arguments}}]


def ollama_whole(name, arguments):
    return ollama_line({"content": TEXT, "tool_calls": ollama_call(name, arguments)}, True)


def ollama_stream(name, arguments):
    lines = [ollama_line({"content": TEXT}, False), ollama_line({"content": "", "tool_calls": ollama_call(name, arguments)}, False),
             ollama_line({"content": ""}, True)]
    return [json.dumps(line).encode() + b"\n" for line in lines]


def frame(kind, document):
    """One message of an AWS event stream."""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(document).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


USAGE = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}


def converse_whole(name, arguments):
    content = [{"text": TEXT}, {"toolUse": {"toolUseId": "tooluse_a", "name": name, "input": arguments}}]
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use", "usage": USAGE,
            "metrics": {"latencyMs": 1}}


def converse_stream(name, arguments):
    first, second = halves(arguments)
    return [
        frame("messageStart", {"role": "assistant"}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT}}),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "tooluse_a", "name": name}}}),
        frame("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": first}}}),
        frame("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": second}}}),
        frame("contentBlockStop", {"contentBlockIndex": 1}),
        frame("messageStop", {"stopReason": "tool_use"}),
        frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    ]


def mcp_whole(name, arguments):
    """A list of tools; the arguments are in the description of the last."""
    honest = {"name": "get_weather", "description": "The tool get_weather.", "inputSchema": {"type": "object"}}
    return {"jsonrpc": "2.0", "id": 1, "result": {"tools": [honest, {**honest, "name": name, "description": json.dumps(arguments)}]}}


def mcp_stream(name, arguments):
    return sse({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "a"}}, mcp_whole(name, arguments))


SSE = "text/event-stream"
USER = [{"role": "user", "content": "hi"}]
CHAT = {"model": "m", "messages": USER, "tools": [function("get_weather")]}
SCHEMA = {"type": "object"}
DIALECTS = {
    "chat": Dialect("/v1/chat/completions", "/v1/chat/completions", CHAT, {"stream": True}, chat_whole, chat_stream, SSE),
    "responses": Dialect("/v1/responses", "/v1/responses", {"model": "m", "input": "hi", "tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]},
                         {"stream": True}, responses_whole, responses_stream, SSE),
    "messages": Dialect("/v1/messages", "/v1/messages", {"model": "claude-a", "max_tokens": 9, "messages": USER, "tools": [{"name": "get_weather", "input_schema": SCHEMA}]},
                        {"stream": True}, messages_whole, messages_stream, SSE),
    "gemini": Dialect("/v1beta/models/gemini-a:generateContent", "/v1beta/models/gemini-a:streamGenerateContent?alt=sse",
                      {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": [{"functionDeclarations": [{"name": "get_weather"}]}]}, {},
                      gemini_whole, gemini_stream, SSE),
    "ollama": Dialect("/api/chat", "/api/chat", {**CHAT, "stream": False}, {"stream": True}, ollama_whole, ollama_stream, "application/x-ndjson"),
    "converse": Dialect("/model/anthropic.claude-a/converse", "/model/anthropic.claude-a/converse-stream",
                        {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "toolConfig": {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": SCHEMA}}}]}},
                        {}, converse_whole, converse_stream, "application/vnd.amazon.eventstream"),
    "mcp": Dialect("/mcp", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}, {}, mcp_whole, mcp_stream, SSE),
}


def asked(dialect, streamed):
    """The path and the body of a request."""
    return (dialect.stream_path, {**dialect.request, **dialect.stream_member}) if streamed else (dialect.path, dialect.request)


def answered(dialect, streamed, name, arguments):
    """The body and the content type of the answer."""
    if streamed:
        return b"".join(dialect.stream(name, arguments)), dialect.content_type
    return json.dumps(dialect.whole(name, arguments)).encode(), "application/json"
