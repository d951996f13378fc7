"""Writes what a scripted model says in the four APIs of coding agents: as a stream of server-sent events, or whole.

A turn is a text, or calls. A call whose arguments are text is a custom one of Responses: free text, in no JSON.
Sources: the API references of OpenAI (Chat Completions, Responses), Anthropic (Messages) and Gemini.
"""

import json
from typing import NamedTuple


class Call(NamedTuple):
    """One call. `arguments` is an object, or free text."""

    name: str
    arguments: object
    namespace: str = ""


class Turn(NamedTuple):
    """One answer of the model."""

    text: str = ""
    calls: tuple = ()


class Answer(NamedTuple):
    content_type: str
    body: bytes


def write(api, model, turn, number, stream):
    """Returns the answer. `number` makes the ids of its calls unique in a conversation."""
    whole, events, done = WRITERS[api](model, turn, number)
    if not stream:
        return Answer("application/json", json.dumps(whole).encode())
    named = api in ("responses", "messages")
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return Answer("text/event-stream", ("".join(lines) + done).encode())


def chat(model, turn, number):
    head = {"id": f"chatcmpl-{number}", "created": 1, "model": model}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    finish = "tool_calls" if turn.calls else "stop"
    calls = [{"id": f"call_{number}_{at}", "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
             for at, call in enumerate(turn.calls)]
    message = {"role": "assistant", "content": turn.text or None, **({"tool_calls": calls} if calls else {})}
    whole = {**head, "object": "chat.completion", "usage": usage, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}

    def chunk(delta, reason=None, **more):
        return {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}

    events = [chunk({"role": "assistant", "content": turn.text})]
    events += [chunk({"tool_calls": [{"index": at, **call}]}) for at, call in enumerate(calls)]
    events += [chunk({}, finish), {**chunk({}), "choices": [], "usage": usage}]
    return whole, events, "data: [DONE]\n\n"


def messages(model, turn, number):
    content = [{"type": "text", "text": turn.text}] if turn.text else []
    content += [{"type": "tool_use", "id": f"toolu_{number}_{at}", "name": call.name, "input": call.arguments}
                for at, call in enumerate(turn.calls)]
    reason = "tool_use" if turn.calls else "end_turn"
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    whole = {**head, "content": content, "stop_reason": reason, "usage": {"input_tokens": 10, "output_tokens": 5}}
    began = {**head, "content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    events = [{"type": "message_start", "message": began}]
    for index, block in enumerate(content):
        text = block["type"] == "text"
        empty = {**block, "text": ""} if text else {**block, "input": {}}
        said = {"type": "text_delta", "text": block["text"]} if text else {
            "type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events += [{"type": "content_block_start", "index": index, "content_block": empty},
                   {"type": "content_block_delta", "index": index, "delta": said}, {"type": "content_block_stop", "index": index}]
    ended = {"stop_reason": reason, "stop_sequence": None}
    events += [{"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
    return whole, events, ""


def gemini(model, turn, number):
    parts = [{"text": turn.text}] if turn.text else []
    parts += [{"functionCall": {"id": f"call_{number}_{at}", "name": call.name, "args": call.arguments}} for at, call in enumerate(turn.calls)]
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    whole = {"candidates": [candidate], "modelVersion": model, "responseId": f"r{number}", "usageMetadata": usage}
    return whole, [whole], ""


def responses(model, turn, number):
    items = [item(call, f"{number}_{at}") for at, call in enumerate(turn.calls)]
    if turn.text:
        said = {"type": "output_text", "text": turn.text, "annotations": []}
        items.insert(0, {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [said]})
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}
    head = {"id": f"resp_{number}", "object": "response", "created_at": 1, "model": model}
    whole = {**head, "status": "completed", "output": items, "usage": usage}
    events = [{"type": "response.created", "response": {**head, "status": "in_progress", "output": []}}]
    for index, made in enumerate(items):
        kind, member, content = DELTAS[made["type"]]
        empty = {**made, "status": "in_progress", **({member: ""} if member else {"content": []})}
        place = {"item_id": made["id"], "output_index": index, **content}
        text = made[member] if member else turn.text
        events += [{"type": "response.output_item.added", "output_index": index, "item": empty}]
        events += [] if member else [{"type": "response.content_part.added", **place, "part": {**made["content"][0], "text": ""}}]
        events += [{"type": f"{kind}.delta", **place, "delta": text}, {"type": f"{kind}.done", **place, member or "text": text}]
        events += [] if member else [{"type": "response.content_part.done", **place, "part": made["content"][0]}]
        events += [{"type": "response.output_item.done", "output_index": index, "item": made}]
    events.append({"type": "response.completed", "response": whole})
    return whole, [{**event, "sequence_number": at} for at, event in enumerate(events)], ""


# The name of an item's events, the member that they fill, and what else they name.
DELTAS = {
    "message": ("response.output_text", "", {"content_index": 0}),
    "function_call": ("response.function_call_arguments", "arguments", {}),
    "custom_tool_call": ("response.custom_tool_call_input", "input", {}),
}


def item(call, number):
    free = isinstance(call.arguments, str)
    kind, text = ("custom_tool_call", call.arguments) if free else ("function_call", json.dumps(call.arguments))
    named = {"namespace": call.namespace} if call.namespace else {}
    return {"type": kind, "id": f"{'ctc' if free else 'fc'}_{number}", "status": "completed", "call_id": f"call_{number}", "name": call.name,
            **named, "input" if free else "arguments": text}


WRITERS = {"chatCompletions": chat, "messages": messages, "gemini": gemini, "responses": responses}
