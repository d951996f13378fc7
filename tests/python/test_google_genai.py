"""The official `google-genai` SDK: whole, streamed and async."""

import asyncio

from conftest import needs_gate, said
from google import genai
from google.genai import errors, types
from suite import POISON, SCHEMA, Answer, Ask, Suite


def client(gates, ask):
    options = types.HttpOptions(base_url=gates.root(ask.on_violation), headers=gates.headers(ask.role), timeout=30_000)
    return genai.Client(api_key="test", http_options=options)


def body(ask, contents=None):
    declarations = [{"name": name, "description": POISON, "parameters_json_schema": SCHEMA} for name in ask.names]
    # The client itself could call Python functions; these are only declared.
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declarations)],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    return {"model": ask.model or "gemini-2.5-flash", "contents": contents or ask.text, "config": config}


def read(*answers):
    """One answer, or the chunks of a stream."""
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
    calls = [part.function_call for part in parts if part.function_call]
    # `function_calls` is the SDK's own list.
    assert [call.name for answer in answers for call in answer.function_calls or []] == [call.name for call in calls]
    finish = [answer.candidates[0].finish_reason for answer in answers if answer.candidates[0].finish_reason]
    assert len(finish) == 1
    text = "".join(part.text or "" for part in parts if not part.thought)
    return Answer(text, [(call.id, call.name, call.args) for call in calls], finish[0].value)


def generate(gates, ask, contents=None):
    # An unreferenced client closes its connections, even during a request.
    with client(gates, ask) as asking:
        return asking.models.generate_content(**body(ask, contents))


def generate_stream(gates, ask):
    with client(gates, ask) as asking:
        yield from asking.models.generate_content_stream(**body(ask))


def whole(self, gates, ask):
    return read(generate(gates, ask))


def streamed(self, gates, ask):
    return read(*generate_stream(gates, ask))


def in_async(self, gates, ask):
    async def run():
        async with client(gates, ask).aio as asking:
            answer = read(await asking.models.generate_content(**body(ask)))
            chunks = [chunk async for chunk in await asking.models.generate_content_stream(**body(ask))]
        assert read(*chunks) == answer
        return answer

    return asyncio.run(run())


class TestGemini(Suite):
    FORMS = {"whole": whole, "streamed": streamed, "async": in_async}
    STREAMED = ("streamed",)
    STOP = CALLED = "STOP"
    UNAUTHENTICATED = DENIED = LIMITED = errors.ClientError
    BROKEN = errors.ServerError
    MIDWAY = errors.APIError
    IDS = False

    def status(self, error):
        return error.code

    def pieces(self, gates, ask):
        for chunk in generate_stream(gates, ask):
            yield "".join(part.text or "" for part in chunk.candidates[0].content.parts)

    def told(self, gates, ask, result):
        first = generate(gates, ask)
        results = [types.Part.from_function_response(name=c.name, response={"result": result}) for c in first.function_calls]
        said = types.Content(role="user", parts=[types.Part.from_text(text=ask.text)])
        contents = [said, first.candidates[0].content, types.Content(role="user", parts=results)]
        return generate(gates, ask, contents).text

    def test_thoughts_and_the_signature_beside_a_call_arrive(self, gates):
        round = {"think": ["Let me ", "see."], "calls": [{"name": "get_weather", "arguments": '{"city":"Oslo"}'}] * 2}
        ask = Ask(said(round))
        chunks = list(generate_stream(gates, ask))
        for answers in [chunks, [generate(gates, ask)]]:
            parts = [part for answer in answers for part in answer.candidates[0].content.parts]
            assert "".join(part.text for part in parts if part.thought) == "Let me see."
            assert [part.thought_signature for part in parts if part.function_call] == [b"scripted", None]

    @needs_gate
    def test_an_error_has_the_apis_own_status(self, gates):
        for raised in self.raised(gates, self.DENIED, {"text": ["hi"]}, names=("rm_rf",)).values():
            assert raised.status == "INVALID_ARGUMENT"
