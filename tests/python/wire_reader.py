"""Reads an answer of any dialect as a lenient client does: text, calls, and the message of an error.

It shares no code with the gate, and prefers finding a call too many. It joins names and arguments of fragments, as SDKs do.
"""

import json
import re
from typing import NamedTuple

from botocore.eventstream import EventStreamBuffer


class Read(NamedTuple):
    """An answer as an application sees it."""

    text: str
    calls: list  # of (name, arguments); arguments are an object if they can be read
    ids: list
    events: list


def arguments(value):
    try:
        return json.loads(value or "{}") if isinstance(value, str) else value
    except ValueError:
        return value


def documents(answer):
    """All JSON documents of a body, whatever its framing."""
    kind, text = answer.content_type, answer.text
    if "eventstream" in kind:
        buffer = EventStreamBuffer()
        buffer.add_data(answer.body)
        found = []
        for message in buffer:
            name = message.headers.get(":event-type") or message.headers.get(":exception-type")
            found.append({name: json.loads(message.payload or b"{}")})
        return found
    if re.search(r"^(data|event|id|retry|:)", text, re.MULTILINE) and not text.lstrip().startswith(("{", "[")):
        found = []
        for event in re.split(r"\r\n\r\n|\n\n|\r\r", text):
            data = "\n".join(line[5:].lstrip() for line in event.splitlines() if line.startswith("data:"))
            try:
                found.append(json.loads(data))
            except ValueError:
                pass
        return found
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        pass
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def read(answer):
    events = [event for event in documents(answer) if isinstance(event, dict)]
    text, slots = [], {}
    for number, event in enumerate(events):
        for reader in (chat, responses, messages, gemini, ollama, converse):
            reader(event, number, text, slots)
    calls = list(slots.values())
    found = [(call["name"], arguments(call["arguments"])) for call in calls if call["name"] or call["arguments"]]
    return Read("".join(text), found, [call.get("id") for call in calls], events)


def add(slots, key, name="", args="", identity=None):
    slot = slots.setdefault(key, {"name": "", "arguments": ""})
    slot["name"] += name or ""
    if isinstance(args, str) and isinstance(slot["arguments"], str):
        slot["arguments"] += args
    elif args is not None:
        slot["arguments"] = args
    if identity:
        slot["id"] = identity


def objects(value):
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def member(value, *names):
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def chat(event, _, text, slots):
    for position, choice in enumerate(objects(event.get("choices"))):
        at = choice.get("index", position)
        message = choice.get("delta") or choice.get("message") or {}
        if isinstance(message.get("content"), str):
            text.append(message["content"])
        for number, call in enumerate(objects(message.get("tool_calls"))):
            function = call.get("function") or call.get("custom") or {}
            key = ("chat", at, call.get("index", number))
            add(slots, key, function.get("name"), function.get("arguments", function.get("input")), call.get("id"))
        if isinstance(function := message.get("function_call"), dict):
            add(slots, ("legacy", at), function.get("name"), function.get("arguments"))


def responses(event, number, text, slots):
    kind = event.get("type", "")
    if kind == "response.output_text.delta":
        text.append(event.get("delta", ""))
    if kind == "response.output_item.done":
        items = [event.get("item")]
    elif event.get("object") == "response":
        items = event.get("output")
    else:
        # The end repeats the events, and a client may read only the end.
        items = member(event, "response", "output") if kind in ("response.completed", "response.incomplete") else None
    for position, item in enumerate(objects(items)):
        if str(item.get("type")).endswith("_call"):
            key = ("responses", item.get("call_id") or item.get("id") or (number, position))
            slots.pop(key, None)
            add(slots, key, item.get("name") or item["type"], item.get("arguments", item.get("input", item.get("action"))), item.get("call_id"))
        elif event.get("object") == "response" and item.get("type") == "message":
            text.extend(part.get("text", "") for part in objects(item.get("content")))


def messages(event, _, text, slots):
    kind = event.get("type")
    if kind == "message":
        for at, block in enumerate(objects(event.get("content"))):
            if block.get("type") == "text":
                text.append(block.get("text", ""))
            elif str(block.get("type")).endswith("tool_use"):
                add(slots, ("messages", at), block.get("name"), block.get("input"), block.get("id"))
    block = event.get("content_block")
    if kind == "content_block_start" and isinstance(block, dict):
        text.append(block.get("text") or "" if block.get("type") == "text" else "")
        if str(block.get("type")).endswith("tool_use"):
            add(slots, ("messages", event.get("index")), block.get("name"), "", block.get("id"))
            if block.get("input"):
                add(slots, ("messages", event.get("index")), "", block["input"])
    if kind == "content_block_delta":
        text.append(member(event, "delta", "text") or "")
        if "partial_json" in (event.get("delta") or {}):
            add(slots, ("messages", event.get("index")), "", event["delta"]["partial_json"])


def gemini(event, number, text, slots):
    for candidate in objects(event.get("candidates")):
        for at, part in enumerate(objects(member(candidate, "content", "parts"))):
            if isinstance(part.get("text"), str) and not part.get("thought"):
                text.append(part["text"])
            if isinstance(call := part.get("functionCall", part.get("function_call")), dict):
                add(slots, ("gemini", number, candidate.get("index"), at), call.get("name"), call.get("args"), call.get("id"))


def ollama(event, number, text, slots):
    message = event.get("message")
    if "choices" in event or not isinstance(message, dict) or "role" not in message or event.get("type"):
        return
    if isinstance(message.get("content"), str):
        text.append(message["content"])
    for at, call in enumerate(objects(message.get("tool_calls"))):
        add(slots, ("ollama", number, at), member(call, "function", "name"), member(call, "function", "arguments"))


def converse(event, _, text, slots):
    for at, block in enumerate(objects(member(event, "output", "message", "content"))):
        text.append(block.get("text") or "")
        if isinstance(use := block.get("toolUse"), dict):
            add(slots, ("converse", at), use.get("name"), use.get("input"), use.get("toolUseId"))
    if isinstance(start := event.get("contentBlockStart"), dict) and isinstance(use := member(start, "start", "toolUse"), dict):
        add(slots, ("converse", start.get("contentBlockIndex")), use.get("name"), "", use.get("toolUseId"))
    if isinstance(delta := event.get("contentBlockDelta"), dict):
        text.append(member(delta, "delta", "text") or "")
        if isinstance(use := member(delta, "delta", "toolUse"), dict):
            add(slots, ("converse", delta.get("contentBlockIndex")), "", use.get("input"))
