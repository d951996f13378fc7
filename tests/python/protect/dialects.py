"""Conversations and answers in the formats of several APIs."""

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
    return json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
    })


def chat_streamed(system, prompt, steps):
    return {**chat(system, prompt, steps), "stream": True}


def chat_stream(name, arguments):
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return f"data: {json.dumps(event)}\n\n"

    def piece(function, **more):
        return chunk({"tool_calls": [{"index": 0, "function": function, **more}]})

    text = json.dumps(arguments)
    half = len(text) // 2
    return "".join((
        chunk({"role": "assistant", "content": None}),
        piece({"name": name, "arguments": ""}, id="call_next", type="function"),
        piece({"arguments": text[:half]}), piece({"arguments": text[half:]}),
        chunk({}, "tool_calls"), "data: [DONE]\n\n",
    ))


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
    return json.dumps({
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [call], "stop_reason": "tool_use",
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    })


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
    return json.dumps({"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [call]})


def converse(system, prompt, steps):
    turns = [{"role": "user", "content": [{"text": prompt}]}]
    for number, step in enumerate(steps):
        call = {"toolUse": {"toolUseId": f"tool_{number}", "name": step.name, "input": step.arguments}}
        result = {"toolResult": {"toolUseId": f"tool_{number}", "content": [{"text": step.result}]}}
        turns.append({"role": "assistant", "content": [call]})
        turns.append({"role": "user", "content": [result]})
    return {"system": [{"text": system}], "messages": turns}


def converse_answer(name, arguments):
    call = {"toolUse": {"toolUseId": "tool_next", "name": name, "input": arguments}}
    return json.dumps({
        "output": {"message": {"role": "assistant", "content": [call]}}, "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1},
    })


def gemini(system, prompt, steps):
    turns = [{"role": "user", "parts": [{"text": prompt}]}]
    for step in steps:
        call = {"functionCall": {"name": step.name, "args": step.arguments}}
        result = {"functionResponse": {"name": step.name, "response": {"result": step.result}}}
        turns.append({"role": "model", "parts": [call]})
        turns.append({"role": "user", "parts": [result]})
    return {"systemInstruction": {"parts": [{"text": system}]}, "contents": turns}


def gemini_answer(name, arguments):
    content = {"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]}
    return json.dumps({"candidates": [{"index": 0, "content": content, "finishReason": "STOP"}], "modelVersion": "m"})


def ollama(system, prompt, steps):
    turns = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    for step in steps:
        call = {"function": {"name": step.name, "arguments": step.arguments}}
        turns.append({"role": "assistant", "content": "", "tool_calls": [call]})
        turns.append({"role": "tool", "tool_name": step.name, "content": step.result})
    return {"model": "m", "stream": False, "messages": turns}


def ollama_answer(name, arguments):
    call = {"function": {"name": name, "arguments": arguments}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    return json.dumps({
        "model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done_reason": "stop", "done": True,
    })


class Dialect(NamedTuple):
    """The format of one API."""

    path: str
    request: object
    answer: object
    streamed: bool = False


CHAT = Dialect("/v1/chat/completions", chat, chat_answer)
OTHERS = {
    "streamed chatCompletions": Dialect("/v1/chat/completions", chat_streamed, chat_stream, True),
    "messages": Dialect("/v1/messages", messages, messages_answer),
    "responses": Dialect("/v1/responses", responses, responses_answer),
    "converse": Dialect("/model/m/converse", converse, converse_answer),
    "gemini": Dialect("/v1beta/models/m:generateContent", gemini, gemini_answer),
    "ollama": Dialect("/api/chat", ollama, ollama_answer),
}
