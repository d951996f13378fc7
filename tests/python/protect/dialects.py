"""Conversations and answers in the formats of three APIs."""

import json
from typing import NamedTuple


class Step(NamedTuple):
    """A call of the conversation, and its result."""

    name: str
    arguments: dict
    result: str


def chat(system, prompt, steps):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    for number, step in enumerate(steps):
        function = {"name": step.name, "arguments": json.dumps(step.arguments)}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": step.result})
    return {"model": "m", "messages": messages}


def chat_answer(name, arguments):
    call = {"id": "call_next", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
    }


def messages(system, prompt, steps):
    turns = [{"role": "user", "content": prompt}]
    for number, step in enumerate(steps):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": step.name, "input": step.arguments}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": step.result}
        turns.append({"role": "assistant", "content": [call]})
        turns.append({"role": "user", "content": [result]})
    return {"model": "m", "max_tokens": 1000, "system": system, "messages": turns}


def messages_answer(name, arguments):
    call = {"type": "tool_use", "id": "toolu_next", "name": name, "input": arguments}
    return {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [call], "stop_reason": "tool_use",
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def responses(system, prompt, steps):
    items = [{"type": "message", "role": "user", "content": prompt}]
    for number, step in enumerate(steps):
        call = f"call_{number}"
        items.append({"type": "function_call", "call_id": call, "name": step.name, "arguments": json.dumps(step.arguments)})
        items.append({"type": "function_call_output", "call_id": call, "output": step.result})
    return {"model": "m", "instructions": system, "input": items}


def responses_answer(name, arguments):
    call = {
        "type": "function_call", "id": "fc", "call_id": "call_next", "name": name, "arguments": json.dumps(arguments),
        "status": "completed",
    }
    return {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [call]}


class Dialect(NamedTuple):
    """The format of one API."""

    path: str
    request: object
    answer: object


CHAT = Dialect("/v1/chat/completions", chat, chat_answer)
DIALECTS = {
    "chatCompletions": CHAT,
    "messages": Dialect("/v1/messages", messages, messages_answer),
    "responses": Dialect("/v1/responses", responses, responses_answer),
}
