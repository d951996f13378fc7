"""The official `openai` SDK, Responses API: whole, streamed by hand, with its helper, and async."""

import asyncio
import json

import openai
from conftest import needs_gate, said
from suite import POISON, SCHEMA, Answer, Ask, Suite


class StreamFailed(Exception):
    """The stream ended with one of the SDK's two error events, which raise nothing by themselves."""


def checked(event):
    if event.type == "error":
        raise StreamFailed(f"{event.code}: {event.message}")
    if event.type == "response.failed":
        raise StreamFailed(f"{event.response.error.code}: {event.response.error.message}")
    return event


def body(ask):
    tools = [{"type": "function", "name": name, "description": POISON, "parameters": SCHEMA} for name in ask.names]
    return {"model": ask.model or "gpt-4o-mini", "input": ask.text, "tools": tools}


def client(gates, ask):
    return gates.client(ask.on_violation, ask.role)


def read(response):
    calls = [item for item in response.output if item.type == "function_call"]
    messages = [item for item in response.output if item.type == "message"]
    assert all(item.status == "completed" for item in calls + messages)
    # `output_text` is the SDK's own sum of all text.
    assert response.output_text == "".join(part.text for message in messages for part in message.content)
    return Answer(response.output_text, [(c.call_id, c.name, json.loads(c.arguments)) for c in calls], response.status)


def accumulate(events):
    """Returns the answer of an application that reads the events by hand, and checks that the last event repeats it."""
    items, text, arguments, numbers, final = {}, {}, {}, [], None
    for event in map(checked, events):
        numbers.append(event.sequence_number)
        if event.type == "response.output_item.done":
            items[event.output_index] = event.item
        elif event.type == "response.output_text.delta":
            text[event.output_index] = text.get(event.output_index, "") + event.delta
        elif event.type == "response.function_call_arguments.delta":
            arguments[event.output_index] = arguments.get(event.output_index, "") + event.delta
        elif event.type == "response.completed":
            final = event.response
    assert [item.id for item in final.output] == [items[index].id for index in sorted(items)]
    assert sorted(items) == list(range(len(items)))
    for index, item in items.items():
        if item.type == "function_call":
            assert item.arguments == arguments.get(index, "")
        elif item.type == "message":
            assert "".join(part.text for part in item.content) == text.get(index, "")
    assert numbers == sorted(set(numbers))
    return read(final)


def whole(self, gates, ask):
    return read(client(gates, ask).responses.create(**body(ask)))


def streamed(self, gates, ask):
    return accumulate(client(gates, ask).responses.create(**body(ask), stream=True))


def helper(self, gates, ask):
    with client(gates, ask).responses.stream(**body(ask)) as stream:
        for event in stream:
            checked(event)
        return read(stream.get_final_response())


def in_async(self, gates, ask):
    async def run():
        async with gates.async_client(ask.on_violation, ask.role) as client:
            answer = read(await client.responses.create(**body(ask)))
            events = [event async for event in await client.responses.create(**body(ask), stream=True)]
        assert accumulate(events) == answer
        return answer

    return asyncio.run(run())


class TestResponses(Suite):
    FORMS = {"whole": whole, "streamed": streamed, "helper": helper, "async": in_async}
    STREAMED = ("streamed", "helper")
    STOP = CALLED = "completed"
    UNAUTHENTICATED, DENIED = openai.AuthenticationError, openai.BadRequestError
    LIMITED, BROKEN = openai.RateLimitError, openai.InternalServerError
    # For the API's own error event, and for the gate's, which the SDK itself raises.
    MIDWAY = (StreamFailed, openai.APIError)

    def pieces(self, gates, ask):
        for event in client(gates, ask).responses.create(**body(ask), stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    def told(self, gates, ask, result):
        first = client(gates, ask).responses.create(**body(ask))
        calls = [item for item in first.output if item.type == "function_call"]
        results = [{"type": "function_call_output", "call_id": c.call_id, "output": result} for c in calls]
        conversation = [{"role": "user", "content": ask.text}, *first.output, *results]
        return client(gates, ask).responses.create(**{**body(ask), "input": conversation}).output_text

    def test_a_summary_of_thoughts_arrives_as_it_was_sealed(self, gates):
        ask = Ask(said({"think": ["Let me ", "see."], "text": ["Sure."]}))
        events = list(client(gates, ask).responses.create(**body(ask), stream=True))
        deltas = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
        assert deltas == ["Let me ", "see."]
        for response in [events[-1].response, client(gates, ask).responses.create(**body(ask))]:
            assert (response.output[0].summary[0].text, response.output[0].encrypted_content) == ("Let me see.", "c2NyaXB0ZWQ=")
            assert response.output_text == "Sure."

    def test_a_truncated_answer_is_marked(self, gates):
        ask = Ask(said({"text": ["Once"], "finish": "max_output_tokens"}))
        *_, last = client(gates, ask).responses.create(**body(ask), stream=True)
        assert last.type == "response.incomplete"
        for response in [last.response, client(gates, ask).responses.create(**body(ask))]:
            assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")

    @needs_gate
    def test_the_sdk_can_read_our_code(self, gates):
        for raised in self.raised(gates, openai.BadRequestError, {"text": ["hi"]}, names=("rm_rf",)).values():
            assert raised.code == "tool_not_in_contract"

    @needs_gate
    def test_a_tool_that_runs_at_the_provider_is_forbidden(self, gates):
        ask = Ask(said({"text": ["hi"]}))
        for kind in ["web_search", "code_interpreter", "image_generation"]:
            try:
                client(gates, ask).responses.create(**{**body(ask), "tools": [{"type": kind}]})
                raise AssertionError(kind)
            except openai.BadRequestError as error:
                assert error.code == "provider_tool_forbidden"

    @needs_gate
    def test_state_at_the_provider_is_forbidden(self, gates):
        ask = Ask(said({"text": ["hi"]}))
        try:
            client(gates, ask).responses.create(**body(ask), previous_response_id="resp_1")
            raise AssertionError("previous_response_id")
        except openai.BadRequestError:
            pass
