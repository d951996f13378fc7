"""The official `anthropic` SDK: whole, streamed by hand, with its helper, and async."""

import asyncio
import json

import anthropic
import pytest
from conftest import needs_gate, said
from suite import POISON, SCHEMA, Answer, Ask, Suite


def body(ask):
    return {
        "model": ask.model or "claude-scripted", "max_tokens": 512, "messages": [{"role": "user", "content": ask.text}],
        "tools": [{"name": name, "description": POISON, "input_schema": SCHEMA} for name in ask.names],
    }


def arguments(gates, ask):
    return {"base_url": gates.root(ask.on_violation), "api_key": "sk-test", "default_headers": gates.headers(ask.role),
            "max_retries": 0, "timeout": 30}


def client(gates, ask):
    return anthropic.Anthropic(**arguments(gates, ask))


def read(message):
    assert isinstance(message, anthropic.types.Message) and message.role == "assistant"
    calls = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    text = "".join(block.text for block in message.content if block.type == "text")
    return Answer(text, calls, message.stop_reason)


def accumulate(events):
    """Returns the answer of an application that reads the events by hand."""
    blocks, stopped, stop, started, ended = [], [], None, 0, 0
    for event in events:
        if event.type == "message_start":
            started += 1
        elif event.type == "content_block_start":
            assert event.index == len(blocks) == len(stopped), "indexes have no gap, and blocks do not overlap"
            blocks.append([event.content_block, ""])
        elif event.type == "content_block_delta":
            assert event.index == len(blocks) - 1
            blocks[event.index][1] += getattr(event.delta, "text", None) or getattr(event.delta, "partial_json", None) or ""
        elif event.type == "content_block_stop":
            stopped.append(event.index)
        elif event.type == "message_delta":
            stop = event.delta.stop_reason
        elif event.type == "message_stop":
            ended += 1
    assert (started, ended, stopped) == (1, 1, list(range(len(blocks))))
    calls = [(block.id, block.name, json.loads(text or "{}")) for block, text in blocks if block.type == "tool_use"]
    return Answer("".join(text for block, text in blocks if block.type == "text"), calls, stop)


def whole(self, gates, ask):
    return read(client(gates, ask).messages.create(**body(ask)))


def streamed(self, gates, ask):
    return accumulate(client(gates, ask).messages.create(**body(ask), stream=True))


def helper(self, gates, ask):
    with client(gates, ask).messages.stream(**body(ask)) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert read(message).text == text
    return read(message)


def in_async(self, gates, ask):
    async def run():
        async with anthropic.AsyncAnthropic(**arguments(gates, ask)) as client:
            answer = read(await client.messages.create(**body(ask)))
            events = [event async for event in await client.messages.create(**body(ask), stream=True)]
        assert accumulate(events) == answer
        return answer

    return asyncio.run(run())


class TestMessages(Suite):
    FORMS = {"whole": whole, "streamed": streamed, "helper": helper, "async": in_async}
    STREAMED = ("streamed", "helper")
    STOP, CALLED = "end_turn", "tool_use"
    UNAUTHENTICATED, DENIED = anthropic.AuthenticationError, anthropic.BadRequestError
    LIMITED, BROKEN = anthropic.RateLimitError, anthropic.InternalServerError
    MIDWAY = anthropic.APIStatusError

    def pieces(self, gates, ask):
        with client(gates, ask).messages.stream(**body(ask)) as stream:
            yield from stream.text_stream

    def told(self, gates, ask, result):
        first = client(gates, ask).messages.create(**body(ask))
        results = [{"type": "tool_result", "tool_use_id": block.id, "content": result} for block in first.content]
        more = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        request = {**body(ask), "messages": body(ask)["messages"] + more}
        return read(client(gates, ask).messages.create(**request)).text

    def test_thoughts_arrive_with_their_signature(self, gates):
        ask = Ask(said({"think": ["Let me ", "see."], "text": ["Sure."]}))
        with client(gates, ask).messages.stream(**body(ask)) as stream:
            streamed = stream.get_final_message()
        for message in [streamed, client(gates, ask).messages.create(**body(ask))]:
            thought, text = message.content
            assert (thought.thinking, thought.signature) == ("Let me see.", "c2NyaXB0ZWQ=")
            assert text.text == "Sure."

    def test_tokens_are_counted(self, gates):
        request = {name: value for name, value in body(Ask("hi")).items() if name != "max_tokens"}
        assert client(gates, Ask("hi")).messages.count_tokens(**request).input_tokens == 10

    @needs_gate
    def test_tokens_of_forbidden_requests_are_not_counted(self, gates):
        request = {name: value for name, value in body(Ask("hi", names=("rm_rf",))).items() if name != "max_tokens"}
        with pytest.raises(anthropic.BadRequestError) as raised:
            client(gates, Ask("hi")).messages.count_tokens(**request)
        assert "tool_not_in_contract" in self.words(raised.value)

    @needs_gate
    def test_an_error_has_the_apis_own_type(self, gates):
        for raised in self.raised(gates, self.DENIED, {"text": ["hi"]}, names=("rm_rf",)).values():
            assert raised.body["type"] == "error"
            assert raised.body["error"]["type"] == "invalid_request_error"

    @needs_gate
    def test_a_tool_that_runs_at_the_provider_is_forbidden(self, gates):
        request = {**body(Ask(said({"text": ["hi"]}))), "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
        with pytest.raises(anthropic.BadRequestError) as raised:
            client(gates, Ask("hi")).messages.create(**request)
        assert "provider_tool_forbidden" in self.words(raised.value)
