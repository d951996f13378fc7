"""The official `ollama` SDK: whole, streamed and async."""

import asyncio

import ollama
from conftest import said
from suite import POISON, SCHEMA, Answer, Ask, Suite


def arguments(gates, ask):
    return {"host": gates.root(ask.on_violation), "headers": gates.headers(ask.role), "timeout": 30}


def body(ask, messages=None):
    functions = [{"name": name, "description": POISON, "parameters": SCHEMA} for name in ask.names]
    return {
        "model": ask.model or "llama3.2", "messages": messages or [{"role": "user", "content": ask.text}],
        "tools": [{"type": "function", "function": function} for function in functions],
    }


def read(*answers):
    """One answer, or the lines of a stream."""
    assert [answer.done for answer in answers] == [False] * (len(answers) - 1) + [True]
    calls = [call.function for answer in answers for call in answer.message.tool_calls or []]
    text = "".join(answer.message.content or "" for answer in answers)
    return Answer(text, [("", call.name, dict(call.arguments)) for call in calls], answers[-1].done_reason)


def whole(self, gates, ask):
    return read(ollama.Client(**arguments(gates, ask)).chat(**body(ask)))


def streamed(self, gates, ask):
    return read(*ollama.Client(**arguments(gates, ask)).chat(**body(ask), stream=True))


def in_async(self, gates, ask):
    async def run():
        client = ollama.AsyncClient(**arguments(gates, ask))
        answer = read(await client.chat(**body(ask)))
        lines = [line async for line in await client.chat(**body(ask), stream=True)]
        assert read(*lines) == answer
        return answer

    return asyncio.run(run())


class TestOllama(Suite):
    FORMS = {"whole": whole, "streamed": streamed, "async": in_async}
    STREAMED = ("streamed",)
    STOP = CALLED = "stop"
    UNAUTHENTICATED = DENIED = LIMITED = BROKEN = MIDWAY = ollama.ResponseError
    IDS = False

    def words(self, error):
        return error.error

    def pieces(self, gates, ask):
        for line in ollama.Client(**arguments(gates, ask)).chat(**body(ask), stream=True):
            yield line.message.content

    def told(self, gates, ask, result):
        client = ollama.Client(**arguments(gates, ask))
        first = client.chat(**body(ask)).message
        results = [{"role": "tool", "tool_name": c.function.name, "content": result} for c in first.tool_calls]
        messages = [{"role": "user", "content": ask.text}, first, *results]
        return client.chat(**body(ask, messages)).message.content

    def test_thoughts_arrive(self, gates):
        ask = Ask(said({"think": ["Let me ", "see."], "text": ["Sure."]}))
        client = ollama.Client(**arguments(gates, ask))
        for lines in [list(client.chat(**body(ask), stream=True, think=True)), [client.chat(**body(ask), think=True)]]:
            assert "".join(line.message.thinking or "" for line in lines) == "Let me see."
            assert "".join(line.message.content for line in lines) == "Sure."
